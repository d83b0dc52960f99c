"""The platforms' limits: one bucket a chat and one a channel, kept by one process or shared by all."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import hdrs
from hypothesis import given
from hypothesis import strategies as st

from bot.between.limits import UNKNOWN, SharedRates
from bot.between.link import Link
from bot.channels.base import Limits
from bot.channels.messenger import MessengerChannel
from bot.channels.messenger_graph import send_error
from bot.channels.telegram import TelegramChannel
from bot.flow import handoff
from bot.flow.deliver import AT_ONCE
from bot.flow.rates import MANY, PATIENCE, LocalRates, Place, Rates
from bot.model.errors import SendError
from bot.model.messages import ConversationKey
from bot.store.database import Database
from bot.store.tables import outgoing
from tests.flow_support import PLAIN, Clock, Platform, World, turn, world
from tests.redis_server import RedisServer, at_once, linked, until

LIMITS = replace(PLAIN, per_second=10.0, burst=4, per_chat_second=1.0, chat_burst=2)
SLOW = replace(PLAIN, per_second=0.5, burst=4, per_chat_second=0.1, chat_burst=2)  # slower than any machine


def key(chat: int | str) -> ConversationKey:
    return ConversationKey("paper", str(chat))


class Steps:
    """A time that passes only when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def local() -> tuple[LocalRates, Steps]:
    steps = Steps()
    return LocalRates(clock=steps), steps


# The reckoning.


async def test_a_chat_has_its_burst_and_then_its_pace() -> None:
    rates, steps = local()
    assert [(await rates.room(key(1), LIMITS)).granted for _ in range(3)] == [True, True, False]
    place = await rates.room(key(1), LIMITS)
    assert not place.granted and place.seconds == pytest.approx(1)
    steps.now += place.seconds
    assert (await rates.room(key(1), LIMITS)).granted
    assert not (await rates.room(key(1), LIMITS)).granted
    steps.now += 60
    assert [(await rates.room(key(1), LIMITS)).granted for _ in range(3)] == [True, True, False]


async def test_a_chat_that_is_refused_takes_nothing_from_others() -> None:
    rates, _ = local()
    for _ in range(50):
        await rates.room(key(1), LIMITS)
    assert [(await rates.room(key(chat), LIMITS)).seconds for chat in (2, 3)] == [0, 0]


async def test_the_channels_places_are_given_in_order_each_to_one() -> None:
    rates, _ = local()
    places = [await rates.room(key(chat), LIMITS) for chat in range(10)]
    assert [place.seconds for place in places] == pytest.approx([0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert all(place.granted for place in places)


async def test_who_would_wait_too_long_comes_again() -> None:
    rates, steps = local()
    given_ = [await rates.room(key(chat), LIMITS) for chat in range(200)]
    assert max(place.seconds for place in given_ if place.granted) <= PATIENCE
    refused = given_[-1]
    assert not refused.granted and refused.seconds > PATIENCE
    steps.now += refused.seconds
    assert (await rates.room(key("last"), LIMITS)).granted


async def test_a_held_channel_begins_again_slowly() -> None:
    rates, steps = local()
    await rates.hold("paper", LIMITS, 60)
    assert (await rates.room(key(1), LIMITS)).seconds == pytest.approx(60)
    other = ConversationKey("other", "1")
    assert (await rates.room(other, LIMITS)).seconds == 0
    await rates.hold("paper", LIMITS, 5)  # a shorter word does not end a longer one
    steps.now += 60
    assert [(await rates.room(key(n), LIMITS)).seconds for n in range(3)] == pytest.approx([0, 0.1, 0.2])


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3)), max_size=60))
async def test_no_second_ever_has_more_than_the_limit(asked: list[tuple[float, int]]) -> None:
    rates, steps = local()
    left: list[tuple[float, int]] = []
    for pause, chat in asked:
        steps.now += pause
        place = await rates.room(key(chat), LIMITS)
        if place.granted:
            left.append((steps.now + place.seconds, chat))
    for begin, _ in left:
        within = [chat for at, chat in left if begin <= at < begin + 1 - 1e-6]
        assert len(within) <= LIMITS.burst + LIMITS.per_second


async def test_forgotten_chats_take_no_memory() -> None:
    rates, steps = local()
    quick = replace(LIMITS, per_second=1e9)
    for chat in range(MANY + 5):
        await rates.room(key(chat), quick)
        steps.now += 0.001
    assert len(rates._full_at) < MANY


