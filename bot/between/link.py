"""The connection to Redis: what is told to other processes, scripts run there, and whether it is there at all.

It is up when a whole round works: a write is taken, and our own beat comes back through the subscription. So a
server that hangs, that refuses writes, or a connection that died without a word counts as gone like one that was
stopped. While it is gone nothing waits for it: scripts raise at once, words are dropped, and it is tried again with
growing pauses. The log has one line when it goes and one when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

log = logging.getLogger(__name__)

WAIT = 1.0  # seconds for any answer: a send may stand behind it
BEAT = 2.0  # seconds between rounds
FIRST, LONGEST = 0.2, 5.0  # seconds between tries while it is gone
PLACES = 16  # connections at most
_TROUBLE = (RedisError, OSError, TimeoutError)


class Gone(Exception):
    """Redis does not answer, or refuses what is asked: do without it."""


class Script:
    """A Lua script, sent whole only where the server does not know it yet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode()).hexdigest()  # the server's own name for it


class Link:
    """`start` never waits for Redis; `up` says whether it is there."""

    def __init__(self, url: str, *, wait: float = WAIT, beat: float = BEAT) -> None:
        """`url`: redis:// or rediss://, with the number of a database that one installation has for itself."""
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=PLACES,
            timeout=wait,
            socket_timeout=wait,
            socket_connect_timeout=wait,
            retry=Retry(NoBackoff(), 0),  # its own would keep a send waiting for seconds
            decode_responses=True,
            protocol=2,
        )
        self._redis = Redis.from_pool(pool)
        self._beat = beat
        self._silence = 3 * beat + wait  # seconds without our own beat after which the subscription is dead
        # bells pay no heed to the number of a database: two installations must not wake each other
        self.prefix = f"sportello:{pool.connection_kwargs.get('db') or 0}:"
        self._me = secrets.token_hex(6)
        self._hearers: dict[str, Callable[[str], None]] = {}
        self._words: dict[str, None] = {}  # to be told, each once
        self._spoken = asyncio.Event()
        self._broken = asyncio.Event()
        self._heard_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._said: bool | None = None  # whether it is up, as the log last said
        self.up = False
        self.trouble = "not yet reached"  # why it is not up
        self.processes = 0  # how many listened when it was last up, this one included
        self.changed: list[Callable[[], None]] = []  # called when it is back, and when it is gone

    def hear(self, name: str, act: Callable[[str], None]) -> None:
        """Call `act` with what other processes tell under this name. Before `start`."""
        self._hearers[name] = act

    def tell(self, name: str, text: str = "") -> None:
        """Tell all other processes; the same word again before it left is one word. Lost while Redis is gone."""
        if self.up:
            self._words[f"{self._me} {name} {text}"] = None
            self._spoken.set()

    async def run(self, script: Script, keys: Sequence[str], *args: str | float) -> Any:
        """What the script gives. Raises Gone, at once while Redis is known to be gone."""
        if not self.up:
            raise Gone(self.trouble)
        named = [self.prefix + key for key in keys]
        try:
            try:
                return await self._redis.evalsha(script.sha, len(named), *named, *args)
            except NoScriptError:
                return await self._redis.eval(script.text, len(named), *named, *args)
        except _TROUBLE as error:
            self._loses(error)
            raise Gone(self.trouble) from error

    def start(self) -> None:
        """Begin to connect, and to connect again for as long as it takes."""
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Say what is still to be said, and go."""
        if self._task:
            with contextlib.suppress(*_TROUBLE):
                if self.up:
                    await self._say()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.up = False
        await self._redis.aclose()

    async def ask(self) -> str:
        """One try, for a command that checks the set-up: "" or what is wrong, without the address."""
        try:
            await self._probe()
        except _TROUBLE as error:
            return _name(error)
        return ""

    async def _keep(self) -> None:
        pause = FIRST
        while True:
            began = time.monotonic()
            try:
                async with self._redis.pubsub() as listener:
                    await self._open(listener)
                    await self._talk(listener)
            except Exception as error:  # whatever it is, it must be tried again
                self._loses(error)
            with contextlib.suppress(Exception):
                # what is still under way on old connections could come back as the answer to something else
                await self._redis.connection_pool.disconnect()
            if time.monotonic() - began > 2 * LONGEST:  # it was there for a while: not one that comes and goes
                pause = FIRST
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST)

    async def _open(self, listener: PubSub) -> None:
        await listener.subscribe(f"{self.prefix}told", f"{self.prefix}beat:{self._me}")
        await self._probe()
        self._words.clear()
        self._broken.clear()
        self._heard_at = time.monotonic()
        self._is(True)

    async def _talk(self, listener: PubSub) -> None:
        """Until something breaks; raises what did."""
        parts = (self._listen(listener), self._beats(), self._speak(), self._broken.wait())
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _listen(self, listener: PubSub) -> None:
        while True:
            message = await listener.get_message(ignore_subscribe_messages=True, timeout=self._beat)
            if message is None:
                continue
            self._heard_at = time.monotonic()
            who, _, rest = str(message["data"]).partition(" ")
            name, _, text = rest.partition(" ")
            if who != self._me and (act := self._hearers.get(name)):
                try:
                    act(text)
                except Exception:
                    log.exception("what another process told could not be used, name=%s", name)

    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(self._beat)
            await self._probe()
            if time.monotonic() - self._heard_at > self._silence:
                raise TimeoutError

    async def _probe(self) -> None:
        """A whole round. Raises RedisError, OSError or TimeoutError."""
        async with self._redis.pipeline(transaction=False) as line:
            # a server that only reads, or refuses scripts, is of no use
            line.eval("return redis.call('SET', KEYS[1], 1, 'PX', 60000)", 1, f"{self.prefix}probe")
            line.pubsub_numsub(f"{self.prefix}told")
            line.publish(f"{self.prefix}beat:{self._me}", self._me)
            _, listening, _ = await line.execute()
        self.processes = max(int(listening[0][1]), 1)

    async def _speak(self) -> None:
        while True:
            await self._spoken.wait()
            await self._say()

    async def _say(self) -> None:
        """Everything that is to be told, in one round; what comes meanwhile goes with the next."""
        self._spoken.clear()
        words, self._words = self._words, {}
        if words:
            async with self._redis.pipeline(transaction=False) as line:
                for word in words:
                    line.publish(f"{self.prefix}told", word)
                await line.execute()

    def _loses(self, error: BaseException) -> None:
        self._is(False, _name(error))
        self._broken.set()

    def _is(self, up: bool, trouble: str = "") -> None:
        self.up, self.trouble = up, trouble
        if up == self._said:
            return
        self._said = up
        if up:
            log.info("redis is there")
        else:
            log.warning("redis is gone (%s): careful limits, and desks ask the database", trouble)
        for act in self.changed:
            act()


def _name(error: BaseException) -> str:
    """The error's kind: its text may show the address."""
    return type(error).__name__
