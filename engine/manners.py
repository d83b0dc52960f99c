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
#: More than so many greetings, or thanks, in a row are not looked for: each costs a look.
MOST = 4


@dataclass(frozen=True)
class Manners:
    """`topics` that are no more than manners, and their short examples as bare words; `no_questions`: these, and topics
    that mean something only as an answer, such as yes and no.
    """

    topics: frozenset[str] = frozenset()
    no_questions: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()

    @staticmethod
    def learn(
        texts: Sequence[str], labels: Sequence[str], topics: Sequence[str], answers: Sequence[str]
    ) -> Manners:
        """Of all examples, those of these topics are of use."""
        own = frozenset(topics)
        said = {" ".join(spelled(text)) for text, label in zip(texts, labels, strict=True) if label in own}
        phrases = frozenset(one for one in said if 0 < len(one.split()) <= LONGEST)
        return Manners(own, own | frozenset(answers), phrases)

    def without(self, text: str, alone: Callable[[str], bool]) -> str:
        """The text less the manners at its ends, "" when nothing is left.

        `alone` tells of what stands between two pauses whether it is no more than manners.
        """
        pieces = [found for found in PIECE.finditer(text) if WORD.search(found[0])]
        begin, end = 0, len(text)
        for _ in range(MOST):
            if len(pieces) < 2 or not alone(pieces[0][0].strip()):
                break
            pieces.pop(0)
            begin = pieces[0].start()
        for _ in range(MOST):
            if len(pieces) < 2 or not alone(pieces[-1][0].strip()):
                break
            end = pieces.pop().start()
        return self.trimmed(text[begin:end].strip())

    def trimmed(self, text: str) -> str:
        """The text less the phrases that it begins and ends with, "" when nothing is left."""
        words = list(WORD.finditer(text))
        begin, end = 0, len(text)
        while size := self._polite(words, slice(LONGEST)):
            words = words[size:]
            begin = words[0].start() if words else end
        while size := self._polite(words, slice(-LONGEST, None)):
            end, words = words[-size].start(), words[:-size]
        return text[begin:end].strip() if words else ""

    def _polite(self, words: Sequence[re.Match[str]], at: slice) -> int:
        """How many words of the longest phrase at that end there are; 0 if there is none."""
        said = [bare(word[0]) for word in words[at]]
        ends = [said[:n] if at.start is None else said[-n:] for n in range(len(said), 0, -1)]
        return next((len(one) for one in ends if " ".join(one) in self.phrases), 0)


def spelled(text: str) -> list[str]:
    """Its words, in small letters without accents."""
    return WORD.findall(bare(text))
