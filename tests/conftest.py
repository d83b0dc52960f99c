"""For all tests: the real engine."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from hypothesis import settings

from bot.child import port_is_free
from bot.children import Children, ChildrenSettings

ROOT = Path(__file__).resolve().parent.parent
pytest_plugins = (
    "tests.no_skips",
    "tests.databases",
    "tests.flow_support",
    "tests.desk_support",
    "tests.redis_server",
)

settings.register_profile("any machine", deadline=None)  # a busy one is no mistake of the code's
settings.load_profile("any machine")


def free_port() -> int:
    """A loopback port that nobody listens on now.

    Below those that systems give to outgoing connections: one of these could take it while a model is trained.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        if port_is_free(port):
            return port


def tiny_root(root: Path) -> Path:
    """A project of the product's engine/ and config.yml around a tiny bot whose actions fail on demand."""
    for name in ("engine", "config.yml", "credentials.yml", "endpoints.yml"):
        (root / name).symlink_to(ROOT / name)
    for name in ("domain", "nlu", "stories", "actions"):
        (root / name).symlink_to(ROOT / "tests" / "tinybot" / name)
    return root


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine_url() -> AsyncIterator[str]:
    """The engine with the product's own content and actions; trains first if the content changed."""
    children = Children(
        ChildrenSettings(ROOT, ROOT / "data", engine_port=free_port(), actions_port=free_port())
    )
    await children.start()
    yield children.engine_url
    await children.stop()
