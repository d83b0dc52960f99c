"""What came of it: the platforms' record against what customers wrote, and what the store says of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from bot.model.states import Inbound, Sending
from bot.store.database import Database
from bot.store.events import NEW
from bot.store.outgoing import open_rows
from bot.store.tables import conversations, events, outgoing
from tests.soak.customers import Crowd
from tests.soak.platforms import ANSWER
from tests.soak.processes import Start

FIRST, NORMAL = 1.0, 5.0  # seconds that are asked for
RATE = 100  # messages a second, too
OTHERS = 1.2  # of the time before


@dataclass
class Ledger:
    """Counts of messages, and seconds."""

    database: str
    seconds: float = 0.0  # of load
    kills: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    delivered_twice: int = 0
    acknowledged: int = 0
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    twice: Counter[str] = field(default_factory=Counter)  # by platform
    unmarked: int = 0  # twice, and nothing in the store says that it was sent again
    out_of_order: int = 0
    wrong_chat: int = 0
    ambiguous: int = 0  # rows of which nobody knows at the end whether they arrived
    resent: Counter[str] = field(default_factory=Counter)  # marked, by platform
    ended: int = 0  # times that a bot ended by itself
    asked: int = 0  # of Telegram, whether a chat has a number
    set_aside: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    killing: tuple[float, int] = (0.0, 0)  # how long processes were killed, and how many answers arrived meanwhile
    waves: list[tuple[float, int]] = field(default_factory=list)  # seconds, and messages acknowledged meanwhile
    starts: list[Start] = field(default_factory=list)
    normal: dict[str, float] = field(default_factory=dict)  # back to normal: after what, in how many seconds
    others: tuple[float, float] = (0.0, 0.0)  # p99 of the other chats, while none and while one is refused
    others_of: int = 0  # messages
    processor: dict[str, float] = field(default_factory=dict)  # seconds, of whom

    def broken(self) -> list[str]:
        """Promises that were broken, whatever the machine's speed; none when all is well."""
        found = {
            f"lost: {', '.join(self.lost[:20])}": bool(self.lost),
            f"{self.sent - self.acknowledged} not acknowledged": self.sent != self.acknowledged,
            f"{self.out_of_order} out of order": self.out_of_order > 0,
            f"{self.wrong_chat} to the wrong chat": self.wrong_chat > 0,
            f"{self.twice['messenger']} twice on Messenger": self.twice["messenger"] > 0,
            f"{self.unmarked} twice without a mark": self.unmarked > 0,
            f"{self.ambiguous} still ambiguous": self.ambiguous > 0,
            f"{self.set_aside} set aside": self.set_aside > 0,
        }
        return [words for words, so in found.items() if so]

    def missed(self) -> list[str]:
        """Numbers that were asked for and not reached here; some hang on the machine's speed."""
        kills, doubled = self.kills.total(), self.twice["telegram"]
        slowest = max((start.port for start in self.starts), default=0.0)
        before, during = self.others
        arrived, seconds = self._arrived()
        reached = arrived / max(seconds, 1)
        found = {
            f"{reached:.0f} messages a second while processes were killed": round(reached) < RATE,
            f"{doubled} twice on Telegram in {kills} kills": doubled * 1000 > kills,
            f"first 200 after {slowest:.2f} s": slowest > FIRST,
            f"p99 of other chats {during:.2f} s, otherwise {before:.2f} s": during > before * OTHERS,
        }
        found |= {f"{what}: {much}": float(much[:-2]) > NORMAL for what, much, asked in self._normals() if asked}
        return [words for words, so in found.items() if so]

    def verdict(self) -> str:
        """In one sentence."""
        said = "; ".join(self.broken()) or "no promise was broken"
        return f"{said}. Not reached: {'; '.join(self.missed())}." if self.missed() else f"{said}."

    def lines(self) -> list[tuple[str, str, str]]:
        """What, how much, and what was asked for."""
        kills = self.kills.total()
        slowest = max((start.port for start in self.starts), default=0.0)
        before, during = self.others
        killing, answers = self.killing
        arrived, seconds = self._arrived()
        return [
            ("load", f"{self.seconds:.0f} s, {self.sent / max(self.seconds, 1):.0f} messages/s", ""),
            (
                f"messages while processes were killed{f', in {len(self.waves)} waves' if self.waves else ''}",
                f"{arrived / max(seconds, 1):.0f} a second, for {seconds:.0f} s",
                f"{RATE} a second",
            ),
            ("answers, with the time between waves" if self.waves else "answers meanwhile",
             f"{answers / max(killing, 1):.0f} a second, for {killing:.0f} s", ""),
            *(
                (f"processor time a message, {whose}", f"{seconds / max(self.sent, 1) * 1000:.0f} ms", "")
                for whose, seconds in self.processor.items()
            ),
            ("kill -9", f"{kills}: " + ", ".join(f"{n} {kind}" for kind, n in self.kills.items()), ""),
            ("bots that ended by themselves", str(self.ended), ""),
            ("sent", f"{self.sent}, {self.delivered_twice} of them delivered twice", ""),
            ("acknowledged", str(self.acknowledged), "all"),
            ("answered", str(self.answered), "all"),
            ("lost", str(len(self.lost)), "0"),
            ("twice on Messenger", str(self.twice["messenger"]), "0"),
            ("twice on Telegram", f"{self.twice['telegram']} in {kills} kills", "1 in 1,000 kills"),
            ("twice without a mark", str(self.unmarked), "0"),
            ("out of order", str(self.out_of_order), "0"),
            ("wrong chat", str(self.wrong_chat), "0"),
            ("ambiguous at the end", str(self.ambiguous), "0"),
            ("numbers asked for on Telegram", str(self.asked), ""),
            ("marked resends", ", ".join(f"{n} {name}" for name, n in self.resent.items()) or "0", ""),
            ("answers of the platform dropped", ", ".join(f"{n} {name}" for name, n in self.dropped.items()), ""),
            ("first 200 after the port is open, slowest", f"{slowest:.2f} s", f"{FIRST:.0f} s"),
            ("the same from the start of the process, median", f"{self._start('process'):.2f} s", ""),
            ("processor time until then, median", f"{self._start('processor'):.2f} s", ""),
            *self._normals(),
            ("refused with 429", str(self.refused), ""),
            (
                f"p99 of other chats meanwhile, of {self.others_of} messages",
                f"{during:.2f} s, otherwise {before:.2f} s",
                "at most 20 % more",
            ),
        ]

    def _arrived(self) -> tuple[int, float]:
        """Messages while processes were killed, and seconds: who waits for answers writes as much as is answered."""
        if not self.waves:
            return self.killing[1], self.killing[0]
        return sum(messages for _, messages in self.waves), sum(seconds for seconds, _ in self.waves)

    def _start(self, what: str) -> float:
        """The median of all starts."""
        return percentile([getattr(start, what) for start in self.starts], 0.5)

    def _normals(self) -> list[tuple[str, str, str]]:
        return [
            (
                f"new customers are answered: {what}",
                f"{seconds:.2f} s",
                "" if what.startswith(("while", "at")) else f"{NORMAL:.0f} s",
            )
            for what, seconds in self.normal.items()
        ]


