"""Sentences as counted words and pieces of words: what the sentence encoder overlooks, such as names and codes.

Two TF-IDF views side by side, kept as plain arrays and a JSON vocabulary: nothing is pickled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

from engine.encoder import bare

#: Words and pairs of words; pieces of 2 to 5 letters, so that "orarri" still looks like "orari".
VIEWS: dict[str, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
    "pieces": {"ngram_range": (2, 5), "analyzer": "char_wb"},
}
#: What cuts a text into terms, by view.
CUTS = {name: CountVectorizer(**options, lowercase=False).build_analyzer() for name, options in VIEWS.items()}


@dataclass(frozen=True)
class Spelling:
    """The place and the rarity of each term, a view after the other. A term's place is its number among all."""

    places: dict[str, dict[str, int]]
    rarity: Any

    @staticmethod
    def learn(texts: Sequence[str]) -> tuple[Spelling, csr_matrix]:
        """Which terms there are and how rare each is, and the texts' own vectors. Texts without a word are allowed."""
        cut = [{name: terms(name, text) for name in VIEWS} for text in texts]
        seen = {name: Counter(term for each in cut for term in set(each[name])) for name in VIEWS}
        found = Spelling.restore({name: sorted(seen[name]) for name in VIEWS}, np.zeros(sum(map(len, seen.values()))))
        for name, places in found.places.items():
            counts = np.array([seen[name][term] for term in places], dtype=float)
            found.rarity[list(places.values())] = np.log((1 + len(texts)) / (1 + counts)) + 1
        return found, found._weighed(cut)

    @staticmethod
    def restore(words: dict[str, list[str]], rarity: Any) -> Spelling:
        """The inverse of as_json and `rarity`."""
        places: dict[str, dict[str, int]] = {}
        start = 0
        for name in VIEWS:
            places[name] = {term: start + number for number, term in enumerate(words[name])}
            start += len(words[name])
        return Spelling(places, np.asarray(rarity, dtype=np.float32))

    def as_json(self) -> dict[str, list[str]]:
        """The terms, in the order of the rarities."""
        return {name: list(places) for name, places in self.places.items()}

    def vectors(self, texts: Sequence[str]) -> csr_matrix:
        """One sparse row a text; each view has length 1, or 0 when it knows nothing in the text."""
        return self._weighed([{name: terms(name, text) for name in VIEWS} for text in texts])

    def _weighed(self, cut: Sequence[dict[str, list[str]]]) -> csr_matrix:
        values: list[Any] = [np.zeros(0, dtype=np.float32)]
        columns: list[int] = []
        ends = [0]
        for each in cut:
            for name, places in self.places.items():
                counted = Counter(places[term] for term in each[name] if term in places)
                if counted:
                    own = list(counted)
                    weights = (1 + np.log(np.fromiter(counted.values(), np.float32, len(own)))) * self.rarity[own]
                    values.append(weights / np.linalg.norm(weights))
                    columns += own
            ends.append(len(columns))
        return csr_matrix((np.concatenate(values), columns, ends), shape=(len(cut), len(self.rarity)), dtype=np.float32)


def terms(view: str, text: str) -> list[str]:
    """The terms of a text in one view, each as often as it stands there."""
    return CUTS[view](bare(text))
