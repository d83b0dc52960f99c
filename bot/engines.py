"""All engines as one: each turn goes to the least busy one that works, and to another when that one fails.

A turn changes nothing in an engine, and actions know a turn by its id: asking again is safe. Each address has a
breaker, so that a dead engine costs the first turns their patience and not every turn. An engine that hangs is found
by a look: it takes connections and says nothing, which only a time-out would tell otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from bot.breaker import Breaker, State
from bot.dialogue import TIMEOUT, ActionFailed, Dialogue, EngineDown, EngineLost, EngineRefused, read_answers
from bot.measures import Measures
from bot.model.dialogue import Ask, Turn
from bot.model.replies import Reply

log = logging.getLogger(__name__)

#: Seconds between two rounds of the watch, and of silence after which an engine is looked at: a look costs it next to
#: nothing, and until one finds that it hangs, customers wait.
ROUND, SILENCE = 0.25, 0.5
#: Seconds between two times that names are looked up: behind one name there may be several engines, and others later.
NAMES = 5.0
#: Of the time that is left, the part one engine gets while there is another to go to.
SHARE = 0.6


class _Engine:
    """One address: its client and its breaker."""

    def __init__(self, url: str, client: Dialogue, breaker: Breaker) -> None:
        self.url, self.client, self.breaker = url, client, breaker
        self.heard_at = 0.0
        self.turn = 0  # the number of the last turn it was given: among equals the one that rested longest is next

    async def ask(self, turn: Ask, seconds: float) -> Turn:
        """One turn; the breaker learns what came of it."""
        self.breaker.asking()
        try:
            answer = await self.client.ask(turn, seconds=seconds)
        except (EngineRefused, ActionFailed):
            self._heard()  # the engine itself is well
            raise
        except EngineDown as error:
            self.breaker.failed(str(error))
            raise
        except BaseException:
            self.breaker.abandoned()
            raise
        self._heard()
        return answer

    def _heard(self) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        self.breaker.succeeded()

    async def look(self) -> None:
        """Find out whether it hangs, or is there again."""
        now = asyncio.get_running_loop().time()
        if self.breaker.state == State.OPEN:
            if await self.client.ready():
                self.breaker.answers_a_look()
        elif min(self.client.waiting(), now - self.heard_at) > SILENCE:
            if await self.client.ready():
                self.heard_at = asyncio.get_running_loop().time()
            else:
                self.breaker.trip("it takes turns and answers nothing")
                self.client.give_up()


class Engines:
    """The engines behind these addresses. Keeps no conversation: any of them may take any turn."""

    def __init__(
        self, urls: Sequence[str], *, timeout: float = TIMEOUT, measures: Measures | None = None
    ) -> None:
        """`timeout`: seconds for a whole turn, however many engines are asked."""
        self._timeout, self._measures = timeout, measures or Measures()
        self._engines: list[_Engine] = []
        self._leaving: dict[str, _Engine] = {}
        self._out: set[str] = set()  # said to be out: the tries until it is well again are no news
        self._turns = 0
        self._names: list[str] = []  # as they were given; `_engines` are what they stand for
        self._named_at = float("-inf")
        self._going: set[asyncio.Task[bool]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._answers: dict[str, dict[str, Reply]] = {}  # those of the newest model
        self._models: set[str] = set()  # whose answers were asked for
        self._learning: asyncio.Task[None] | None = None
        #: Called with a new model's answers, to be given to `recall` in a process that starts while no engine answers.
        self.learned: Callable[[dict[str, Any]], Awaitable[None]] = _forget
        self.use(urls)

    @property
    def urls(self) -> list[str]:
        """Where turns go now."""
        return [engine.url for engine in self._engines]

    def use(self, urls: Iterable[str]) -> None:
        """From now on turns go to these; those under way elsewhere end there (see `left`)."""
        self._names, self._named_at = list(urls), float("-inf")
        self._use({url: None for url in self._names})

    def _use(self, urls: Mapping[str, str | None]) -> None:
        """These, each with the name that it was found under."""
        known = {engine.url: engine for engine in self._engines} | self._leaving
        self._engines = [known[url] if url in known else self._new(url, host) for url, host in urls.items()]
        self._leaving = {url: engine for url, engine in known.items() if engine not in self._engines}
        self._count()

    async def _look_names_up(self) -> None:
        """Behind a name there may be several engines; each gets a breaker of its own, as if it had been listed."""
        now = asyncio.get_running_loop().time()
        if now - self._named_at < NAMES:
            return
        self._named_at, names = now, self._names
        found: dict[str, str | None] = {}
        for each in await asyncio.gather(*(addresses(url) for url in names)):
            found |= each
        if names is self._names and set(found) != set(self.urls):
            self._use(found)
            for url in list(self._leaving):
                gone = asyncio.create_task(self.left(url, self._timeout))
                self._going.add(gone)
                gone.add_done_callback(self._going.discard)

    async def left(self, url: str, seconds: float) -> bool:
        """Wait until no turn is under way at an address that is used no more; False after `seconds`."""
        engine = self._leaving.get(url)
        if engine is None:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while engine.client.running:
                    await asyncio.sleep(0.05)
        done = not engine.client.running
        engine.client.give_up()  # what is left is asked again elsewhere
        self._leaving.pop(url, None)
        await asyncio.sleep(0)
        await engine.client.close()
        return done

    async def close(self) -> None:
        """Close all connections. Call once, when nothing asks any more."""
        tasks = [task for task in (self._watch, self._learning, *self._going) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(engine.client.close() for engine in (*self._engines, *self._leaving.values())))

    async def ready(self) -> bool:
        """Does any of them answer? Never raises."""
        return any(await asyncio.gather(*(engine.client.ready() for engine in self._engines)))

    async def state(self) -> str:
        """For /readyz: "ok", "degraded: …" when some do not answer or were found broken, "no answer"."""
        engines = list(self._engines)
        answers = await asyncio.gather(*(engine.client.ready() for engine in engines))
        well = sum(yes and engine.breaker.state != State.OPEN for yes, engine in zip(answers, engines, strict=True))
        if not well:
            return "no answer" if not any(answers) else "it answers, but its turns fail"
        return "ok" if well == len(engines) else f"degraded: {well} of {len(engines)} engines answer"

    async def ask(self, turn: Ask) -> Turn:
        """One turn, of one engine or, when it fails, of another. Raises EngineDown, EngineRefused."""
        if self._watch is None:
            await self._look_names_up()
            self._watch = self._watch or asyncio.create_task(self._look_after())
        clock = asyncio.get_running_loop().time
        until = clock() + self._timeout
        tried: list[_Engine] = []
        error = EngineDown("no engine is asked for now: its breaker is open")
        while engine := self._choose(tried, error):
            if tried:
                self._measures.asked_again()
            tried.append(engine)
            others = any(other not in tried and other.breaker.lets_through for other in self._engines)
            try:
                answer = await engine.ask(turn, (until - clock()) * (SHARE if others else 1.0))
                self._learn(engine, answer.model_id)
                return answer
            except (EngineRefused, ActionFailed):
                raise
            except EngineDown as failure:
                error = failure
            if clock() > until - 0.1:
                break
        raise error

    def known(self, turn: Ask) -> Turn | None:
        """The answer of a button that needs no engine; None when it needs one. Its state stays as it was."""
        form = [event.get("name") for event in turn.events if event.get("event") == "active_loop"]
        replies = self._answers.get(turn.text)
        if not replies or (form and form[-1]):  # in a form the same button may be an answer to it
            return None
        language = str(turn.metadata.get("language"))
        reply, intent = replies[language if language in replies else ""], turn.text.removeprefix("/")
        return Turn((reply,), turn.events, {}, intent, 1.0, ((intent, 1.0),))

    def _learn(self, engine: _Engine, model_id: str) -> None:
        """Ask a model that is new here what may be said without it, beside the turns."""
        if model_id not in self._models and self._learning is None:
            self._learning = asyncio.create_task(self._ask_answers(engine, model_id))

    async def _ask_answers(self, engine: _Engine, model_id: str) -> None:
        try:
            answers = await engine.client.answers()
            self._answers = read_answers(answers)
            self._models.add(model_id)
            await self.learned(answers)
        except EngineDown as error:
            log.warning("engine %s: %s", engine.url, error)
        except Exception:  # they are known here all the same
            log.exception("the fixed answers could not be kept")
        finally:
            self._learning = None

    def recall(self, answers: dict[str, Any]) -> None:
        """What was learned before this process began: it may be said until an engine's own answers are known."""
        with contextlib.suppress(EngineDown):  # an older version may have kept them in another form
            self._answers = self._answers or read_answers(answers)

    def _choose(self, tried: list[_Engine], error: EngineDown) -> _Engine | None:
        """The next one to ask. One that may be well again goes first: should it fail, another takes the turn."""
        fit = [engine for engine in self._engines if engine not in tried and engine.breaker.lets_through]
        if not fit and len(tried) == 1 and isinstance(error, EngineLost):
            # Behind one address there may be several: another connection may reach one that lives.
            fit = [engine for engine in tried if engine in self._engines and engine.breaker.lets_through]
        chosen = min(
            fit, key=lambda one: (one.breaker.state == State.CLOSED, one.client.running, one.turn), default=None
        )
        if chosen:
            self._turns += 1
            chosen.turn = self._turns
        return chosen

    def _new(self, url: str, host: str | None) -> _Engine:
        breaker = Breaker(partial(self._changed, url))
        return _Engine(url, Dialogue(url, timeout=self._timeout, host=host), breaker)

    def _changed(self, url: str, state: State, why: str) -> None:
        """One line when it opens and closes; the tries in between are no news."""
        if state == State.OPEN and url not in self._out:
            self._out.add(url)
            log.warning("engine %s gets no more turns: %s", url, why)
        elif state == State.CLOSED:
            self._out.discard(url)
            log.warning("engine %s gets turns again", url)
        self._count()

    def _count(self) -> None:
        states = [engine.breaker.state for engine in self._engines]
        self._measures.engines({state.value: states.count(state) for state in State})

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(ROUND)
            try:
                await self._look_names_up()
                await asyncio.gather(*(engine.look() for engine in (*self._engines, *self._leaving.values())))
            except Exception:  # without this watch a breaker that is open would never close again
                log.exception("the engines could not be looked after this time")


async def _forget(_answers: dict[str, Any]) -> None:
    """Where nobody keeps them."""


async def addresses(url: str) -> dict[str, str | None]:
    """The addresses that a plain http address stands for, with its name; itself where that is not known."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.hostname == "localhost" or _is_ip(parts.hostname):
        return {url: None}
    port = parts.port or 80
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError:
        return {url: None}
    hosts = sorted({f"[{each[4][0]}]" if each[0] == socket.AF_INET6 else str(each[4][0]) for each in found})
    return {parts._replace(netloc=f"{host}:{port}").geturl(): parts.netloc for host in hosts} or {url: None}


def _is_ip(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ip_address(host))
    return False