class Waiting:
    """Looks into the store from outside."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    def rows(self, query: Any) -> list[Any]:
        """The rows of a query."""
        with self._database.engine.connect() as connection:
            return list(connection.execute(query).all())

    def open(self) -> int:
        """Events and messages that are not done with."""
        try:
            [(new,)] = self.rows(select(func.count(events.c.id)).where(NEW))
            [(unsent,)] = self.rows(select(func.count()).where(open_rows(outgoing)))
        except SQLAlchemyError:
            return 1
        return int(new) + int(unsent)

    def close(self) -> None:
        self._database.close()


def reckon(ledger: Ledger, crowd: Crowd, waiting: Waiting) -> None:
    """Fill in what customers and platforms know, and what the store says."""
    platforms = crowd.platforms
    ledger.sent = sum(len(customer.sent) for customer in crowd.customers)
    ledger.acknowledged = sum(len(customer.acknowledged) for customer in crowd.customers)
    ledger.delivered_twice = crowd.delivered_twice
    ledger.dropped, ledger.refused = Counter(platforms.dropped), platforms.refused
    ledger.wrong_chat, ledger.asked = platforms.wrong_chat, platforms.asked
    query = select(outgoing.c.part, outgoing.c.state, outgoing.c.resent, conversations.c.channel, conversations.c.chat)
    rows = waiting.rows(query.join(conversations, conversations.c.id == outgoing.c.conversation_id))
    marked = {found.groups() for row in rows if row.resent and (found := ANSWER.search(row.part["text"]))}
    ledger.resent = Counter(row.channel for row in rows if row.resent)
    ledger.ambiguous = sum(row.state == Sending.AMBIGUOUS for row in rows)
    ledger.set_aside = len(waiting.rows(select(events.c.id).where(events.c.state == Inbound.ASIDE)))
    states = {(found[1], int(found[2])): row.state for row in rows if (found := ANSWER.search(row.part["text"]))}
    for customer, number in crowd.unanswered():
        state = states.get((customer.chat, number), "no row")
        ledger.lost.append(f"{customer.platform} {customer.chat} {number} ({state})")
    for customer in crowd.customers:
        read = [number for number, _ in platforms.read[customer.chat]]
        once = list(dict.fromkeys(read))
        ledger.answered += len(once)
        ledger.out_of_order += sum(later < earlier for earlier, later in zip(once, once[1:], strict=False))
        for number, times in Counter(read).items():
            ledger.twice[customer.platform] += times - 1
            ledger.unmarked += times > 1 and (customer.chat, str(number)) not in marked


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies; 0 of nothing."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def table(ledger: Ledger) -> str:
    """The ledger as a Markdown table."""
    rows = [f"| {what} | {much} | {asked} |" for what, much, asked in ledger.lines()]
    return "\n".join(["| | measured | asked for |", "|---|---|---|", *rows])
