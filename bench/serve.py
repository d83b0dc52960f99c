"""The bot as `make run` starts it, with one difference: what it sends is not paced.

The platform's rate limit is data on the channel; here it is set so high that it never binds, since it would be the
limit that is measured and not the bot. Nothing else differs: real channel, store, engine and actions.
`.env` is not read: a measurement must never speak to a real Page.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace

from bench.processes import ROOT, end_with_parent
from bot.__main__ import run
from bot.channels.messenger import MessengerChannel
from bot.logs import log_to_stderr
from bot.settings import read_settings


def main() -> int:
    """Serve until SIGTERM; the exit code of `bot.__main__.run`."""
    end_with_parent()
    settings = read_settings(os.environ, ROOT)
    MessengerChannel.limits = replace(MessengerChannel.limits, per_second=1e6, per_chat_second=1e6)
    log_to_stderr(settings.secrets())
    return asyncio.run(run(settings, time.monotonic()))


if __name__ == "__main__":
    sys.exit(main())
