"""Many engines as one: who is asked, what happens when one fails, hangs, dies or is exchanged."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest

from bot.dialogue import ActionFailed, EngineDown, EngineRefused
from bot.engines import Engines, addresses
from bot.measures import Measures
from bot.model.dialogue import Ask
from bot.model.replies import Reply
from tests.bot_process import EchoEngine, echo_engine
from tests.conftest import free_port
from tests.engine_process import engine_processes, start

#: A finished turn's time-out: far above what any of these engines takes.
PATIENCE = 8.0


def question(number: int) -> Ask:
    return Ask(f"t{number}", f"text {number}", {}, [])


@asynccontextmanager
async def two(seconds: float = 0.0) -> AsyncIterator[tuple[Engines, EchoEngine, EchoEngine]]:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(echo_engine(seconds)) for _ in range(2)]
        engines = Engines([one.url, other.url], timeout=PATIENCE)
        stack.push_async_callback(engines.close)
        yield engines, one, other


async def test_turns_go_to_the_engine_that_has_the_least_to_do() -> None:
    async with two(0.05) as (engines, one, other):
        await asyncio.gather(*(engines.ask(question(n)) for n in range(20)))
        assert abs(len(one.asked) - len(other.asked)) <= 2
        for n in range(6):  # one after the other: they take turns
            await engines.ask(question(n))
        assert abs(len(one.asked) - len(other.asked)) <= 2


async def test_a_turn_that_fails_at_one_is_asked_at_the_other_and_the_broken_one_is_left_alone() -> None:
    async with two() as (engines, one, other):
        one.broken = True
        for n in range(20):
            assert (await engines.ask(question(n))).replies[0].text == f"re: text {n}"
        assert len(other.asked) == 20
        assert await engines.state() == "degraded: 1 of 2 engines answer"
        other.broken = True
        assert await engines.state() == "no answer" and not await engines.ready()


async def test_while_the_breaker_is_open_nobody_waits_and_it_closes_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "bot.engines")
    measures = Measures()
    async with echo_engine() as engine:
        engines = Engines([engine.url], measures=measures)
        engine.broken = True
        for n in range(10):
            with pytest.raises(EngineDown):
                await engines.ask(question(n))
        with pytest.raises(EngineDown, match="breaker is open"):
            await engines.ask(question(11))
        assert measures.registry.get_sample_value("sportello_engines", {"state": "open"}) == 1
        engine.broken = False
        async with asyncio.timeout(20):
            while await engines.state() != "ok":
                await asyncio.sleep(0.05)
        assert (await engines.ask(question(12))).replies
        assert measures.registry.get_sample_value("sportello_engines", {"state": "closed"}) == 1
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 2 and "gets no more turns" in told[0] and "gets turns again" in told[1]
        await engines.close()


async def test_a_button_whose_answer_is_fixed_needs_no_engine() -> None:
    async with echo_engine() as engine:
        engine.answers = {"/thank": {"": {"text": "Prego!"}, "en": {"text": "You're welcome!"}}}
        engines = Engines([engine.url])
        tapped = Ask("t", "/thank", {"language": "en"}, [])
        assert engines.known(tapped) is None
        await engines.ask(question(1))
        async with asyncio.timeout(5):
            while engines.known(tapped) is None:
                await asyncio.sleep(0.01)
        engine.broken = True
        with pytest.raises(EngineDown):
            await engines.ask(tapped)
        english, other = engines.known(tapped), engines.known(replace(tapped, metadata={"language": "de"}))
        assert english and english.replies == (Reply("You're welcome!"),) and english.intent == "thank"
        assert other and other.replies == (Reply("Prego!"),)
        form = [{"event": "active_loop", "name": "pin_form"}]
        assert engines.known(replace(tapped, events=form)) is None, "in a form it may be an answer to the form"
        assert engines.known(replace(tapped, events=[*form, {"event": "active_loop", "name": None}]))
        assert engines.known(replace(tapped, text="thank you")) is None
        await engines.close()


async def test_fixed_answers_outlive_the_process_that_learned_them() -> None:
    """A process that starts while no engine answers says what another learned."""
    kept: list[dict[str, Any]] = []

    async def keep(answers: dict[str, Any]) -> None:
        kept.append(answers)

    tapped = Ask("t", "/thank", {"language": "it"}, [])
    async with echo_engine() as engine:
        engine.answers = {"/thank": {"": {"text": "Prego!"}}}
        engines = Engines([engine.url])
        engines.learned = keep
        await engines.ask(question(1))
        async with asyncio.timeout(5):
            while not kept:
                await asyncio.sleep(0.01)
        await engines.ask(question(2))
        await engines.close()
    later = Engines([engine.url])
    later.recall(kept[0])
    found = later.known(tapped)
    assert len(kept) == 1 and found and found.replies == (Reply("Prego!"),)
    other = Engines([engine.url])
    for nonsense in ({}, {"/thank": {"": "Prego!"}}, {"/thank": 7}):
        other.recall(nonsense)
        assert other.known(tapped) is None
    await later.close()
    await other.close()


async def test_what_another_engine_would_do_no_better_is_not_asked_again() -> None:
    async with two() as (engines, one, other):
        for status, error in ((400, EngineRefused), (502, ActionFailed)):
            one.status = other.status = status
            for n in range(10):
                with pytest.raises(error):
                    await engines.ask(question(n))
        assert len(one.asked) + len(other.asked) == 20
        assert await engines.state() == "ok", "the engines themselves are well"


async def test_killed_under_questions_no_turn_fails() -> None:
    async with engine_processes(2) as processes:
        engines = Engines([process.url for process in processes], timeout=PATIENCE)

        async def customer(number: int) -> None:
            for n in range(40):
                assert (await engines.ask(question(number * 100 + n))).replies
                if number == 0 and n == 15:
                    processes[0].signal(signal.SIGKILL)

        await asyncio.gather(*(customer(number) for number in range(8)))
        assert await engines.state() == "degraded: 1 of 2 engines answer"
        await engines.close()


async def test_a_hanging_engine_is_found_by_a_look_and_used_again_when_it_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    measures, asked_again = Measures(), Mock()
    monkeypatch.setattr(measures, "asked_again", asked_again)
    async with engine_processes(2) as processes:
        engines = Engines([process.url for process in processes], timeout=10 * PATIENCE, measures=measures)
        await asyncio.gather(*(engines.ask(question(n)) for n in range(8)))
        processes[0].signal(signal.SIGSTOP)
        answers = await asyncio.gather(*(engines.ask(question(n)) for n in range(16)))
        assert all(answer.replies for answer in answers)
        why = "it takes turns and answers nothing"  # not: in time
        assert [each.getMessage() for each in caplog.records] == [f"engine {engines.urls[0]} gets no more turns: {why}"]
        assert (found := asked_again.call_count) > 0
        await asyncio.gather(*(engines.ask(question(n)) for n in range(16)))
        assert asked_again.call_count == found, "left alone from now on"
        processes[0].signal(signal.SIGCONT)
        async with asyncio.timeout(60):
            while await engines.state() != "ok":
                await asyncio.sleep(0.05)
        await engines.close()


async def test_alone_and_hanging_it_costs_the_first_turns_a_look_and_later_ones_nothing() -> None:
    async with engine_processes(1) as (process,):
        engines = Engines([process.url], timeout=PATIENCE)
        process.signal(signal.SIGSTOP)
        with pytest.raises(EngineDown):
            await engines.ask(question(1))
        for n in range(50):
            with pytest.raises(EngineDown, match="breaker is open"):  # it was not asked
                await engines.ask(question(n))
        process.signal(signal.SIGCONT)
        async with asyncio.timeout(60):
            while True:
                try:
                    await engines.ask(question(2))
                    break
                except EngineDown:
                    await asyncio.sleep(0.05)
        await engines.close()


async def test_behind_one_address_a_cut_connection_is_tried_once_more() -> None:
    """As behind a name with several machines: the first connection reached one that has just died."""
    cuts = Counter[str]()

    async def cut_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cuts["seen"] += 1
        if cuts["seen"] > 1:
            there, back = await asyncio.open_connection("127.0.0.1", urlsplit(engine.url).port)
            back.write(await reader.read(65536))
            writer.write(await there.read(65536))
            back.close()
        writer.close()

    async with echo_engine() as engine:
        server = await asyncio.start_server(cut_first, "127.0.0.1", 0)
        engines = Engines([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"])
        assert (await engines.ask(question(1))).replies and cuts["seen"] == 2
        await engines.close()
        server.close()


async def test_behind_one_name_each_engine_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with several containers of one service: they come and go, and the name stays."""
    monkeypatch.setattr("bot.engines.NAMES", 0.1)
    async with two() as (_, one, other):
        behind = [one.url, other.url]

        async def answered(url: str) -> dict[str, str | None]:
            assert url == "http://engine:5005"
            return dict.fromkeys(behind, "engine:5005")

        monkeypatch.setattr("bot.engines.addresses", answered)
        engines = Engines(["http://engine:5005"])
        for n in range(10):
            await engines.ask(question(n))
        assert len(one.asked) == len(other.asked) == 5 and one.hosts == {"engine:5005"}
        behind.remove(one.url)
        async with asyncio.timeout(5):
            while engines.urls != [other.url]:
                await asyncio.sleep(0.05)
        await engines.ask(question(11))
        assert len(other.asked) == 6
        await engines.close()