@pytest.mark.parametrize("channel", [TelegramChannel, MessengerChannel])
def test_all_places_of_a_process_find_room_in_a_channels_queue(channel: type[TelegramChannel]) -> None:
    """Otherwise rows would go in circles between claimed and put back."""
    limits = channel.limits
    assert AT_ONCE / limits.per_second < PATIENCE / 4
    assert limits.burst <= limits.per_second and limits.per_chat_second <= limits.per_second


# Shared.


@pytest.fixture
async def links(redis_server: RedisServer) -> AsyncIterator[list[Link]]:
    async with linked(redis_server, 2) as both:
        yield both


async def test_two_processes_share_one_chats_bucket_and_one_channels(links: list[Link]) -> None:
    one, two = (SharedRates(link) for link in links)
    assert (await one.room(key(1), SLOW)).granted and (await two.room(key(1), SLOW)).granted
    for rates in (one, two):
        place = await rates.room(key(1), SLOW)
        assert not place.granted and 0 < place.seconds <= 10
    assert (await one.room(key(2), SLOW)).seconds == 0 and (await two.room(key(3), SLOW)).seconds == 0
    places = [await rates.room(key(chat), SLOW) for chat, rates in enumerate([one, two, one], 10)]
    waits = [place.seconds for place in places]
    assert all(place.granted for place in places)
    assert waits == sorted(waits) and waits[0] > 0 and waits[2] - waits[0] > 2, "each place is given once"


async def test_the_script_reckons_as_one_process_does(links: list[Link]) -> None:
    """At a pace at which the time that the test itself takes is nothing."""
    shared, (alone, _) = SharedRates(links[0]), local()
    slower = replace(LIMITS, per_second=0.01, burst=3, per_chat_second=0.001, chat_burst=2)
    for chat in (1, 1, 1, 2, 3, 4, 2, 2):
        here, there = await alone.room(key(chat), slower), await shared.room(key(chat), slower)
        assert here.granted == there.granted and here.seconds == pytest.approx(there.seconds, abs=30)
    await alone.hold("paper", slower, 5000)
    await shared.hold("paper", slower, 5000)
    here, there = await alone.room(key(9), slower), await shared.room(key(9), slower)
    assert here.granted == there.granted and here.seconds == pytest.approx(there.seconds, abs=30)


async def test_a_held_channel_is_held_for_all(links: list[Link]) -> None:
    one, two = (SharedRates(link) for link in links)
    await one.hold("paper", LIMITS, 60)
    place = await two.room(key(1), LIMITS)
    assert not place.granted and 50 < place.seconds <= 60


async def test_nothing_stays_and_nobodys_id_is_kept(links: list[Link], redis_server: RedisServer) -> None:
    await SharedRates(links[0]).room(key("393331234567"), SLOW)
    with redis_server.client() as client:
        names = client.keys("*")
        assert len(names) >= 2 and not any("393331234567" in name for name in names)
        assert all(0 < client.pttl(name) <= 60_000 for name in names)


async def test_all_may_be_deleted_under_way(links: list[Link], redis_server: RedisServer) -> None:
    rates = SharedRates(links[0])
    for _ in range(3):
        await rates.room(key(1), SLOW)
    with redis_server.client() as client:
        client.flushall()
    assert (await rates.room(key(1), SLOW)).granted


async def test_without_redis_each_keeps_its_share(links: list[Link], redis_server: RedisServer) -> None:
    await until(lambda: all(link.processes == 2 for link in links))
    redis_server.stop()
    await until(lambda: not any(link.up for link in links))
    for link in links:
        rates = SharedRates(link)
        places = [at_once(rates.room(key(chat), SLOW)) for chat in range(4)]
        assert [place.seconds == 0 for place in places] == [True, True, False, False], "two of the four"
        assert places[2].seconds == pytest.approx(4, abs=1), "half the pace"
        chat = ConversationKey("other", "a")
        assert [at_once(rates.room(chat, SLOW)).granted for _ in range(2)] == [True, False], "one of the two"


async def test_where_redis_was_never_reached_there_may_be_others(redis_server: RedisServer) -> None:
    redis_server.stop()
    link = Link(redis_server.url)
    link.start()
    rates = SharedRates(link)
    limits = replace(LIMITS, per_second=0.5, burst=UNKNOWN)
    assert [(await rates.room(key(chat), limits)).seconds == 0 for chat in range(2)] == [True, False]
    await link.stop()


async def test_a_hold_outlives_redis(links: list[Link], redis_server: RedisServer) -> None:
    rates = SharedRates(links[0])
    await rates.hold("paper", LIMITS, 60)
    redis_server.stop()
    assert (await rates.room(key(1), LIMITS)).seconds > 50


