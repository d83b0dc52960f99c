"""Health and metrics: /healthz (alive), /readyz (can it do its work?), /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select, text

from bot.flow.way import Way
from bot.model.states import Status
from bot.store.database import Database
from bot.store.events import NEW
from bot.store.tables import cases, conversations, events, outgoing

Check = Callable[[], Awaitable[str]]

#: Waiting cases by how long they wait already: (label, less than).
AGES = (
    ("under 5 minutes", timedelta(minutes=5)),
    ("under 15 minutes", timedelta(minutes=15)),
    ("under 1 hour", timedelta(hours=1)),
    ("longer", timedelta.max),
)

#: What is counted in the database: metric -> (help, label's name, "" for none).
COUNTED = {
    "sportello_events": ("Events by state.", "state"),
    "sportello_outgoing": ("Outgoing by state.", "state"),
    "sportello_conversations": ("Conversations by state.", "state"),
    "sportello_cases_waiting": ("Cases that wait for a person, by how long.", "age"),
    "sportello_cases_open": ("Cases that are not closed.", ""),
    "sportello_oldest_event_seconds": ("How long the oldest unanswered event waits.", ""),
    "sportello_oldest_case_seconds": ("How long the longest waiting case waits.", ""),
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
        return type(error).__name__
    return "ok"


def count(connection: Connection, now: datetime) -> Numbers:
    """How many rows are in which state, and how old the oldest is: (metric, label's value) -> number."""
    columns = {"events": events.c.state, "outgoing": outgoing.c.state, "conversations": conversations.c.status}
    numbers: Numbers = {
        (f"sportello_{name}", state): number
        for name, column in columns.items()
        for state, number in connection.execute(select(column, func.count()).group_by(column))
    }
    waits = [
        now - since
        for (since,) in connection.execute(
            select(cases.c.waiting_since)
            .join(conversations, conversations.c.case_id == cases.c.id)
            .where(conversations.c.status == Status.WAITING, cases.c.waiting_since.is_not(None))
        )
    ]
    for label, _ in AGES:
        numbers["sportello_cases_waiting", label] = sum(1 for wait in waits if _age(wait) == label)
    open_ = select(func.count()).select_from(cases).where(cases.c.closed_at.is_(None))
    numbers["sportello_cases_open", ""] = connection.execute(open_).scalar_one()
    oldest = connection.execute(select(events.c.received_at).where(NEW).order_by(events.c.id).limit(1)).scalar()
    numbers["sportello_oldest_event_seconds", ""] = (now - oldest).total_seconds() if oldest else 0.0
    numbers["sportello_oldest_case_seconds", ""] = max(waits, default=timedelta()).total_seconds()
    return numbers


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
