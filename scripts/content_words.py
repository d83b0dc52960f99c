"""Rules for what customers say (nlu/) and what the bot says (the responses of domain/)."""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from content_files import LANGUAGES, Content

#: Fewest examples of an intent that customers type, by language.
FEWEST = {"it": 25, "en": 12}
#: Messenger cuts a longer title, and takes no more buttons than this from us (Telegram neither).
TITLE, BUTTONS, PAYLOAD = 20, 8, 200
#: A longer answer is not read on a phone.
LONGEST = 300
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
PERSONAL = (
    ("a codice fiscale", re.compile(r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b", re.IGNORECASE)),
    ("a customer code", re.compile(r"\bVL[\s-]?\d{6}\b", re.IGNORECASE)),
    ("a phone number", re.compile(r"(?<!\d)(?:\+39\s?)?[03]\d{2}[\s.-]?\d{6,7}(?!\d)")),
    ("an e-mail address", re.compile(r"\S+@\S+\.\w{2,}")),
)


def check_examples(content: Content) -> Iterator[str]:
    """Enough examples in both languages, none twice, none with somebody's data."""
    seen: dict[str, str] = {}
    for intent, by_language in content.examples.items():
        where = f"nlu/{content.example_files[intent]}.yml"
        if intent not in content.intents:
            yield f"{where}: the intent {intent} is not in domain/; add it under `intents:` there."
        for language in set(by_language) - set(LANGUAGES):
            yield f"{where}: a block of {intent} is in no known language ({language or 'none'}); write it or en."
        for language, fewest in FEWEST.items():
            count = len(by_language.get(language, []))
            if count < fewest:
                yield f"{where}: {intent} has {count} examples in {language}, it needs at least {fewest}."
        for text in (text for texts in by_language.values() for text in texts):
            before = seen.setdefault(plain(text), intent)
            if before != intent:
                yield f"{where}: «{text}» is an example of {intent} and of {before}; keep it in one of them."
            for what, pattern in PERSONAL:
                if pattern.search(text):
                    yield f"{where}: «{text}» holds {what}; examples must not hold anybody's data."
    for intent, by_language in content.examples.items():
        yield from _twice(content, intent, by_language)


def _twice(content: Content, intent: str, by_language: dict[str, list[str]]) -> Iterator[str]:
    texts = [text for language in by_language.values() for text in language]
    for text in sorted({text for text in texts if texts.count(text) > 1}):
        yield f"nlu/{content.example_files[intent]}.yml: «{text}» stands twice under {intent}."


def check_responses(content: Content) -> Iterator[str]:
    """Both languages, the same facts in both, short texts, buttons that fit and lead somewhere."""
    for name, variations in content.responses.items():
        where = f"domain/{content.response_files[name]}.yml: {name}"
        italian = [variation for variation in variations if not variation.get("condition")]
        english = [variation for variation in variations if _language(variation) == "en"]
        if not italian:
            yield f"{where} has no Italian text (the one without `condition:`)."
        if not english:
            yield f"{where} has no English text (`condition: [{{type: slot, name: language, value: en}}]`)."
        for variation in variations:
            yield from _variation(content, where, variation)
        if italian and english:
            yield from _same_facts(where, italian[0], english[0])


def _language(variation: dict[str, Any]) -> str:
    return next((str(c.get("value")) for c in variation.get("condition") or [] if c.get("name") == "language"), "it")


def _variation(content: Content, where: str, variation: dict[str, Any]) -> Iterator[str]:
    text = str(variation.get("text") or "")
    if not text.strip() and not variation.get("custom"):
        yield f"{where} has an empty text."
    if len(text) > LONGEST:
        yield f"{where}: «{text[:40]}…» is {len(text)} characters long; {LONGEST} is the most."
    if len(EMOJI.findall(text)) > 1:
        yield f"{where}: «{text[:40]}…» has more than one emoji."
    if "!!" in text or text.count("!") > 2:
        yield f"{where}: «{text[:40]}…» shouts; one exclamation mark is plenty."
    buttons = variation.get("buttons") or []
    if len(buttons) > BUTTONS:
        yield f"{where} has {len(buttons)} buttons; {BUTTONS} is the most."
    titles = [str(button.get("title") or "") for button in buttons]
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        yield f"{where} has the button «{title}» twice in one message."
    for button in buttons:
        yield from _button(content, where, str(button.get("title") or ""), str(button.get("payload") or ""))


def _button(content: Content, where: str, title: str, payload: str) -> Iterator[str]:
    if not title or len(title) > TITLE:
        yield f"{where}: the button «{title}» is {len(title)} characters long; 1 to {TITLE} are allowed."
    if len(payload) > PAYLOAD:
        yield f"{where}: the payload of «{title}» is {len(payload)} characters long; {PAYLOAD} is the most."
    match = re.fullmatch(r"/(\w+)(\{.*\})?", payload)
    if not match:
        yield f"{where}: the payload of «{title}» is {payload!r}; it must be /intent, or /intent and data in braces."
        return
    if match[1] == "ask_human":
        yield f"{where}: take the button «{title}» out; the bot adds a way to a person by itself."
    elif match[1] not in content.intents:
        yield f"{where}: the button «{title}» leads to /{match[1]}, which no domain file lists under `intents:`."
    if match[2]:
        yield from _payload_entities(content, where, title, match[2])


def _payload_entities(content: Content, where: str, title: str, data: str) -> Iterator[str]:
    if not (data.startswith("{{") and data.endswith("}}")):
        yield f"{where}: the payload of «{title}» needs doubled braces, {{{{ and }}}}; single ones are for variables."
        return
    try:
        entities = json.loads(data[1:-1])
    except ValueError:
        yield f"{where}: the payload of «{title}» is not JSON between its braces: {data}."
        return
    for entity in sorted(set(entities) - content.entities):
        yield f"{where}: the payload of «{title}» gives {entity}, which no domain file lists under `entities:`."


def _same_facts(where: str, italian: dict[str, Any], english: dict[str, Any]) -> Iterator[str]:
    facts = [set(re.findall(r"(?<!\{)\{(\w+)\}(?!\})", str(one.get("text") or ""))) for one in (italian, english)]
    for only, other in ((facts[0] - facts[1], "English"), (facts[1] - facts[0], "Italian")):
        if only:
            yield f"{where}: the {other} text lacks {', '.join('{' + name + '}' for name in sorted(only))}."
    payloads = [[button.get("payload") for button in one.get("buttons") or []] for one in (italian, english)]
    if payloads[0] != payloads[1]:
        yield f"{where}: the buttons of the two languages do not lead to the same places in the same order."


def plain(text: str) -> str:
    """Lower case, without accents or punctuation: two examples that differ only there are the same one."""
    letters = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(char for char in letters if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\U0001f300-\U0001faff]+", " ", bare).split()) or text
