"""Promises among all that happens to a case, over days: agents', the bot's and the company's, in any order.

More of it, and other orders each time: SPORTELLO_EXAMPLES=500 pytest tests/test_promise_machine.py
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection

from bot.dialogue import EngineDown
from bot.flow import handoff, promises, transfer
from bot.flow.promise_life import promises_due
from bot.flow.sweep import sweep
from bot.model.dialogue import Ask, PromiseAnswer, PromiseMade, Turn
from bot.model.errors import Refused
from bot.model.promises import Promised
from bot.model.states import Outcome, Status
from bot.store.tables import cases, messages, moves, outgoing, promise_changes, spans, targets, waits
from bot.store.tables import promises as table
from tests.databases import migrated_file
from tests.flow_support import turn, world
from tests.test_handoff_machine import CHATS, EXAMPLES, Handoffs, agents, chats

SYSTEM = ["kept", "open", "moved", "unknown", "no_answer", "down"]
hours = st.sampled_from([1, 6, 30, 80])


class Promises(Handoffs):
    """The same world with promises, transfers, new processes, and days that pass."""

    def __init__(self) -> None:
        super().__init__()
        self.system = "unknown"
        self._answer_checks()

    def _answer_checks(self) -> None:
        """What is asked about promises, the company's system answers; the rest is the script's."""
        real = self.flow.engine.ask

        async def ask(question: Ask) -> Turn:
            if not question.text.startswith("/check_promise"):
                return await real(question)
            if self.system == "down":
                raise EngineDown("too slow")
            moved = self.flow.clock() + timedelta(hours=30) if self.system == "moved" else None
            return turn(promise_answer=PromiseAnswer("open" if moved else self.system, moved))

        self.flow.engine.ask = ask  # type: ignore[method-assign]

    # What is promised.

    @rule(chat=chats, agent=agents)
    def asks_and_is_taken(self, chat: str, agent: int) -> None:
        """What the other rules would find together only rarely."""
        self._arrives(chat, text="una persona")
        for _ in range(len(self.wrote[chat])):
            self._script("hands off silently")
            self._works(chat)
        if self._status(chat) == Status.WAITING:
            self._takes(chat, agent)

    def _holder(self, chat: str) -> int | None:
        found = self.run(self.flow.conversation(chat))
        ids = [person.id for person in self.team]
        return ids.index(found.agent_id) if found and found.status == Status.AGENT else None

    @precondition(lambda self: any(self._holder(chat) is not None for chat in CHATS))
    @rule(chat=chats, after=hours)
    def an_agent_promises(self, chat: str, after: int) -> None:
        agent, found = self._holder(chat), self.run(self.flow.conversation(chat))
        if agent is None:
            return
        now = self.flow.clock()
        made = Promised("La richiamo.", now + timedelta(hours=after), "call", "agent", 1.0, "")

        def work(connection: Connection) -> None:
            promises.record(connection, found.id, self.team[agent], 1, [made], now=now)

        self.run(self.flow.db.write(work))

    @rule(chat=chats, after=hours, kind=st.sampled_from(["pin", "privacy"]), handoff=st.booleans())
    def the_bot_tells_a_time(self, chat: str, after: int, kind: str, handoff: bool) -> None:
        due = self.flow.clock() + timedelta(hours=after)
        check = '/check_promise{"promise": "pin:P"}' if kind == "pin" else ""
        made = PromiseMade("Quello che è detto", due, f"P-{kind}-{chat}", kind, check)
        self.flow.engine.script = [turn("Ecco.", promises=(made,), handoff="topic" if handoff else None)]
        self._works(chat)

    @rule(which=st.integers(0, 9), agent=agents, what=st.sampled_from(["kept", "put_off", "withdraw"]))
    def somebody_settles(self, which: int, agent: int, what: str) -> None:
        rows = self.run(self.flow.rows(table))
        if not rows:
            return
        id_, now, person, way = rows[which % len(rows)].id, self.flow.clock(), self.team[agent], self.flow.way

        def work(connection: Connection) -> Any:
            if what == "kept":
                return promises.kept(connection, id_, person, now=now)
            if what == "put_off":
                return promises.put_off(connection, way, id_, person, now + timedelta(days=2), now=now)
            return promises.withdraw(connection, way, id_, person, "non si può fare", now=now)

        try:
            settled = self.run(self.flow.db.write(work))
        except Refused:
            return
        if what == "withdraw":
            said = [row.text for row in self._rows_of(settled.conversation_id)]
            assert any("non si può fare" in text for text in said), "withdrawn without telling the customer why"

    @rule(answer=st.sampled_from(SYSTEM))
    def the_system_changes(self, answer: str) -> None:
        self.system = answer

    # What people and machines do besides.

    @rule(chat=chats, agent=agents, what=st.sampled_from(["reply", "give_back", "requeue", "close"]))
    def moves(self, chat: str, agent: int, what: str) -> None:
        if what != "close":
            self._moves(chat, agent, what)
        else:
            self._closes(chat, agent)

    @precondition(lambda self: any(self._holder(chat) is not None for chat in CHATS))
    @rule(chat=chats)
    def whoever_has_it_closes(self, chat: str) -> None:
        agent = self._holder(chat)
        if agent is not None:
            self._closes(chat, agent)

    def _closes(self, chat: str, agent: int) -> None:
        found = self.run(self.flow.conversation(chat))
        case_id = found.case_id if found else None
        bound = [row for row in self.run(self.flow.rows(table)) if row.state == "open" and row.case_id == case_id]
        has_it = bool(found and found.status == Status.AGENT and found.agent_id == self.team[agent].id)
        done = self.run(self._tries(handoff.close, chat, agent, Outcome.SOLVED))
        assert done == (has_it and not bound), "a case is closed with an open promise, or not without one"

    @rule(chat=chats, agent=agents)
    def passes_it_on(self, chat: str, agent: int) -> None:
        to, by = self.team[1 - agent], self.team[agent]
        self.run(self._passes(transfer.to_person, chat, by, to))

    @rule(chat=chats, agent=agents, team=st.sampled_from(["care", "technicians"]))
    def passes_it_to_a_team(self, chat: str, agent: int, team: str) -> None:
        self.run(self._passes(transfer.to_team, chat, self.team[agent], team))

    async def _passes(self, move: Any, chat: str, by: Any, to: Any) -> None:
        found = await self.flow.conversation(chat)
        if not found or found.status != Status.AGENT or found.agent_id != by.id:
            return
        try:
            await self.flow.does(move, by, to, "passo", chat=chat, by=by)
        except Refused:
            pass

    @rule(days=st.sampled_from([1, 3]))
    def days_pass(self, days: int) -> None:
        before = self._bot_lines()
        self.flow.clock.passes(days=days)
        self.run(sweep(self.flow.way))
        for chat, (status, lines) in self._bot_lines().items():
            if before[chat][0] == status == Status.AGENT:
                assert lines == before[chat][1], "the bot speaks while a person has the word"

    @rule()
    def two_sweep_at_once(self) -> None:
        async def both() -> None:
            await asyncio.gather(promises_due(self.flow.way), promises_due(self.flow.way))

        self.run(both())

    @rule()
    def a_new_process_takes_over(self) -> None:
        old = self.flow
        self.flow = world(self.db, self.folder / "people", platforms=[old.platform], now=old.clock.now)
        self.flow.arrived = old.arrived
        self._answer_checks()
        self.run(sweep(self.flow.way, everything=True))

    # What holds.

    @invariant()
    def each_change_of_a_promise_is_a_row(self) -> None:
        story: dict[int, list[Any]] = {}
        for row in self.run(self.flow.rows(promise_changes)):
            assert row.who and row.why and row.at
            story.setdefault(row.promise_id, []).append(row)
        for promise in self.run(self.flow.rows(table)):
            rows, before = story[promise.id], ""
            for row in rows:
                assert row.from_state == before
                before = row.to_state
            assert (before, rows[-1].due_at) == (promise.state, promise.due_at)
            assert (promise.settled_at is None) == (promise.state == "open")

    @invariant()
    def each_open_promise_will_be_looked_at(self) -> None:
        for promise in self.run(self.flow.rows(table)):
            if promise.state == "open":
                assert bool(promise.check_text) == (promise.check_at is not None)
                assert promise.due_at < self.flow.clock() + timedelta(days=5)

    @invariant()
    def each_move_says_who_and_why(self) -> None:
        for move in self.run(self.flow.rows(moves)):
            assert move.who and move.why and move.at

    @invariant()
    def at_most_one_clock_runs(self) -> None:
        running = [row.case_id for row in self.run(self.flow.rows(spans)) if row.ended_at is None]
        assert len(running) == len(set(running))
        closed = {row.id for row in self.run(self.flow.rows(cases)) if row.closed_at}
        assert not closed & {case for case in running if case}
        assert not [row for row in self.run(self.flow.rows(targets)) if row.case_id in closed and row.ended_at is None]
        assert not [row for row in self.run(self.flow.rows(waits)) if row.case_id in closed and row.ended_at is None]

    @invariant()
    def the_clock_that_runs_is_whose_turn_it_is(self) -> None:
        for chat in CHATS:
            found = self.run(self.flow.conversation(chat))
            of_case: dict[int, list[Any]] = {}
            for span in self.run(self.flow.rows(spans)):
                of_case.setdefault(span.case_id, []).append(span)
            for row in of_case.values():
                for one, after in pairwise(row):
                    assert one.ended_at and one.ended_at <= after.began_at and one.ended_why
            if found and found.case_id:
                running = of_case[found.case_id][-1]
                assert running.ended_at is None and (running.clock, found.status) != ("person", Status.WAITING)

    def _everything_ends(self) -> None:
        """Days later each promise is settled, with a row that says why."""
        super()._everything_ends()
        self.system = "unknown"
        for _ in range(16):
            self.flow.clock.passes(hours=12)
            self.run(sweep(self.flow.way))
            self.run(self.flow.delivers())
        assert {row.state for row in self.run(self.flow.rows(table))} <= {"kept", "broken", "withdrawn"}
        self.each_change_of_a_promise_is_a_row()
        assert {row.state for row in self.run(self.flow.rows(outgoing))} <= {"sent", "failed", "suppressed"}

    def _bot_lines(self) -> dict[str, tuple[str, int]]:
        return {chat: (self._status(chat), len(self._said(chat, "bot"))) for chat in CHATS}

    def _rows_of(self, conversation_id: int) -> list[Any]:
        return self._of(messages, conversation_id)


def test_promises_in_any_order(database_url: str, tmp_path: Path) -> None:
    lite = database_url.startswith("sqlite")
    given: dict[str, Any] = {"template": migrated_file(tmp_path)} if lite else {"url": database_url}
    machine = type("Machine", (Promises,), given)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES or (8 if lite else 3),
            stateful_step_count=40,
            deadline=None,
            derandomize=not EXAMPLES,
            suppress_health_check=list(HealthCheck),
        ),
    )
