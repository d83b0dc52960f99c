"""Which language to answer in: what the text is written in, else what was spoken before, else the platform's locale."""

from __future__ import annotations

import re
from pathlib import Path

from bot.flow.spoken import Spoken, spoken

SURE = 0.95  # below this a short text changes nothing: "ok", "Roma", a name
LETTERS = 10  # fewer letters than this say nothing

_models: dict[tuple[str, ...], Spoken] = {}


def language_of(text: str, known: str | None, locale: str, languages: tuple[str, ...]) -> str:
    """One of `languages`. `known` is the conversation's language so far, `locale` what the platform says ("it_IT")."""
    if len(languages) > 1 and len(re.sub(r"[\W\d_]", "", text)) >= LETTERS and " " in text.strip():
        language, probability = _model(tuple(sorted(languages))).classify(text.lower())
        if probability >= SURE:
            return language
    if known in languages and known is not None:
        return known
    set_to = locale[:2].lower()
    if set_to in languages:
        return set_to
    return "en" if set_to and "en" in languages else languages[0]


def prepare(languages: tuple[str, ...], kept: Path | None = None) -> None:
    """Read the model now, which may take seconds, and not at the first message. `kept`: the file that it is kept in."""
    if len(languages) > 1:
        asked = tuple(sorted(languages))
        _models[asked] = spoken(asked, kept)


def _model(languages: tuple[str, ...]) -> Spoken:
    if languages not in _models:
        _models[languages] = spoken(languages)
    return _models[languages]
