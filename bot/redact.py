"""Blacks out what must not stand in a log: secrets we know, and what looks like a person's data or a token.

Whoever writes a log line gives numbers of rows and words of ours, never a customer's text. This is for what slips
through all the same: a library's error that quotes what it could not take.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Iterator

GONE = "***"

_FLAGS = re.IGNORECASE | re.ASCII
#: In this order: a longer shape before one that is a part of it.
PATTERNS = tuple(
    re.compile(pattern, _FLAGS)
    for pattern in (
        r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",  # user and password in an address
        r"\b\d{6,12}:[\w-]{30,}",  # a Telegram bot's token
        r"(?<=bearer )\S+",
        r"(?<=basic )[a-z0-9+/=]{8,}",
        # a named secret: access_token=…, "password": "…"
        r"(?<=token)[\"']?\s?[=:]\s?[\"']?[^\s\"'&,;)}]+",
        r"(?<=secret)[\"']?\s?[=:]\s?[\"']?[^\s\"'&,;)}]+",
        r"(?<=password)[\"']?\s?[=:]\s?[\"']?[^\s\"'&,;)}]+",
        r"(?<=proof)[\"']?\s?[=:]\s?[\"']?[^\s\"'&,;)}]+",
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # an e-mail address
        # a codice fiscale, also with letters where two people would have the same one, also in groups
        r"\b[a-z]{3} ?[a-z]{3} ?[\dlmnp-v]{2} ?[abcdehlmprst] ?[\dlmnp-v]{2} ?[a-z] ?[\dlmnp-v]{3} ?[a-z]\b",
        r"\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,4})?\b",  # an IBAN
        r"(?<!\w)(?:\+|00)\d(?:[ ./()-]{0,2}\d){7,14}(?!\w)",  # a phone number with its country
        r"(?<!\w)3\d{2}[ ./-]?\d{3}[ ./-]?\d{3,4}(?!\w)",  # an Italian mobile number
        r"(?<!\w)0\d{1,3}[ ./-]\d{3,4}[ ./-]?\d{2,4}(?!\w)",  # an Italian landline
        r"(?<!\w)\d{9,}(?!\w)",  # a chat's id, a card, a phone number of elsewhere: no number of ours is as long
        r"\b[0-9a-f]{40,}\b",  # a hash, a proof
    )
) + (
    # Opaque words of capitals, small letters and digits: a Page's token, a session's, a password's hash.
    re.compile(r"(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{32,}", re.ASCII),
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


class Redactor:
    """Blacks out in any text. `secrets` are values of ours, blacked out whatever they look like."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # a shorter one would black out half of every line
        self._secrets = sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets and personal data."""
        for secret in self._secrets:
            text = text.replace(secret, GONE)
        for pattern in PATTERNS:
            text = pattern.sub(GONE, text)
        return text

    def error(self, error: BaseException) -> str:
        """The error and what led to it, oldest first: where it happened, and its words without what they quote."""
        told = []
        for one in reversed(list(_chain(error))):
            where = "".join(traceback.format_tb(one.__traceback__))
            told.append(f"Traceback (most recent call last):\n{where}{self._name(one)}")
        return "\n\n".join(told)

    def _name(self, error: BaseException) -> str:
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        if isinstance(error, BaseExceptionGroup):
            return f"{name}: {', '.join(self._name(each) for each in error.exceptions)}"
        words = str(error)
        if not kind.__module__.startswith("bot."):
            # Libraries quote what they were given; databases do so from the second line on.
            words = _QUOTED.sub("'…'", words.partition("\n")[0])
        return f"{name}: {self.text(words)}" if words else name


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, what caused that."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
