"""A trained model and what it makes of a message: sure of a topic, torn between two, or not sure at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.calibration import Limits, calibrated, learn, scores
from engine.encoder import bare, encode
from engine.intents import Opinion, Topics, fit, sampled, spoken, topics_of
from engine.manners import Manners, first_pieces, spelled
from engine.spelling import Spelling

#: So many sentences tell the limits as well as all would.
TOLD = 3000
SURE, CLOSE, UNSURE = "sure", "close", "unsure"
#: So many words beside a greeting are a question, and fewer with its sign: if nobody understands them, a greeting would
#: be no answer.
A_QUESTION = 4
#: Beside a greeting this share of what the whole is known by is enough for a question, and for fewer words. Chosen on
#: sentences held out.
QUESTION, FEW_WORDS = 0.6, 0.8
#: So certain must it be of what is told beside a topic: found on held-out sentences, where less was wrong at times.
ABOUT = 0.8
#: A file of numbers and a file of words, so that loading a model can run no code of a stranger.
NUMBERS, WORDS = "intents.npz", "intents.json"


@dataclass(frozen=True)
class Judgement:
    """`ranking` holds every topic with its calibrated confidence, likeliest first; `score` is held against Limits.

    `about`: another topic that is told beside the likeliest one, "" where there is none.
    """

    outcome: str
    ranking: tuple[tuple[str, float], ...]
    score: float
    about: str = ""


@dataclass(frozen=True)
class Model:
    """Topics, the limits learned for them, and which of them are no more than manners."""

    topics: Topics
    limits: Limits
    manners: Manners = Manners()

    @staticmethod
    def train(
        texts: Sequence[str], vectors: Any, labels: Sequence[str], *,
        refused: float, asked: float, **manners: Sequence[str],
    ) -> Model:  # fmt: skip
        """Learn all of it; `vectors` of engine.encoder.encode, at least one text of a topic; shares as in learn."""
        kept = sampled(labels)
        texts, labels = [texts[i] for i in kept], [labels[i] for i in kept]
        return Model.with_opinion(
            texts, vectors[kept], labels, last=TOLD, refused=refused, asked=asked, **manners
        )[0]

    @staticmethod
    def with_opinion(
        texts: Sequence[str], vectors: Any, labels: Sequence[str], *,
        last: int, refused: float, asked: float,
        polite: Sequence[str] = (), answers: Sequence[str] = (), beside: Sequence[str] = (),
    ) -> tuple[Model, Opinion]:  # fmt: skip
        """The same of all texts, and what the model says of each of the last ones when it has not seen that one."""
        named = encode([spoken(name) for name in topics_of(labels)])
        topics, unseen = fit(texts, vectors, labels, named, last=last)
        limits = learn(unseen, topics.names, labels, refused=refused, asked=asked)
        return Model(topics, limits, Manners.learn(texts, labels, polite, answers, beside)), unseen

    def judge(self, texts: Sequence[str], vectors: Any) -> list[Judgement]:
        """What each text is about. Costs well under a millisecond a text, and some more where somebody is polite."""
        if not len(texts):
            return []
        found = self.judged(texts, self.topics.opinion(texts, vectors))
        besides = [self._besides_manners(text, one) for text, one in zip(texts, found, strict=True)]
        return [self._with_its_topic(text, one) for text, one in zip(texts, besides, strict=True)]

    def _with_its_topic(self, text: str, judged: Judgement) -> Judgement:
        """ "La bolletta è sbagliata, fatemi parlare con qualcuno": a person is asked for, and it is about the bill."""
        if judged.outcome != SURE or judged.ranking[0][0] not in self.manners.beside:
            return judged
        pieces = first_pieces(text)
        told = [self._alone(piece) for piece in pieces] if len(pieces) > 1 else []
        own = self.manners.beside | self.manners.topics | self.manners.answers
        likely = [one.ranking[0] for one in told if one.outcome == SURE and one.ranking[0][0] not in own]
        name, confidence = max(likely, key=lambda pair: pair[1], default=("", 0.0))
        return replace(judged, about=name) if confidence >= ABOUT else judged

    def _besides_manners(self, text: str, judged: Judgement) -> Judgement:
        """Who says hello and asks something is answered what they ask, or that it is not understood."""
        likely = [name for name, _ in judged.ranking[: 2 if judged.outcome == CLOSE else 1]]
        polite = not self.manners.topics.isdisjoint(likely)
        rest = self.manners.without(text, self._only_manners) if polite else self.manners.trimmed(text)
        if rest == "" and judged.outcome == CLOSE and self.manners.topics.issuperset(likely):
            return replace(judged, outcome=SURE)  # "thanks, bye": nobody would ask which of the two was meant
        if rest in ("", text.strip()):
            return judged
        asked = self._alone(rest)
        question = polite and ("?" in rest or len(spelled(rest)) >= A_QUESTION)
        if asked.outcome == UNSURE:
            return asked if question else judged
        share = (QUESTION if question else FEW_WORDS) if polite else 1.0
        known = asked.score >= share * judged.score
        return asked if known and self.manners.asks(asked.ranking[0][0]) else judged

    def _only_manners(self, text: str) -> bool:
        judged = self._alone(text)
        return judged.outcome == SURE and judged.ranking[0][0] in self.manners.topics

    def _alone(self, text: str) -> Judgement:
        return self.judged([text], self.topics.opinion([text], encode([text])))[0]

    def judged(self, texts: Sequence[str], opinion: Opinion) -> list[Judgement]:
        """What follows from an opinion."""
        shares = calibrated(opinion.margins, self.limits.temperature)
        return [self._judgement(*one) for one in zip(texts, shares, scores(opinion), strict=True)]

    def _judgement(self, text: str, shares: Any, score: float) -> Judgement:
        order = np.argsort(-shares, kind="stable")
        ranking = tuple((self.topics.names[i], float(shares[i])) for i in order)
        if not bare(text) or score < self.limits.sure:
            outcome = UNSURE
        elif len(ranking) > 1 and ranking[0][1] - ranking[1][1] < self.limits.close:
            outcome = CLOSE
        else:
            outcome = SURE
        return Judgement(outcome, ranking, float(score))

    def save(self, folder: Path) -> None:
        """Write the two files."""
        topics = self.topics
        np.savez(folder / NUMBERS, shown=topics.shown, own=topics.own, meaning=topics.meaning,
                 spelling=topics.spelling, rarity=topics.views.rarity)
        words = {"names": topics.names, "limits": asdict(self.limits), "views": topics.views.as_json(),
                 "manners": {name: sorted(some) for name, some in asdict(self.manners).items()}}
        (folder / WORDS).write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> Model:
        """Read what `save` wrote. Raises OSError, KeyError or ValueError for anything else."""
        words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
        with np.load(folder / NUMBERS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        views = Spelling.restore(words["views"], arrays.pop("rarity"))
        manners = Manners(**{name: frozenset(some) for name, some in words["manners"].items()})
        return Model(Topics(tuple(words["names"]), views=views, **arrays), Limits(**words["limits"]), manners)
