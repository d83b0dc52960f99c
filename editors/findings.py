"""What the report says, in numbers: worked out of what the model made of each sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from editors.content import Content, Example
from editors.examples import FEWEST
from editors.understanding import Tried, Understanding, same

SURE, CLOSE = "sure", "close"
#: A topic understood less often than this wants better examples first.
WEAK = 0.92
BINS = 10


@dataclass(frozen=True)
class Topic:
    """One topic of the report. `confused` are its examples that were taken for another, the surest first."""

    name: str
    counts: dict[str, int]
    right: float
    confused: list[tuple[Example, Tried]]
    rivals: list[tuple[str, int]]
    alike: list[tuple[Example, Example, float]]

    def missing(self, language: str) -> int:
        """How many examples it lacks in a language."""
        return max(0, FEWEST[language] - self.counts.get(language, 0))

    @property
    def urgency(self) -> float:
        """What to work on first: many mistakes, then few examples, then examples that say the same."""
        lacking = self.missing("it") / FEWEST["it"] + self.missing("en") / FEWEST["en"]
        return 4 * max(0.0, WEAK - self.right) + lacking + 2 * len(self.alike) / max(1, sum(self.counts.values()))


def topics(understanding: Understanding) -> list[Topic]:
    """All topics, the weakest first."""
    by_name: dict[str, list[tuple[Example, Tried]]] = {}
    for example, tried in understanding.tried:
        by_name.setdefault(example.intent, []).append((example, tried))
    alike: dict[str, list[tuple[Example, Example, float]]] = {}
    for one, other, cosine in understanding.near:
        if one.intent == other.intent and one.language == other.language and same(one, other, cosine):
            alike.setdefault(one.intent, []).append((one, other, cosine))
    found = []
    for name, pairs in by_name.items():
        confused = sorted((pair for pair in pairs if pair[1].taken_for != name), key=lambda pair: -pair[1].probability)
        found.append(Topic(
            name=name, counts=dict(Counter(example.language for example, _ in pairs)),
            right=1 - len(confused) / len(pairs), confused=confused,
            rivals=Counter(tried.taken_for for _, tried in confused).most_common(3), alike=alike.get(name, []),
        ))  # fmt: skip
    return sorted(found, key=lambda topic: topic.right)


def accuracy(tried: Sequence[Tried], language: str = "") -> float:
    """How many were taken for their own topic, whatever the bot then does. 0 of nothing is 0."""
    some = [one for one in tried if not language or one.language == language]
    return sum(one.taken_for == one.topic for one in some) / len(some) if some else 0.0


def outcome_share(tried: Sequence[Tried], *outcomes: str) -> float:
    """How many ended so."""
    return sum(one.outcome in outcomes for one in tried) / len(tried) if tried else 0.0


def wrongly_answered(tried: Sequence[Tried]) -> list[Tried]:
    """The worst: the bot was sure, and answered something else. The surest first."""
    return sorted((one for one in tried if one.outcome == SURE and one.taken_for != one.topic), key=lambda t: -t.score)


def calibration_error(tried: Sequence[Tried]) -> float:
    """Expected calibration error over ten bins: how far "90 of 100" is from being right 90 times of 100."""
    bins: dict[int, list[Tried]] = {}
    for one in tried:
        bins.setdefault(min(BINS - 1, int(one.probability * BINS)), []).append(one)
    gaps = (abs(sum(t.probability - (t.taken_for == t.topic) for t in some)) for some in bins.values())
    return sum(gaps) / len(tried) if tried else 0.0


def matrix(understanding: Understanding) -> tuple[list[str], list[list[int]]]:
    """Topics in the order of the files, and how often a row's example was taken for a column's topic."""
    names = list(dict.fromkeys(example.intent for example, _ in understanding.tried))
    counts = Counter((example.intent, tried.taken_for) for example, tried in understanding.tried)
    return names, [[counts[row, column] for column in names] for row in names]


def out_of_scope_curve(good: Sequence[Tried], beyond: Sequence[Tried]) -> list[tuple[float, float]]:
    """For every threshold (good sentences refused, sentences out of scope refused), shares."""
    if not good or not beyond:
        return []
    marks = sorted({one.score for one in (*good, *beyond)})
    ours, theirs = sorted(one.score for one in good), sorted(one.score for one in beyond)
    points = [(0.0, 0.0)]
    i = j = 0
    for mark in [*marks, marks[-1] + 1]:
        while i < len(ours) and ours[i] < mark:
            i += 1
        while j < len(theirs) and theirs[j] < mark:
            j += 1
        points.append((i / len(ours), j / len(theirs)))
    return points


def titles(content: Content, language: str) -> dict[str, str]:
    """The short title of every topic, its name where it has none."""
    found = {}
    for name in content.intents:
        response = content.responses.get(f"utter_topic_{name}")
        said = response.of(language) if response else None
        found[name] = str(said.get("text")) if said else name
    return found
