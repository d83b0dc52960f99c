"""One child process that is kept running, and ended with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import aiohttp

logger = logging.getLogger(__name__)

#: Seconds before a child that ended is started again: doubled each time, the first again after a good minute.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0


class Child:
    """One process that is kept running: its command, its log, its health."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        env: dict[str, str],
        cwd: Path,
        log: Path,
        health: str,
        scratch: Path | None = None,
    ) -> None:
        """`scratch` is its folder for what it writes: emptied before each start, removed at the end."""
        self.name, self.command, self.env = name, command, env
        self.cwd, self.log, self.health, self.scratch = cwd, log, health, scratch
        self.process: asyncio.subprocess.Process | None = None
        self.answers = self.is_of_no_use = False
        self.starts = 0
        self._heard_at: float | None = None
        self._began_at = time.monotonic()
        self._kept: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start it and keep it running, until `end`."""
        self._kept = asyncio.create_task(self.keep_running(), name=self.name)

    async def keep_running(self) -> None:
        """Start it, and again when it ends, with growing pauses; until cancelled."""
        pause = FIRST_PAUSE
        while True:
            self._began_at = started = time.monotonic()
            self._heard_at = None
            self.process = await self._spawn()
            self.starts += 1
            code = await self.process.wait()
            self.answers = False
            pause = FIRST_PAUSE if time.monotonic() - started > 60 else pause
            logger.error("%s ended (%s), again in %.1f s; see %s", self.name, code, pause, self.log)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _spawn(self) -> asyncio.subprocess.Process:
        if self.scratch:
            # One that was killed left its unpacked model here.
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.scratch.mkdir(parents=True, mode=0o700)
        with self.log.open("ab") as log:
            # The pipe is never written to: its end tells the child that this process is gone.
            return await asyncio.create_subprocess_exec(
                *self.command,
                env=self.env,
                cwd=self.cwd,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def heard(self, status: int) -> None:
        """Note what it answered just now: 200, another status when it runs and is of no use, 0 for nothing."""
        self.answers, self.is_of_no_use = status == 200, status not in (0, 200)
        if self.answers:
            self._heard_at = time.monotonic()

    def silence(self) -> float:
        """Seconds since it last answered; 0 while it has not answered yet: on a busy machine a start takes long."""
        return 0.0 if self._heard_at is None else time.monotonic() - self._heard_at

    def age(self) -> float:
        """Seconds since its last start."""
        return time.monotonic() - self._began_at

    def memory(self) -> int:
        """Bytes of memory that its process holds; 0 when it does not run or the system does not say (no /proc)."""
        if self.process is None or self.process.returncode is not None:
            return 0
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def kill(self, sign: int = signal.SIGKILL) -> None:
        """Signal the child and all that it started."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, sign)

    async def end(self) -> None:
        """Keep it running no longer: ask it to end, and kill it when it does not within 3 s. Safe to call twice."""
        if self._kept is not None:
            self._kept.cancel()
            await asyncio.gather(self._kept, return_exceptions=True)
        self.kill(signal.SIGTERM)
        if self.process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), 3)
            self.kill()
            await self.process.wait()
        self.answers = False
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)


async def status_of(session: aiohttp.ClientSession, url: str) -> int:
    """The status that this address answers, 0 for none. Never raises."""
    try:
        async with session.get(url) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0


def port_is_free(port: int) -> bool:
    """Can a server listen on this loopback port now?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