async def test_what_a_name_stands_for() -> None:
    for url in ("http://127.0.0.1:5005", "http://[::1]:5005", "https://engine.example.org"):
        assert await addresses(url) == {url: None}
    name = socket.gethostname()
    found = await addresses(f"http://{name}:5005")
    assert all(url.endswith(":5005") and host in (f"{name}:5005", None) for url, host in found.items())


async def test_moving_over_ends_no_turn() -> None:
    async with two(0.2) as (engines, one, other):
        engines.use([one.url])
        under_way = [asyncio.create_task(engines.ask(question(n))) for n in range(5)]
        await asyncio.sleep(0.02)
        engines.use([other.url])
        after = await engines.ask(question(9))
        assert await engines.left(one.url, 5) and all(task.done() for task in under_way)
        assert after.replies and [len(one.asked), len(other.asked)] == [5, 1]
        assert engines.urls == [other.url]


async def test_a_turn_that_does_not_end_in_time_is_asked_at_the_new_engine() -> None:
    async with two() as (engines, one, other):
        engines.use([one.url])
        one.seconds = 1e6
        stuck = asyncio.create_task(engines.ask(question(1)))
        await asyncio.sleep(0.05)
        engines.use([other.url])
        assert not await engines.left(one.url, 0.1)
        assert (await stuck).replies and len(other.asked) == 1


async def test_an_engine_that_dies_and_comes_back_at_the_same_address() -> None:
    port = free_port()
    process = await start(port)
    engines = Engines([process.url], timeout=PATIENCE)
    assert (await engines.ask(question(1))).replies
    process.signal(signal.SIGKILL)
    await process.process.wait()
    for n in range(6):
        with pytest.raises(EngineDown):
            await engines.ask(question(n))
    process = await start(port)
    async with asyncio.timeout(5):
        while await engines.state() != "ok":
            await asyncio.sleep(0.05)
    assert (await engines.ask(question(2))).replies
    process.signal(signal.SIGKILL)
    await process.process.wait()
    await engines.close()