async def test_a_server_that_hangs_costs_one_wait(links: list[Link], redis_server: RedisServer) -> None:
    rates = SharedRates(links[0])
    redis_server.hold()
    try:
        assert (await rates.room(key(1), LIMITS)).granted
        for chat in range(3):
            at_once(rates.room(key(chat), LIMITS))
    finally:
        redis_server.let_go()
    await until(lambda: links[0].up)


# Before the platform.


def with_limits(db: Database, folder: Path, clock_of: Callable[[Clock], Rates] | None = None) -> World:
    flow = world(db, folder, platforms=[Platform(limits=LIMITS)])
    flow.way.rates = clock_of(flow.clock) if clock_of else LocalRates(clock=lambda: flow.clock().timestamp())
    return flow


async def says(flow: World, *texts: str, chat: str) -> None:
    flow.engine.script = [turn(*texts, intent="greet")]
    await flow.receives(flow.raw(chat, text="ciao"))
    await flow.answers(chat)


async def test_a_row_whose_chat_is_too_fast_waits_in_the_store(db: Database, tmp_path: Path) -> None:
    flow = with_limits(db, tmp_path)
    await says(flow, "1", "2", "3", "4", chat="a")
    await says(flow, "b", chat="b")
    await flow.delivers()
    assert flow.platform.texts("a") == ["1", "2"] and flow.platform.texts("b") == ["b"]
    third = (await flow.rows(outgoing))[2]
    assert (third.state, third.attempts, third.lease_until) == ("pending", 0, None)
    assert (third.due_at - flow.clock()).total_seconds() == pytest.approx(1)
    await flow.delivers()
    assert len(flow.platform.tried) == 3
    for expected in (["1", "2", "3"], ["1", "2", "3", "4"]):
        flow.clock.passes(seconds=1)
        await flow.delivers()
        assert flow.platform.texts("a") == expected


async def test_what_a_person_took_while_it_waited_is_not_said(db: Database, tmp_path: Path) -> None:
    flow = with_limits(db, tmp_path)
    flow.engine.script = [turn("una persona", intent="greet", handoff="asked")]
    await flow.writes("una persona", "a")
    agent = await flow.agent()
    await says(flow, "di nuovo il bot", chat="a")
    sent = len(flow.platform.tried)

    class Waiting(LocalRates):
        async def room(self, key: ConversationKey, limits: Limits) -> Place:
            if key.chat == "a" and (found := await flow.conversation("a")) and found.status != "agent":
                await flow.does(handoff.claim, agent, chat="a")
            return Place(True, 0.01)

    flow.way.rates = Waiting()
    await flow.delivers()
    rows = await flow.rows(outgoing)
    assert [row.state for row in rows if row.author == "bot"][-1] == "suppressed"
    assert not any(d.part.text == "di nuovo il bot" for d in flow.platform.tried[sent:])


async def test_a_storm_of_429_on_one_chat_changes_nothing_for_others(db: Database, tmp_path: Path) -> None:
    flow = with_limits(db, tmp_path)
    await says(flow, "never", chat="storm")

    def refuse(delivery: object) -> None:
        if delivery.key.chat == "storm":  # type: ignore[attr-defined]
            raise SendError("limit", "429", retry_after=1)

    flow.platform.before_send = refuse
    for n in range(10):
        await says(flow, f"n{n}", chat=f"c{n}")
        began = time.monotonic()
        await flow.delivers()
        assert flow.platform.texts(f"c{n}") == [f"n{n}"] and time.monotonic() - began < 5
        flow.clock.passes(seconds=1)
    assert "later" in await flow.states()


async def test_what_the_platform_says_of_all_holds_all_up(db: Database, tmp_path: Path) -> None:
    flow = with_limits(db, tmp_path)
    flow.platform.problems = [SendError("limit", "80006", retry_after=120, everyone=True)]
    await says(flow, "a", chat="a")
    await flow.delivers()
    for chat in ("b", "c"):
        await says(flow, chat, chat=chat)
    await flow.delivers()
    assert len(flow.platform.tried) == 1
    assert {row.state for row in await flow.rows(outgoing)} == {"later", "pending"}
    flow.clock.passes(seconds=121)
    await flow.delivers()
    assert sorted(d.part.text for d in flow.platform.sent) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("code", "everyone"), [(4, True), (17, True), (32, True), (80001, True), (80006, True), (613, False), (0, False)]
)
def test_which_of_the_platforms_words_are_for_all(code: int, everyone: bool) -> None:
    headers = {hdrs.CONTENT_TYPE: "application/json"}
    error = send_error(429, {"code": code} if code else {}, headers)
    assert error.retry_after and error.everyone is everyone
