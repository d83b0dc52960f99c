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
    def learn(texts: Sequence[str]) -> Spelling:
        """Which words there are and how rare each is. A text without any word is allowed, and so are only such."""
        cleaned = [bare(text) for text in texts]
        views = {}
        for name, options in VIEWS.items():
            # A vocabulary must not be empty; the bell character never survives `bare`, so it is in no text.
            terms = _vectorizer(options, None).build_analyzer()
            known = sorted({term for text in cleaned for term in terms(text)}) or ["\a"]
            views[name] = _vectorizer(options, known).fit(cleaned)
        return Spelling(views)

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """One sparse row a text; each view has length 1, or 0 when it knows nothing in the text."""
        cleaned = [bare(text) for text in texts]
        return csr_matrix(hstack([view.transform(cleaned) for view in self.views.values()]))

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
        for name, options in VIEWS.items():
            view = _vectorizer(options, words[name])
            view.idf_ = np.asarray(arrays[f"idf_{name}"])
            views[name] = view
        return Spelling(views)


def _vectorizer(options: dict[str, Any], vocabulary: list[str] | None) -> TfidfVectorizer:
    return TfidfVectorizer(**options, lowercase=False, sublinear_tf=True, vocabulary=vocabulary)
