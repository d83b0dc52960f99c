"""Finds customer codes, line numbers and personal facts in what people type on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from phonenumbers import Leniency, PhoneNumberMatcher, national_significant_number
from stdnum.it import codicefiscale

from actions.backends.customers import Fact
from actions.spoken import in_figures

_CODE = re.compile(r"\bv[\s.]?l[\s.\-–—_/:#]*((?:\d[\s.\-]?){5}\d)(?!\d)", re.IGNORECASE)
_BESIDE_CODE = re.compile(
    rf"{_CODE.pattern}(?:[\s,;:/.\-]|\b(?:e|ed|and|ultime|cifre|last|digits|(?:le|the|4|quattro|four)(?=\s\D)))*"
    r"(?P<four>\d{4})(?![\d/.\-])",
    re.IGNORECASE,
)
#: A date in a first message is a birth date only when it says so: bills and visits have dates, too.
_BORN = re.compile(r"\b(nat[oa]|nascita|born|birth\w*|dob)\b", re.IGNORECASE)
_BARE_CODE = re.compile(r"(?<!\d)(\d[\s.\-]?){5}\d(?!\d)")
_TAX_CODE = re.compile(
    r"\b[a-z]{3}[\s.\-]?[a-z]{3}[\s.\-]?[0-9a-z]{2}[\s.\-]?[a-z][0-9a-z]{2}[\s.\-]?[a-z][0-9a-z]{3}[a-z]\b", re.I
)
_FOUR = re.compile(r"(?<!\d)(\d[\s.\-]?\d[\s.\-]?\d[\s.\-]?\d)(?!\d)")
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})\s?[/.\-\s]\s?(?P<m>\d{1,2})\s?[/.\-\s]\s?(?P<y>\d{4}|\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>\d{2})(?P<m>\d{2})(?P<y>(?:19|20)\d{2})(?!\d)"),
    re.compile(
        r"(?<!\d)(?P<d>\d{1,2})(?:°|º|st|nd|rd|th)?\s(?:of\s)?(?P<month>[a-z]{3,9})\.?,?\s(?P<y>\d{4}|\d{2})(?!\d)",
        re.I,
    ),
    re.compile(r"\b(?P<month>[a-z]{3,9})\.?\s(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s(?P<y>\d{4})(?!\d)", re.I),
)
#: A codice fiscale: letters and digits where they belong, with what people mistype (O for 0, I for 1) undone first.
SHAPE = "AAAAAA00A00A000A"
TO_DIGIT = str.maketrans("OIL", "011")
TO_LETTER = str.maketrans("01", "OI")
ALMOST = range(14, 19)  # characters of what was meant to be one
ITALY = 39
SHORTEST = 6
LINE = 8  # digits of a number that can be nothing else
OLD_ENOUGH = 14  # years: nobody younger has a contract
_MONTHS = (
    ("gen", "jan"), ("feb",), ("mar",), ("apr",), ("mag", "may"), ("giu", "jun"),
    ("lug", "jul"), ("ago", "aug"), ("set", "sep"), ("ott", "oct"), ("nov",), ("dic", "dec"),
)  # fmt: skip


def find_customer_code(text: str, *, bare: bool) -> str | None:
    """A customer code as VL-104233. With `bare`, six digits alone count too: right only when the code was asked."""
    text = in_figures(text)
    match = _CODE.search(text) or (_BARE_CODE.search(_without_facts(text)) if bare else None)
    digits = re.sub(r"\D", "", match[0]) if match else ""
    return f"VL-{digits}" if digits else None


def find_phone(text: str) -> str | None:
    """An Italian line number as digits without the country's prefix: 6 to 11 digits, from 0 or 3."""
    return next((digits for _, digits in _phones(_CODE.sub(" ", in_figures(text)))), None)


def find_fact(text: str, *, loose: bool) -> Fact | None:
    """A codice fiscale, a birth date, or the last digits of a line number.

    Without `loose` only what can be nothing else: a codice fiscale, "nata il …", what stands beside the code.
    """
    text = in_figures(text)
    has_code, beside = bool(_CODE.search(text)), _BESIDE_CODE.search(text)
    text = _CODE.sub(" ", text)
    tax_code = find_tax_code(text)
    if tax_code:
        return Fact("tax_code", tax_code)
    born = find_date(text)
    old = born is not None and born.year <= date.today().year - OLD_ENOUGH
    if born and (loose or _BORN.search(text) or has_code and old):
        return Fact("birth_date", born.isoformat())
    if not loose:
        line = find_phone(text) if has_code else None
        digits = line if line and len(line) >= LINE else beside["four"] if beside else None
        return Fact("line_digits", digits[-4:]) if digits else None
    digits = find_phone(text) or next((match[1] for match in _FOUR.finditer(text)), None)
    return Fact("line_digits", re.sub(r"\D", "", digits)[-4:]) if digits else None


def find_tax_code(text: str) -> str | None:
    """A codice fiscale in capitals; None unless its check letter is right."""
    return next((code for code in _tax_codes(text) if codicefiscale.is_valid(code)), None)


def looks_like_tax_code(text: str) -> bool:
    """True when something of about the right length was typed: then the answer is "check it", not "what is it"."""
    return any(len(word) in ALMOST and re.search(r"\d", word) for word in _joined(text))


def _tax_codes(text: str) -> Iterator[str]:
    for word in _joined(text):
        if len(word) == len(SHAPE):
            yield word
            places = zip(word, SHAPE, strict=True)
            yield "".join(char.translate(TO_DIGIT if kind == "0" else TO_LETTER) for char, kind in places)


def _joined(text: str) -> Iterator[str]:
    """Words in capitals, and those beside each other as one, as far as a codice fiscale is long."""
    words = re.findall(r"[A-Z0-9]+", text.upper())
    for start in range(len(words)):
        joined = ""
        for end in range(start, len(words)):
            joined += words[end]
            if len(joined) >= ALMOST.stop:
                break
            yield joined


def find_date(text: str) -> date | None:
    """A birth date in the usual ways of writing one, Italian and English; day before month."""
    for pattern in _DATES:
        for match in pattern.finditer(text):
            parts = match.groupdict()
            month = int(parts["m"]) if parts.get("m") else _month(parts["month"])
            year = int(parts["y"])
            if year < 100:  # of this century only where that makes somebody old enough for a contract
                year += 2000 if year <= date.today().year - 2000 - OLD_ENOUGH else 1900
            try:
                return date(year, month, int(parts["d"]))
            except ValueError:
                continue
    return None


def _month(word: str) -> int:
    starts = enumerate(_MONTHS, start=1)
    return next((number for number, names in starts if word.lower().startswith(names)), 0)


def _without_facts(text: str) -> str:
    text = _TAX_CODE.sub(" ", _DATES[1].sub(" ", text))
    for written, _ in _phones(text):
        text = text.replace(written, " ")
    return text


def _phones(text: str) -> Iterator[tuple[str, str]]:
    """Italian numbers as written and as digits, with or without the country's prefix. Elsewhere's are none of ours."""
    for found in PhoneNumberMatcher(text, "IT", leniency=Leniency.POSSIBLE):
        digits = national_significant_number(found.number)
        if found.number.country_code == ITALY and digits[0] in "03" and len(digits) >= SHORTEST:
            yield found.raw_string, digits
