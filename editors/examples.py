"""Rules for what customers say (nlu/)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from editors.content import BACKGROUND, LANGUAGES, Content, Example, Source
from editors.sentences import Mistake

#: With fewer examples of an intent that customers type, the model guesses; by language.
FEWEST = {"it": 45, "en": 20}
PERSONAL = (
    ("fiscal_code", re.compile(r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b", re.IGNORECASE)),
    ("customer_code", re.compile(r"\bVL[\s-]?\d{6}\b", re.IGNORECASE)),
    ("phone", re.compile(r"(?<!\d)(?:\+39\s?)?[03]\d{2}[\s.-]?\d{6,7}(?!\d)")),
    ("email", re.compile(r"\S+@\S+\.\w{2,}")),
)


def check_examples(content: Content) -> Iterator[Mistake]:
    """Examples in both languages, none twice, none with somebody's data."""
    seen: dict[str, Example] = {}
    for example in content.examples:
        if example.language not in LANGUAGES:
            continue
        before = seen.setdefault(plain(example.text), example)
        if before.intent != example.intent:
            yield example.mistake("in_two_topics", other=before.intent, there=f"{before.file}:{before.line}")
        elif before is not example and before.text == example.text:
            yield example.mistake("twice", there=before.line)
        for what, pattern in PERSONAL:
            if pattern.search(example.text):
                yield example.mistake(f"personal_{what}")
    yield from _blocks(content)


def _blocks(content: Content) -> Iterator[Mistake]:
    counts = Counter((example.intent, example.language) for example in content.examples)
    told = set()
    twice = {one.values["intent"] for one in content.repeated if one.say == "intent_twice"}
    for source in content.sources["nlu"].values():
        for number, block in enumerate(source.data.get("nlu") or []):
            yield from _without_dash(source, number, str(block.get("examples") or ""))
            intent = block.get("intent")
            language = str((block.get("metadata") or {}).get("language") or "")
            at = ("nlu", number, "intent")
            if not intent:
                continue
            if language not in LANGUAGES:
                yield source.mistake("no_language", *at, intent=intent, language=language or "?")
            home = content.intents[intent][0] if intent in content.intents else source
            if home.stem != source.stem and intent not in twice:
                yield source.mistake("block_elsewhere", *at, intent=intent, stem=home.stem)
            if intent in told:
                continue
            told.add(intent)
            if intent not in content.intents and intent != BACKGROUND:
                yield source.mistake("unlisted_intent", *at, intent=intent)
            for each, fewest in FEWEST.items():
                count = counts[intent, each]
                if not count:
                    yield source.mistake(f"no_examples_{each}", *at, intent=intent)
                elif count < fewest:
                    yield source.mistake(f"few_{each}", *at, warning=True, intent=intent, count=count, fewest=fewest)


def _without_dash(source: Source, number: int, examples: str) -> Iterator[Mistake]:
    first = source.document.line("nlu", number, "examples")
    for below, line in enumerate(examples.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("-"):
            yield Mistake(source.name, first + below, "no_dash", {"text": line.strip()})


def plain(text: str) -> str:
    """Lower case, without accents or punctuation: two examples that differ only there are the same one."""
    letters = unicodedata.normalize("NFKD", text.lower())
    bare = "".join(char for char in letters if not unicodedata.combining(char))
    return " ".join(re.sub(r"[^\w\U0001f300-\U0001faff]+", " ", bare).split()) or text
