"""Customers, agents, the engine and the platform in any order: what must hold after each step.

More of it, and other orders each time: SPORTELLO_EXAMPLES=500 pytest tests/test_handoff_machine.py
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import event, select

from bot.channels.base import Delivery
from bot.dialogue import EngineDown
from bot.flow import handoff
from bot.flow.answer import answer_next
from bot.flow.sweep import sweep
from bot.model.dialogue import Ask, Turn
from bot.model.errors import Refused, SendError
from bot.model.messages import RawEvent
from bot.model.replies import Reply
from bot.model.states import Outcome, Status
from bot.store.database import Database
from bot.store.tables import cases, events, messages, moves, outgoing
from tests.databases import empty, migrated_file
from tests.flow_support import Platform, World, turn, with_abilities, world

CHATS, AGENTS = ("1", "2"), (0, 1)
PROBLEMS: dict[str, SendError | None] = {
    "arrives": None,
    "429": SendError("limit", retry_after=5),
    "lost": SendError("connect"),
    "doubtful": SendError("timeout", ambiguous=True),
    "refused": SendError("bad_request", permanent=True),
}
WORDS = ["orari?", "aiuto", "grazie", "/ask_human{}", "#cancel"]
ENGINE = ["answers", "hands off", "hands off silently", "is down", "says nothing"]
EXAMPLES = int(os.environ.get("SPORTELLO_EXAMPLES", "0"))

chats, agents = st.sampled_from(CHATS), st.sampled_from(AGENTS)
engines, problems = st.sampled_from(ENGINE), st.lists(st.sampled_from(sorted(PROBLEMS)), max_size=4)


class Handoffs(RuleBasedStateMachine):
    """One world; the model beside it is only what people did, and what was waiting to be sent at each take."""

    template: Path
    url = ""  # of a server; else a copy of the template
    echoes = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.db = self._database()
        self.loop = asyncio.Runner()
        platform: Platform = with_abilities(echoes=self.echoes)
        self.flow: World = world(self.db, self.folder / "people", platforms=[platform])
        self.team = [self.run(self.flow.agent(name)) for name in ("Anna", "Bruno")]
        self.wrote: dict[str, list[str]] = {chat: [] for chat in CHATS}
        self.raws: list[RawEvent] = []
        self.doomed: set[int] = set()
        self.maybe_read: Counter[int] = Counter()
        platform.before_send = self._sending

    def _database(self) -> Database:
        """A new store: a copied file, or the server's, emptied."""
        if self.url:
            empty(self.url)
            return Database(self.url)
        shutil.copy(self.template, self.folder / "store.db")
        db = Database(f"sqlite:///{self.folder / 'store.db'}")
        event.listen(db.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
        return db

    def run(self, work: Any) -> Any:
        return self.loop.run(work)

    def teardown(self) -> None:
        try:
            self._everything_ends()
        finally:
            self.loop.close()
            self.db.close()
            shutil.rmtree(self.folder)

    # What customers do.

    @rule(chat=chats, text=st.sampled_from(WORDS))
    def writes(self, chat: str, text: str) -> None:
        self._arrives(chat, text=text)

    @rule(chat=chats, which=st.integers(0, 5))
    def taps(self, chat: str, which: int) -> None:
        seen = [d for d in self.flow.platform.sent if d.key.chat == chat and d.part.quick_replies]
        shown = [q.title for d in seen[-3:] for q in d.part.quick_replies]
        if shown:
            self._arrives(chat, text=shown[which % len(shown)])

    @precondition(lambda self: self.raws)
    @rule(which=st.integers(0, 100))
    def comes_again(self, which: int) -> None:
        assert self.run(self.flow.receives(self.raws[which % len(self.raws)])) == 0

    def _arrives(self, chat: str, **payload: Any) -> None:
        raw = self.flow.raw(chat, **payload)
        self.raws.append(raw)
        self.wrote[chat].append(raw.external_id)
        assert self.run(self.flow.receives(raw)) == 1
        self.flow.clock.passes(seconds=1)

    # What the bot does.

    @rule(chat=chats, engine=engines)
    def bot_works(self, chat: str, engine: str) -> None:
        self._script(engine)
        self._works(chat)

    @rule(chat=chats, agent=agents, engine=engines)
    def somebody_takes_while_the_engine_thinks(self, chat: str, agent: int, engine: str) -> None:
        async def meanwhile(ask: Ask) -> Turn:
            await self._tries(handoff.claim, chat, agent)
            self._script(engine)
            return await self.flow.engine.ask(ask)

        self.flow.engine.script = [meanwhile]
        self._works(chat)

    def _script(self, engine: str) -> None:
        steps: dict[str, Turn | Exception] = {
            "answers": turn("Ecco.", "E poi?"),
            "hands off": turn("Mi dispiace.", handoff="complaint"),
            "hands off silently": turn(handoff="asked"),
            "is down": EngineDown("no answer"),
            "says nothing": turn(),
        }
        self.flow.engine.script = [steps[engine]]

    def _works(self, chat: str) -> None:
        """One look at a chat. Whoever wrote is answered, or is with a person."""
        done, said = self._rows(events, chat, state="done"), len(self._said(chat, "bot"))
        self.run(answer_next(self.flow.way, self.flow.key(chat)))
        self.flow.engine.script = []
        if len(self._rows(events, chat, state="done")) > len(done):
            with_a_person = self._status(chat) in (Status.WAITING, Status.AGENT)
            assert with_a_person or len(self._said(chat, "bot")) > said

    @rule(outcomes=problems)
    def sends(self, outcomes: list[str]) -> None:
        self.flow.platform.problems = [PROBLEMS[each] for each in outcomes]
        self.run(self.flow.delivers())
        self.flow.platform.problems = []

    async def _sending(self, delivery: Delivery) -> None:
        row, chat = int(delivery.row), delivery.key.chat
        conversation = await self.flow.conversation(chat)
        assert conversation
        assert delivery.human or conversation.status != Status.AGENT, "the bot speaks while a person has the word"
        assert row not in self.doomed, "an answer from before the take is delivered after it"
        tried = [int(d.row) for d in self.flow.platform.tried if d.key.chat == chat]
        assert tried == sorted(tried), "out of order"
        problem = self.flow.platform.problems[0] if self.flow.platform.problems else None
        if problem is None or getattr(problem, "ambiguous", False):
            self.maybe_read[row] += 1

    # What agents do.

    @rule(chat=chats, agent=agents)
    def takes(self, chat: str, agent: int) -> None:
        self._takes(chat, agent)

    def _takes(self, chat: str, agent: int) -> None:
        before = self._status(chat)
        done = self.run(self._tries(handoff.claim, chat, agent))
        assert done == (before == Status.WAITING)

    @rule(chat=chats, agent=agents, what=st.sampled_from(["reply", "give_back", "requeue", "close"]))
    def moves(self, chat: str, agent: int, what: str) -> None:
        self._moves(chat, agent, what)

    def _moves(self, chat: str, agent: int, what: str) -> None:
        found = self.run(self.flow.conversation(chat))
        has_it = bool(found and found.status == Status.AGENT and found.agent_id == self.team[agent].id)
        extra: dict[str, tuple[Any, ...]] = {
            "reply": (Reply("Eccomi."),),
            "requeue": ("serve altro",),
            "close": (Outcome.SOLVED,),
        }
        assert self.run(self._tries(getattr(handoff, what), chat, agent, *extra.get(what, ()))) == has_it

    async def _tries(self, move: Any, chat: str, agent: int, *arguments: Any) -> bool:
        if await self.flow.conversation(chat) is None:
            return False
        unsent = {row.id for row in await self._unsent(chat)}
        try:
            await self.flow.does(move, self.team[agent], *arguments, chat=chat)
        except Refused:
            return False
        if move is handoff.claim:
            self.doomed |= unsent
        return True

    async def _unsent(self, chat: str) -> list[Any]:
        """The bot's rows that wait to be sent (again)."""
        found = await self.flow.conversation(chat)
        rows = await self.flow.rows(outgoing)
        states = ("pending", "later", "ambiguous")
        return [r for r in rows if found and r.conversation_id == found.id and r.author == "bot" and r.state in states]

    # What time does.

    @rule(seconds=st.sampled_from([1, 6, 25, 130, 1000, 90_000]))
    def passes(self, seconds: int) -> None:
        self.flow.clock.passes(seconds=seconds)
        self.run(sweep(self.flow.way))

    @rule()
    def the_process_dies_and_starts_again(self) -> None:
        self.run(sweep(self.flow.way, everything=True))

    # What holds.

    @invariant()
    def one_is_responsible(self) -> None:
        for chat in CHATS:
            found = self.run(self.flow.conversation(chat))
            if found is None:
                continue
            open_ = [case for case in self._of(cases, found.id) if case.closed_at is None]
            if found.status in (Status.BOT, Status.CLOSED):
                assert (open_, found.case_id, found.agent_id) == ([], None, None)
                continue
            (case,) = open_
            assert case.id == found.case_id
            if found.status == Status.WAITING:
                assert case.waiting_since is not None and found.agent_id is None
            else:
                assert case.waiting_since is None and case.owner_id == found.agent_id is not None

    @invariant()
    def nothing_written_is_lost_or_doubled(self) -> None:
        for chat in CHATS:
            kept = [row.event_id for row in self._said(chat, "customer")]
            by_id = {row.id: row.external_id for row in self._rows(events, chat)}
            done = [row.external_id for row in self._rows(events, chat, state="done")]
            assert [by_id[each] for each in kept] == done == self.wrote[chat][: len(done)]
            assert sorted(by_id.values()) == sorted(self.wrote[chat])

    @invariant()
    def moves_chain_up(self) -> None:
        for chat in CHATS:
            found = self.run(self.flow.conversation(chat))
            story = self._of(moves, found.id) if found else []
            before = Status.BOT
            for move in story:
                assert move.from_status == before
                before = move.to_status
            assert not found or (found.version, found.status) == (len(story), before)

    @invariant()
    def nobody_reads_anything_more_than_twice(self) -> None:
        for row in self.run(self.flow.rows(outgoing)):
            assert self.maybe_read[row.id] <= (2 if row.resent else 1)
            assert row.id not in self.doomed or row.state != "sent" or self.maybe_read[row.id]

    def _everything_ends(self) -> None:
        """When all trouble is over, all is answered and sent."""
        for chat in CHATS:
            self.run(self.flow.answers(chat))
        for _ in range(10):
            self.flow.clock.passes(seconds=200)
            self.run(sweep(self.flow.way))
            self.run(self.flow.delivers())
        states = {row.state for row in self.run(self.flow.rows(outgoing))}
        assert states <= {"sent", "failed", "suppressed"}
        assert {row.state for row in self.run(self.flow.rows(events))} <= {"done"}
        self.nothing_written_is_lost_or_doubled()
        self.one_is_responsible()

    # Looks into the store.

    def _status(self, chat: str) -> str:
        status: str = self.run(self.flow.status(chat))
        return status

    def _said(self, chat: str, author: str) -> list[Any]:
        found = self.run(self.flow.conversation(chat))
        return [row for row in self._of(messages, found.id) if row.author == author] if found else []

    def _of(self, table: Any, conversation_id: int) -> list[Any]:
        query = select(table).where(table.c.conversation_id == conversation_id).order_by(table.c.id)
        return list(self._read(lambda c: c.execute(query).all()))

    def _rows(self, table: Any, chat: str, *, state: str | None = None) -> list[Any]:
        query = select(table).where(table.c.chat == chat).order_by(table.c.id)
        if state:
            query = query.where(table.c.state == state)
        return list(self._read(lambda c: c.execute(query).all()))

    def _read(self, work: Any) -> Any:
        with self.db.engine.connect() as connection:
            return work(connection)


@pytest.mark.parametrize("echoes", [False, True])
def test_in_any_order(tmp_path: Path, echoes: bool) -> None:
    machine = type("Machine", (Handoffs,), {"template": migrated_file(tmp_path), "echoes": echoes})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES or 12,
            stateful_step_count=30,
            deadline=None,
            derandomize=not EXAMPLES,
            suppress_health_check=list(HealthCheck),
        ),
    )
