"""Sentences as counted words and pieces of words: what the sentence encoder overlooks, such as names and codes.

Two TF-IDF views side by side, kept as plain arrays and a JSON vocabulary: nothing is pickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from engine.encoder import bare

#: Words and pairs of words; pieces of 2 to 5 letters, so that "orarri" still looks like "orari".
VIEWS: dict[str, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "pieces": {"ngram_range": (2, 5), "analyzer": "char_wb"},
}


@dataclass(frozen=True)
class Spelling:
    """The learned views, by the names of VIEWS."""

    views: dict[str, TfidfVectorizer]

    @staticmethod
    def learn(texts: Sequence[str]) -> tuple[Spelling, csr_matrix]:
        """Which words there are and how rare each is, and the texts' own vectors.

        A text without any word is allowed, and so are only such.
        """
        views, rows = {}, []
        for name in VIEWS:
            terms = [_terms(name, text) for text in texts]
            # A vocabulary must not be empty; the bell character is in no text, since `bare` drops it.
            views[name] = _counted(sorted({term for each in terms for term in each}) or ["\a"])
            rows.append(views[name].fit_transform(terms))
        return Spelling(views), csr_matrix(hstack(rows))

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """One sparse row a text; each view has length 1, or 0 when it knows nothing in the text."""
        rows = [view.transform([_terms(name, text) for text in texts]) for name, view in self.views.items()]
        return csr_matrix(hstack(rows))

    def as_json(self) -> dict[str, list[str]]:
        """The words, in the order of the rarities."""
        return {name: sorted(view.vocabulary_, key=view.vocabulary_.get) for name, view in self.views.items()}

    def as_arrays(self) -> dict[str, Any]:
        """The rarities, one a word."""
        return {f"idf_{name}": view.idf_ for name, view in self.views.items()}

    @staticmethod
    def restore(words: dict[str, list[str]], arrays: dict[str, Any]) -> Spelling:
        """The inverse of as_json and as_arrays."""
        views = {}
        for name in VIEWS:
            views[name] = _counted(words[name])
            views[name].idf_ = np.asarray(arrays[f"idf_{name}"])
        return Spelling(views)


#: What cuts a text into terms, by view.
CUTS = {name: TfidfVectorizer(**options, lowercase=False).build_analyzer() for name, options in VIEWS.items()}


def _terms(view: str, text: str) -> list[str]:
    return CUTS[view](bare(text))


def _given(terms: list[str]) -> list[str]:
    """For texts that come already cut."""
    return terms


def _counted(vocabulary: list[str]) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=_given, sublinear_tf=True, vocabulary=vocabulary)
