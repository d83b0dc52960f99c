"""Health and metrics: /healthz (alive), /readyz (can it do its work?), /metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select, text

from bot.store.database import Database
from bot.store.tables import conversations, events, outgoing

Check = Callable[[], Awaitable[str]]


def health_routes(db: Database, engine: Check) -> list[web.RouteDef]:
    """The three routes. `engine` gives "ok" or what is wrong."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        checks = {"database": await _database(db), "engine": await engine()}
        ready = all(state == "ok" for state in checks.values())
        return web.json_response({"ready": ready, **checks}, status=200 if ready else 503)

    async def metrics(_request: web.Request) -> web.Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Counted(await db.read(count)))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]


async def _database(db: Database) -> str:
    try:
        # a write: a full disk still answers reads
        await db.write(lambda connection: connection.execute(text("SELECT 1")))
    except Exception as error:
        return type(error).__name__
    return "ok"


def count(connection: Connection) -> dict[tuple[str, str], int]:
    """How many rows are in which state: (metric, state) -> number."""
    columns = {
        "events": events.c.state,
        "outgoing": outgoing.c.state,
        "conversations": conversations.c.status,
    }
    return {
        (name, state): number
        for name, column in columns.items()
        for state, number in connection.execute(select(column, func.count()).group_by(column))
    }


class _Counted(Collector):
    """Counts read from the database, which all processes share: no process's memory is asked."""

    def __init__(self, numbers: dict[tuple[str, str], int]) -> None:
        self._numbers = numbers

    def collect(self) -> list[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for (name, state), number in sorted(self._numbers.items()):
            family = families.setdefault(
                name, GaugeMetricFamily(f"sportello_{name}", f"{name.capitalize()} by state.", labels=["state"])
            )
            family.add_metric([state], number)
        return list(families.values())
