"""Which language to answer in: what the text is written in, else what was spoken before, else the platform's locale."""

from __future__ import annotations

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

SURE = 0.95  # below this a short text changes nothing: "ok", "Roma", a name
LETTERS = 10  # fewer letters than this say nothing


def language_of(text: str, known: str | None, locale: str, languages: tuple[str, ...]) -> str:
    """One of `languages`. `known` is the conversation's language so far, `locale` what the platform says ("it_IT")."""
    if len(languages) > 1 and len(re.sub(r"[\W\d_]", "", text)) >= LETTERS and " " in text.strip():
        language, probability = _identifier(languages).classify(text.lower())
        if probability >= SURE:
            return str(language)
    if known in languages and known is not None:
        return known
    spoken = locale[:2].lower()
    if spoken in languages:
        return spoken
    return "en" if spoken and "en" in languages else languages[0]


@cache
def _identifier(languages: tuple[str, ...]) -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(languages))
    # it keeps the other 140 languages to come back to, 28 MB of them in every process, and has no word for letting go
    identifier._full_model = identifier.nb_ptc, identifier.nb_pc, identifier.nb_classes
    return identifier
