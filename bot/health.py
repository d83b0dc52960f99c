"""Health and metrics: /healthz (alive), /readyz (can it do its work?), /metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import get_args

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Select, func, select, text

from bot.flow.way import Way
from bot.model.clocks import Clock
from bot.model.states import Inbound, Sending, Status
from bot.store.database import Database
from bot.store.events import ASIDE, NEW
from bot.store.outgoing import FAILED, LATELY, OPEN, open_rows
from bot.store.tables import Time, cases, conversations, events, outgoing, spans
from bot.store.trouble import meaning

Check = Callable[[], Awaitable[str]]

#: Waiting cases by how long they wait already: (label, less than).
AGES = (
    ("under 5 minutes", timedelta(minutes=5)),
    ("under 15 minutes", timedelta(minutes=15)),
    ("under 1 hour", timedelta(hours=1)),
    ("longer", timedelta.max),
)

#: What is counted in the database: metric -> (help, label's name, "" for none). Only what is not over yet, or failed
#: of late: all there ever was would take longer to count from year to year.
COUNTED = {
    "sportello_events": ("Events that are not answered yet, or set aside.", "state"),
    "sportello_outgoing": ("Messages that are not sent yet, or failed in the last seven days.", "state"),
    "sportello_conversations": ("Conversations that wait for a person or are with one.", "state"),
    "sportello_cases": ("Cases by the clock that runs.", "clock"),
    "sportello_cases_waiting": ("Cases that wait for a person, by how long.", "age"),
    "sportello_cases_open": ("Cases that are not closed.", ""),
    "sportello_oldest_event_seconds": ("How long the oldest unanswered event waits.", ""),
    "sportello_oldest_outgoing_seconds": ("How long the message that is due longest is due.", ""),
    "sportello_oldest_case_seconds": ("How long the longest waiting case waits.", ""),
}
#: Shown also where there is none: an alarm on a number that is absent never rings.
STATES: dict[str, Iterable[str]] = {
    "sportello_events": (Inbound.NEW, Inbound.ASIDE),
    "sportello_outgoing": (*OPEN, Sending.FAILED),
    "sportello_conversations": (Status.WAITING, Status.AGENT),
    "sportello_cases": get_args(Clock),
}
Numbers = dict[tuple[str, str], float]


def health_routes(
    way: Way, engine: Check | None, *, redis: Check | None = None, stopping: Callable[[], bool] = bool
) -> list[web.RouteDef]:
    """The three routes. Checks give "ok", "degraded: …" when the work is done all the same, or what is wrong.

    `engine`: None where this process asks none. `redis`: only where one is configured. `stopping`: other processes
    should get what comes.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        checks = {"database": await _database(way.db)}
        if engine:
            checks["engine"] = await engine()
        if redis:
            checks["redis"] = await redis()
        if stopping():
            checks["process"] = "stopping"
        ready = all(state == "ok" or state.startswith("degraded") for state in checks.values())
        return web.json_response({"ready": ready, **checks}, status=200 if ready else 503)

    async def metrics(_request: web.Request) -> web.Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Counted(await way.db.read(lambda connection: count(connection, way.clock()))))
        body = generate_latest(way.measures.registry) + generate_latest(registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]


async def _database(db: Database) -> str:
    try:
        # a write: a full disk still answers reads
        await db.write(lambda connection: connection.execute(text("SELECT 1")))
    except Exception as error:
        return meaning(error)
    return "ok"


def count(connection: Connection, now: datetime) -> Numbers:
    """How many rows are in which state, and how old the oldest is: (metric, label's value) -> number."""
    numbers: Numbers = {(name, state): 0.0 for name, states in STATES.items() for state in states}
    for name, query in _by_state(now):
        for state, number in connection.execute(query):
            numbers[name, state] = number
    open_ = select(func.count()).select_from(cases).where(cases.c.closed_at.is_(None))
    numbers["sportello_cases_open", ""] = connection.execute(open_).scalar_one()
    numbers |= _waiting(connection, now)
    oldest = connection.execute(select(func.min(events.c.received_at, type_=Time)).where(NEW)).scalar()
    numbers["sportello_oldest_event_seconds", ""] = _seconds(oldest, now)
    unsent = (open_rows(outgoing), outgoing.c.state.in_([Sending.PENDING, Sending.LATER]))
    due = connection.execute(select(func.min(outgoing.c.due_at, type_=Time)).where(*unsent)).scalar()
    numbers["sportello_oldest_outgoing_seconds", ""] = _seconds(due, now)
    return numbers


def _by_state(now: datetime) -> Iterator[tuple[str, Select[tuple[str, int]]]]:
    """Metric, and how many rows there are in each state; each read along an index."""
    its = {"sportello_events": events.c.state, "sportello_outgoing": outgoing.c.state}
    its |= {"sportello_conversations": conversations.c.status, "sportello_cases": spans.c.clock}
    for name, condition in (
        ("sportello_events", NEW),
        ("sportello_events", ASIDE),
        ("sportello_outgoing", open_rows(outgoing)),
        ("sportello_outgoing", FAILED & (outgoing.c.created_at > now - LATELY)),
        ("sportello_conversations", conversations.c.status.in_([Status.WAITING, Status.AGENT])),
        ("sportello_cases", spans.c.ended_at.is_(None)),
    ):
        yield name, select(its[name], func.count()).where(condition).group_by(its[name])


def _waiting(connection: Connection, now: datetime) -> Numbers:
    """The cases that wait, by how long they do."""
    since = connection.execute(
        select(cases.c.waiting_since)
        .join(conversations, conversations.c.case_id == cases.c.id)
        .where(conversations.c.status == Status.WAITING, cases.c.waiting_since.is_not(None))
    ).scalars()
    waits = [now - each for each in since]
    ages = Counter(_age(wait) for wait in waits)
    numbers: Numbers = {("sportello_cases_waiting", label): ages[label] for label, _ in AGES}
    return numbers | {("sportello_oldest_case_seconds", ""): max(waits, default=timedelta()).total_seconds()}


def _seconds(since: datetime | None, now: datetime) -> float:
    """How long that is ago; 0 when it is still to come, or nothing."""
    return max((now - since).total_seconds(), 0.0) if since else 0.0


def _age(wait: timedelta) -> str:
    return next(label for label, most in AGES if wait < most)


class _Counted(Collector):
    """Counts read from the database, which all processes share: no process's memory is asked."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def collect(self) -> list[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for (name, value), number in sorted(self._numbers.items()):
            words, label = COUNTED[name]
            labels = [label] if label else []
            family = families.setdefault(name, GaugeMetricFamily(name, words, labels=labels))
            family.add_metric([value] if label else [], number)
        return list(families.values())
