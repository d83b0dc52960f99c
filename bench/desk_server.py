"""The bot as in production on a filled database, its clock moved to the day the store was filled for.

Outside a team's hours nothing is offered to anybody: without that, what is found would depend on the hour.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from dataclasses import replace
from datetime import timedelta

from bench.processes import ROOT, end_with_parent
from bot.app import App, utc_now
from bot.channels.messenger import MessengerChannel
from bot.settings import read_settings

AHEAD = "BENCH_AHEAD"  # seconds


async def main() -> None:
    """Serve until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    MessengerChannel.limits = replace(MessengerChannel.limits, per_second=1e6, per_chat_second=1e6)
    ahead = timedelta(seconds=float(os.environ[AHEAD]))
    async with App(read_settings(os.environ, ROOT), clock=lambda: utc_now() + ahead) as app:
        await app.ready()
        gc.freeze()  # as bot/__main__.py does
        await ended.wait()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(main())
