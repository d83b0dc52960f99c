"""Greetings and thanks around a question: "Buongiorno, a che ora aprite? Grazie" is about opening hours.

Which topics are no more than manners stands in config.yml; how they sound is learned from their examples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.encoder import bare

WORD = re.compile(r"\w+")
#: Between two of these somebody pauses: a sign that is neither a letter nor what joins letters ("c'è", "e-mail").
PIECE = re.compile(r"(?:\w|[^\S\n]|['’`´]|(?<=\w)[-/@.,:](?=\w))+")
#: Of an example with more words than this the same would be said by nobody else.
LONGEST = 4
SIZES = range(LONGEST, 0, -1)
#: More than so many greetings, or thanks, in a row are not looked for: each costs a look.
MOST = 4


@dataclass(frozen=True)
class Manners:
    """`topics` that are no more than manners, and their short examples as bare words; `answers`: topics that mean
    something only after a question, such as yes and no; `beside`: topics that may be asked for beside another.
    """

    topics: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()

    @staticmethod
    def learn(
        texts: Sequence[str], labels: Sequence[str],
        topics: Sequence[str], answers: Sequence[str], beside: Sequence[str],
    ) -> Manners:  # fmt: skip
        """Of all examples, those of these topics are of use."""
        own = frozenset(topics)
        said = {" ".join(spelled(text)) for text, label in zip(texts, labels, strict=True) if label in own}
        phrases = frozenset(one for one in said if 0 < len(one.split()) <= LONGEST)
        return Manners(own, frozenset(answers), frozenset(beside), phrases)

    def asks(self, topic: str) -> bool:
        """Is this a topic that somebody asks about beside a greeting?"""
        return topic not in self.topics and topic not in self.answers

    def without(self, text: str, alone: Callable[[str], bool]) -> str:
        """The text less the manners at its ends, "" when nothing is left.

        `alone` tells of what stands between two pauses whether it is no more than manners.
        """
        pieces = _pieces(text)
        first, last = 0, len(pieces)
        while last - first > 1 and first < MOST and alone(pieces[first][0].strip()):
            first += 1
        while last - first > 1 and len(pieces) - last < MOST and alone(pieces[last - 1][0].strip()):
            last -= 1
        return self.trimmed(_cut(text, pieces, first, last))

    def trimmed(self, text: str) -> str:
        """The text less the phrases that it begins and ends with, "" when nothing is left."""
        words = list(WORD.finditer(text))
        first, last = 0, len(words)
        while size := next((n for n in SIZES if n <= last - first and self._said(words[first : first + n])), 0):
            first += size
        while size := next((n for n in SIZES if n <= last - first and self._said(words[last - n : last])), 0):
            last -= size
        return _cut(text, words, first, last) if first < last else ""

    def _said(self, words: Sequence[re.Match[str]]) -> bool:
        return " ".join(bare(word[0]) for word in words) in self.phrases


def first_pieces(text: str) -> list[str]:
    """What stands between the first pauses."""
    return [found[0].strip() for found in _pieces(text)[: 2 * MOST]]


def _pieces(text: str) -> list[re.Match[str]]:
    return [found for found in PIECE.finditer(text) if WORD.search(found[0])]


def _cut(text: str, parts: Sequence[re.Match[str]], first: int, last: int) -> str:
    """From the first of these parts to before that one; where nothing was put aside, to the very end of the text."""
    begin = parts[first].start() if first else 0
    end = parts[last].start() if last < len(parts) else len(text)
    return text[begin:end].strip()


def spelled(text: str) -> list[str]:
    """Its words, in small letters without accents."""
    return WORD.findall(bare(text))
