"""The customers and the platform, in a process of their own: `python -m bench.generator`.

Reads one job a line from standard input, answers with lines {"progress": 0.5} and at last {"result": ...} or
{"error": "..."}. Its first line is {"port": N}: where the stand-in of the Graph API listens.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

from bench.customers import ByRest, ByWebhook, Counterpart, NotAnswered, Platform
from bench.load import Newcomers, acknowledgements, closed_loop, long_conversation, open_loop
from bench.wire import WireError, listen

_told = 0.0


def say(**line: Any) -> None:
    """One line for the process that measures."""
    print(json.dumps(line), flush=True)


def progress(share: float) -> None:
    """Tell how far it is, a few times a second."""
    global _told
    if time.monotonic() - _told > 0.25:
        _told = time.monotonic()
        say(progress=share)


async def work(job: dict[str, Any], platform: Platform) -> Any:
    """Do one job: `kind`, whom to write to (`to`: webhook or rest, `port`), and the numbers of that kind."""
    kind, newcomers = job["kind"], Newcomers(job["prefix"])
    numbers = {k: v for k, v in job.items() if k not in ("kind", "to", "port", "prefix")}
    if kind == "acknowledgements":
        by_webhook = ByWebhook(platform, job["port"])
        tally = await acknowledgements(by_webhook, newcomers, **numbers)
        by_webhook.close()
        return tally.summary()
    to: Counterpart = ByWebhook(platform, job["port"]) if job["to"] == "webhook" else ByRest(job["port"])
    sends = platform.sends
    try:
        if kind == "long_conversation":
            return await long_conversation(to, newcomers, progress=progress, **numbers)
        if kind == "open_loop":
            tally = await open_loop(to, newcomers, progress=progress, **numbers)
        else:
            tally = await closed_loop(to, newcomers, progress=progress, **numbers)
        return {**tally.summary(), "sends": platform.sends - sends}
    finally:
        to.close()


async def main() -> None:
    """Serve jobs until standard input ends."""
    platform = Platform()
    _server, port = await listen(platform.handle)
    say(port=port)
    while line := await asyncio.to_thread(sys.stdin.readline):
        gc.collect()
        try:
            say(result=await work(json.loads(line), platform))
        except (NotAnswered, WireError, OSError) as error:
            say(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    asyncio.run(main())
