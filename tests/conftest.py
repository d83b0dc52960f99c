"""For all tests: the real engine, and in CI no test that silently did not run."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.children import Children, ChildrenSettings

ROOT = Path(__file__).resolve().parent.parent


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


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test is a failure: there the machine has all that the tests need."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", ())) if reporter else 0
    if skipped and os.environ.get("CI") == "true" and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"CI: {skipped} skipped, and no test may be skipped in CI.", red=True)
