"""The measurements: their arithmetic, what counts as answered, and one short scenario in real processes."""

from __future__ import annotations

import asyncio
import json
import math
import time
from pathlib import Path

import pytest

from bench import acks, inbox, live, pulling, size, waits
from bench.customers import CONVERSATIONS, ByRest, NotAnswered, Platform, line_of
from bench.load import TOGETHER, Newcomers, Tally, closed_loop, long_conversation, open_loop, percentile
from bench.plan import PARTS, Plan
from bench.processes import Memory
from bench.real_page import chromium
from bench.report import report, targets
from bench.scale import Found, Scale
from bench.stock import stories_of
from bench.tables import Target, table
from bench.wire import Caller, WireError, listen, split_message
from bot.channels.messenger import MessengerChannel
from bot.model.replies import QuickReply

TIMES = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
ROUND = {"per_second": 40.0, **TIMES, "answered": 9, "failed": 0, "processor": {"engine": 5.0}}


class Slow:
    """Answers one after the other, each `seconds` after the one before it; notes who wrote what."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self.heard: list[tuple[str, str]] = []

    async def turn(self, customer: str, text: str) -> float:
        self.heard.append((customer, text))
        async with self._lock:
            await asyncio.sleep(self._seconds)
        if text == "grazie":
            raise NotAnswered("200, empty")
        return time.perf_counter()

    def close(self) -> None:
        pass


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.99) == 7
    assert math.isnan(percentile([], 0.5))


async def test_waiting_in_front_of_a_slow_server_counts() -> None:
    # 100 a second come, 50 a second are served: the last must have waited for about half the time. A generator
    # that waits for answers, or times from the moment of sending, would see 20 ms for each.
    tally = await open_loop(Slow(0.02), Newcomers("1"), rate=100, seconds=0.5, progress=lambda _: None)
    assert percentile(tally.times, 0.99) > 0.2
    assert len(tally.times) + sum(tally.failures.values()) == tally.all


async def test_a_customer_writes_a_conversation_in_order_and_then_another_comes() -> None:
    slow = Slow(0.0)
    tally = await closed_loop(
        slow, Newcomers("2"), conversations=1, seconds=0.2, warm_up=0.0, progress=lambda _: None
    )
    first, second = slow.heard[:TOGETHER], slow.heard[TOGETHER]
    assert [text for _, text in first] == list(CONVERSATIONS[0])
    assert {customer for customer, _ in first} == {"20000000"}
    assert second == ("20000001", line_of(1, 0))
    assert tally.failures["200, empty"] > 0, "an empty answer is a failure"


async def test_late_turns_are_compared_with_first_turns_of_others() -> None:
    slow = Slow(0.0)
    found = await long_conversation(slow, Newcomers("3"), places=[4, 8], around=2, progress=lambda _: None)
    assert list(found) == ["4", "8"]
    assert sum(customer == "30000000" for customer, _ in slow.heard) == 8
    assert len(slow.heard) == 8 + 4


async def test_a_turn_is_over_with_the_way_to_a_person_and_not_before() -> None:
    platform = Platform()
    answered = platform.expect("5")
    call = b"POST /v26.0/1/messages?access_token=x HTTP/1.1"

    def send(**message: object) -> None:
        platform.handle(call, json.dumps({"recipient": {"id": "5"}, "message": message}).encode())

    send(text="first part")
    assert not answered.done()
    send(text="last part", quick_replies=[{"content_type": "text", "title": "Parla con noi", "payload": "/ask_human"}])
    assert answered.done()
    assert platform.sends == 2


async def test_stock_rasa_with_nothing_to_say_has_failed() -> None:
    server, port = await listen(lambda _line, _body: b"[]")
    stock = ByRest(port)
    with pytest.raises(NotAnswered, match="empty"):
        await stock.turn("1", "ciao")
    stock.close()
    server.close()


async def test_the_client_keeps_its_connection_and_sends_whole_messages() -> None:
    heard = []

    def handle(line: bytes, body: bytes) -> bytes:
        heard.append((line, body))
        return b'{"ok": 1}'

    server, port = await listen(handle)
    caller = Caller("127.0.0.1", port)
    for body in (b"{}", b"x" * 100_000):
        assert await caller.post("/a", body) == (200, b'{"ok": 1}')
    assert heard == [(b"POST /a HTTP/1.1", b"{}"), (b"POST /a HTTP/1.1", b"x" * 100_000)]
    caller.close()
    server.close()


def test_a_message_is_taken_only_when_it_is_complete() -> None:
    buffer = bytearray(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab")
    assert split_message(buffer) is None
    buffer += b"cHTTP"
    assert split_message(buffer) == (b"HTTP/1.1 200 OK\r\nContent-Length: 3", b"abc")
    assert buffer == b"HTTP"
    with pytest.raises(WireError):
        split_message(bytearray(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))


def test_targets_say_whether_they_are_met() -> None:
    assert Target("", 4.0, 4).met
    assert not Target("", 3.99, 4).met
    assert Target("", 1.2, 1.2, most=True).met
    assert not Target("", math.nan, 4).met
    assert not Target("", math.nan, 1.2, most=True).met


def test_the_page_has_the_ratios_of_the_run() -> None:
    found = Found(
        closed={"bot": [ROUND] * 3, "stock": [{**ROUND, "per_second": 8.0}] * 3},
        turns={"bot": {"100": [10.0, 10.0], "1000": [11.0, 10.0]}},
        acks={"SQLite": {"stored": [{**ROUND, "per_second": 100.0}], "plain": [{**ROUND, "per_second": 400.0}]}},
        memory={"bot": {"bot": Memory(rss=180.0, pss=100.0)}},
        starts={"bot": 12.0},
    )
    assert [(round(target.value, 3), target.met) for target in targets(found)] == [
        (5.0, True), (1.1, True), (104.858, True), (0.25, False), (12.0, True)
    ]  # fmt: skip
    page = report(found, Scale(), ["some machine"])
    assert "- some machine" in page and "| 5.00x " in page and "**no**" in page


def test_two_engines_are_asked_for_more_only_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = {1: [ROUND] * 3, 2: [{**ROUND, "per_second": 50.0}] * 3}
    found = Found(engines={"SQLite": rounds, "PostgreSQL": {1: rounds[1], 2: [{**ROUND, "per_second": 44.0}]}})
    for cores, verdict in ((8, "**no**"), (2, "needs 4 cores, here are 2")):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert [target.row[2:] for target in targets(found)] == [["1.10x", verdict]]
    assert "| PostgreSQL | 2       | 44.0       | 1      | 2      | 0      | 1.10  |" in report(found, Scale(), [])


def test_the_desk_s_pages_are_timed_on_a_filled_store() -> None:
    found = {"SQLite": inbox.on_sqlite(inbox.Scale(conversations=600, each=3, open_cases=600, looks=2))}
    assert set(found["SQLite"]) == set(inbox.PAGES)
    assert 0 < inbox.slowest_list(found) < 60_000
    assert len(inbox.rows(found)) == len(inbox.PAGES) and not inbox.DATA.exists()


def test_tables_are_even() -> None:
    lines = table(["", "b"], [["long", "1"], ["x", "22"]]).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_a_tally_without_time_has_no_rate() -> None:
    assert Tally().summary()["per_second"] == 0


def test_stories_for_stock_rasa_have_intents_and_no_words(tmp_path: Path) -> None:
    file = tmp_path / "stores.yml"
    file.write_text("stories:\n- story: s\n  steps:\n  - user: ciao\n    intent: greet\n  - action: utter_x\n")
    assert list(stories_of(file)) == [{"story": "stores: s", "steps": [{"intent": "greet"}, {"action": "utter_x"}]}]


def test_the_limit_that_is_lifted_exists() -> None:
    assert MessengerChannel.limits.per_second > 0
    assert QuickReply("Parla con noi", "/ask_human").payload.encode() in b'"/ask_human"'


def test_webhooks_are_acknowledged_with_and_without_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real route and store in their own process, the customers in theirs; on each database."""
    monkeypatch.setattr("bench.acks.DATA", tmp_path)
    found = acks.measure(acks.Scale(webhooks=40, rounds=1), lambda _: None)
    for one in found.values():
        assert [one[name][0]["answered"] for name in ("stored", "plain")] == [40, 40]
        assert one["stored"][0]["failed"] == 0
    assert "SQLite" in found and acks.ratio(found) > 0


