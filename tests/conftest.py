"""For all tests: the real engine."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from bot.children import Children, ChildrenSettings

ROOT = Path(__file__).resolve().parent.parent
pytest_plugins = ("no_skips", "databases", "flow_support")


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine_url() -> AsyncIterator[str]:
    """The engine with the product's own content and actions; trains first if the content changed."""
    children = Children(
        ChildrenSettings(ROOT, ROOT / "data", engine_port=free_port(), actions_port=free_port())
    )
    await children.start()
    yield children.engine_url
    await children.stop()
