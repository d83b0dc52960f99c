"""Is this a promise? What an agent's words, in Italian or English, promise a customer, and by when.

No promise are questions, the past, what depends on the customer, their quoted wishes, opening hours, and what is
denied. A rule set and no model: an agent must be able to see why a line was taken for a promise.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from bot.model import promise_words as words
from bot.model.due import Hours, due_of, is_closed

LONGEST = 8000  # characters looked at

_QUOTED = re.compile(r"«[^»]*»|“[^”]*”|\"[^\"\n]*\"|^>.*$", re.MULTILINE)
_ENDS = re.compile(r"(?<=[.!?…])\s+|\n+")
_CLAUSES = re.compile(r"[,;]\s+|:\s+|\s+[-–—]\s+|\s+\((?=\w)|\)\s+|\s+(?=(?:ma|però|pero|but)\s)")
_MINE = re.compile(
    r"\b(?:i|i'll|i'm)\b|\w+rò\b|\bme\b|\b(?:richiamo|chiamo|scrivo|mando|rispondo|faccio|aggiorno|invio|do)\b"
)


@dataclass(frozen=True)
class Promised:
    """A promise as it was read. `due` is None where no time was said: a promise that nobody can watch.

    `by`: "agent" where the writer promises to do it, else "company". `confidence` is 0 to 1.
    """

    what: str
    due: datetime | None
    kind: str
    by: str
    confidence: float
    words: str
    closed: bool = False  # the team is not there on that day


def promised(text: str, now: datetime, hours: Hours) -> list[Promised]:
    """What `text` promises, one per sentence, those with a time first. `now` is aware, `due` local to the team."""
    plain = unicodedata.normalize("NFC", text[:LONGEST]).replace("’", "'").replace("`", "'")
    plain = re.sub(r"\b([ap])\.m\.", r"\1m", _QUOTED.sub(" … ", plain), flags=re.IGNORECASE)
    found = [one for sentence in _ENDS.split(plain) if (one := _in_sentence(sentence.strip(), now, hours))]
    return sorted(found, key=lambda one: (one.due is None, one.due or now))


def _in_sentence(sentence: str, now: datetime, hours: Hours) -> Promised | None:
    low = sentence.lower()
    if low.endswith("?"):
        if not words.TAG.search(low):
            return None
        low = words.TAG.sub("", low)
    clauses = [_Clause(part) for part in _CLAUSES.split(low) if part and part.strip()]
    if any(clause.conditional for clause in clauses):
        return None
    for number, clause in enumerate(clauses):
        if clause.denied or not clause.commits:
            continue
        due = due_of(clause.plain, now, hours) or _beside(clauses, number, now, hours)
        if due or clause.vague:
            return _as_promise(sentence, clause, due, hours)
    return None


def _beside(clauses: list[_Clause], number: int, now: datetime, hours: Hours) -> datetime | None:
    """The time that stands beside the clause: "domani, se tutto va bene, ..." or "ci penso io: entro le 15"."""
    for other in (number + 1, number - 1):
        if 0 <= other < len(clauses) and not clauses[other].denied and not clauses[other].commits:
            due = due_of(clauses[other].plain, now, hours)
            if due:
                return due
    return None


class _Clause:
    """A piece of a sentence between commas, and what can be said of it."""

    def __init__(self, text: str) -> None:
        accented = " ".join(words.mended(_bare(word)) if _bare(word) != words.mended(_bare(word)) else word
                            for word in text.replace("...", " ").strip(" .!…").split())  # fmt: skip
        bare = _bare(accented)
        self.conditional = _depends(bare)
        bare = words.NO_DENIAL.sub(" entro ", bare)
        self.denied = bool(
            words.DENIED.search(bare) or words.HOURS.search(bare) or words.REGULARLY.search(bare)
            or words.REPORTED.search(bare)
        )  # fmt: skip
        self.commits = words.commits(bare, accented)
        self.vague = words.vague(bare, accented)
        self.mine = bool(_MINE.search(accented))
        self.plain = words.BEFORE.sub(" ", bare)


def _depends(bare: str) -> bool:
    """Does it hang on somebody else? "Le faccio sapere se" does not."""
    if words.CONDITION.search(bare):
        return True
    inside = words.IF_INSIDE.search(bare)
    return bool(inside and not words.KNOWING.search(bare[: inside.start()]))


def _bare(text: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def _as_promise(sentence: str, clause: _Clause, due: datetime | None, hours: Hours) -> Promised:
    text = sentence.strip()
    plain = _bare(text.lower())
    kind = next((kind for kind, pattern in words.KINDS if re.search(pattern, plain)), "other")
    confidence = 0.5 if due is None else 0.95 if clause.vague else 0.75
    by, closed = "agent" if clause.mine else "company", due is not None and is_closed(due, hours)
    return Promised(text[:300], due, kind, by, confidence, text, closed)