def test_a_turn_is_timed_on_stores_of_two_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way without the engine, first and late in a conversation; on each database."""
    monkeypatch.setattr("bench.size.DATA", tmp_path / "size")
    found = size.measure(size.Scale(sizes=(20, 200), late=30, turns=2))
    assert "SQLite" in found and all(set(sizes) == {20, 200} for sizes in found.values())
    assert size.ratio(found) > 0 and len(size.rows(found)) == 2 * len(found)
    page = report(Found(size=found), Scale(), [])
    assert "| 1.00  |" in page and "a turn on the large store" in page


def test_one_part_can_be_measured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    thirty_days = waits.simulated
    monkeypatch.setattr("bench.waits.simulated", lambda seeds: thirty_days(seeds, days=8))
    found = Plan(Scale(wait_seeds=(1,)), None, only=["waits"]).run()
    page = report(found, Scale(), [])
    assert found.waits and not found.acks and not found.inbox
    assert "## The stated wait" in page and "## Acknowledging" not in page and "stock Rasa" not in page
    assert set(PARTS) >= {"desk", "waits", "acks", "talk"}


def test_agents_at_one_queue_get_each_case_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real server, real forms; the smallest queue that can be raced for."""
    monkeypatch.setattr("bench.desks.FOLDER", tmp_path)
    found = pulling.measure(pulling.Scale(agents=3, cases=6, seconds=0.5))
    assert [(one.taken, one.twice) for one in found.values()] == [(6, 0)] * len(found)
    assert "SQLite" in found and len(pulling.rows(found)) == len(found)


def test_a_new_case_is_seen_at_the_desk_of_its_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.desks.FOLDER", tmp_path)
    found = live.measure(live.Scale(desks=2, open_cases=20, cases=1, warm_up=0, in_chromium=1))
    assert all(len(one.shown) == 1 and not one.missed for one in found.values())
    assert all(len(one.in_chromium) == bool(chromium()) and not one.not_in_chromium for one in found.values())
    assert 0 < live.slowest(found) < 60_000
