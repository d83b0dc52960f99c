"""A call without an answer: the platform is asked whether it arrived, where it numbers its messages."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.channels.base import Delivery, Sent
from bot.channels.telegram import TelegramChannel, TelegramSettings
from bot.flow.doubt import doubts
from bot.flow.sweep import sweep
from bot.model.errors import SendError
from bot.model.messages import ConversationKey, RawEvent
from bot.model.replies import Part, QuickReply
from bot.sandbox import Sandbox
from bot.sandbox.telegram import TelegramCustomer
from bot.store.database import Database
from bot.store.tables import outgoing
from tests.flow_support import CHAT, Platform, World, turn, world

TIME_OUT = SendError("timeout", "no answer", ambiguous=True)
OTHER = "18"


class Numbered(Platform):
    """All messages of all chats have numbers of one row, and a chat can be asked for one."""

    def __init__(self) -> None:
        super().__init__()
        self.numbering = self
        self.row = itertools.count(100)
        self.there: dict[int, str] = {}  # number -> chat
        self.asked: list[int] = []
        self.refuses: list[SendError] = []
        self.on_the_way = 0
        self.dies = ""  # the next call: "before" or "after" its message is there

    def next(self, chat: str) -> int:
        self.there[number := next(self.row)] = chat
        return number

    async def send(self, delivery: Delivery) -> Sent:
        dies, self.dies = self.dies, ""
        if dies == "before":
            raise TIME_OUT
        number = self.next(delivery.key.chat)
        await super().send(delivery)
        if dies:
            raise TIME_OUT
        return Sent(str(number))

    def number(self, payload: Mapping[str, Any]) -> int | None:
        return int(payload["platform_id"]) if "platform_id" in payload else None

    async def holds(self, key: ConversationKey, number: int) -> bool:
        if self.refuses:
            raise self.refuses.pop(0)
        self.asked.append(number)
        return self.there.get(number) == key.chat

    async def held_back(self) -> int:
        return self.on_the_way


class Doubt:
    """A world whose first answer is in doubt."""

    def __init__(self, db: Database, tmp_path: Path) -> None:
        self.platform = Numbered()
        self.flow: World = world(db, tmp_path, platforms=[self.platform])

    def message(self, chat: str = CHAT) -> RawEvent:
        """A customer writes; it is on its way."""
        return self.flow.raw(chat, text="ciao", platform_id=str(self.platform.next(chat)))

    async def asks(self, chat: str = CHAT, *, dies: str = "") -> None:
        self.flow.engine.script = [turn(f"risposta a {chat}", intent="greet")]
        await self.flow.receives(self.message(chat))
        self.flow.clock.passes(seconds=3)
        await self.flow.answers(chat)
        self.platform.dies = dies
        await self.flow.delivers()

    async def passes(self, seconds: float) -> None:
        """Time, and what it does."""
        for _ in range(int(seconds)):
            self.flow.clock.passes(seconds=1)
            await sweep(self.flow.way)
            await doubts(self.flow.way)
            await self.flow.delivers()

    async def rows(self) -> list[tuple[str, bool]]:
        return [(row.state, row.resent) for row in await self.flow.rows(outgoing)]


@pytest.fixture
def doubt(db: Database, tmp_path: Path) -> Doubt:
    return Doubt(db, tmp_path)


async def test_what_arrived_is_found_and_not_sent_again(doubt: Doubt) -> None:
    await doubt.asks(dies="after")
    assert await doubt.rows() == [("ambiguous", False)]
    await doubt.passes(3)
    assert await doubt.rows() == [("sent", False)]
    assert doubt.platform.texts() == ["risposta a 17"] and doubt.platform.asked == [101]
    [row] = await doubt.flow.rows(outgoing)
    assert row.platform_id == "101"


async def test_what_did_not_arrive_is_sent_again_without_a_mark(doubt: Doubt) -> None:
    await doubt.asks(dies="before")
    doubt.flow.clock.passes(seconds=4)
    await doubt.flow.receives(doubt.message(OTHER))  # its number is surely later than the call
    await doubt.passes(2)
    assert (await doubt.rows())[0] == ("sent", False)
    assert doubt.platform.texts() == ["risposta a 17"] and doubt.platform.asked == []


@pytest.mark.parametrize("dies", ["after", "before"])
async def test_of_a_new_bot_all_numbers_are_asked_for(doubt: Doubt, dies: str) -> None:
    doubt.platform.row = itertools.count(1)
    doubt.flow.engine.script = [turn("risposta a 17", intent="greet")]
    await doubt.flow.receives(doubt.message())
    await doubt.flow.answers()  # so soon that no number is surely from before the call
    doubt.platform.dies = dies
    await doubt.flow.delivers()
    doubt.flow.clock.passes(seconds=4)
    await doubt.flow.receives(doubt.message(OTHER))
    await doubt.passes(2)
    assert (await doubt.rows())[0] == ("sent", False)
    assert doubt.platform.texts() == ["risposta a 17"]


async def test_what_others_were_sent_later_tells_as_well(doubt: Doubt) -> None:
    await doubt.asks(dies="before")
    waits = doubt.message(OTHER)  # written before the call, read after it
    doubt.flow.engine.script = [turn("risposta a 18", intent="greet")]
    await doubt.flow.receives(waits)
    doubt.flow.clock.passes(seconds=3)
    await doubt.flow.answers(OTHER)
    await doubt.passes(3)
    assert await doubt.rows() == [("sent", False), ("sent", False)]
    assert doubt.platform.texts() == ["risposta a 17"] and doubt.platform.texts(OTHER) == ["risposta a 18"]


async def test_where_nothing_later_is_known_it_is_marked(doubt: Doubt) -> None:
    await doubt.asks(dies="before")
    await doubt.passes(15)
    assert await doubt.rows() == [("ambiguous", False)]
    await doubt.passes(10)
    assert await doubt.rows() == [("sent", True)]
    assert doubt.platform.texts() == ["risposta a 17"]


async def test_several_in_doubt_and_each_is_found_in_its_own_chat(doubt: Doubt) -> None:
    for chat, dies in (("1", "after"), ("2", "before"), ("3", "after"), ("4", ""), ("5", "after")):
        await doubt.asks(chat, dies=dies)
    doubt.flow.clock.passes(seconds=4)
    await doubt.flow.receives(doubt.message(OTHER))
    await doubt.passes(5)
    assert [row for row in await doubt.rows() if row != ("sent", False)] == []
    assert all(doubt.platform.texts(str(n)) == [f"risposta a {n}"] for n in range(1, 6))


async def test_a_customers_message_on_its_way_is_not_taken_for_ours(doubt: Doubt) -> None:
    await doubt.asks(dies="before")
    theirs = doubt.message()
    doubt.platform.on_the_way = 1
    await doubt.passes(5)
    assert await doubt.rows() == [("ambiguous", False)]
    await doubt.flow.receives(theirs)
    doubt.platform.on_the_way = 0
    doubt.flow.clock.passes(seconds=3)
    await doubt.flow.receives(doubt.message(OTHER))
    await doubt.passes(2)
    assert doubt.platform.texts()[0] == "risposta a 17" and (await doubt.rows())[0] == ("sent", False)


async def test_while_updates_are_on_their_way_a_later_one_of_the_chat_tells(doubt: Doubt) -> None:
    await doubt.asks(dies="after")
    doubt.platform.on_the_way = 3  # of other chats
    await doubt.passes(5)
    assert await doubt.rows() == [("ambiguous", False)]
    await doubt.flow.receives(doubt.message())
    await doubt.passes(2)
    assert (await doubt.rows())[0] == ("sent", False)
    assert doubt.platform.texts().count("risposta a 17") == 1


async def test_a_platform_that_cannot_be_asked_is_asked_later(doubt: Doubt) -> None:
    await doubt.asks(dies="after")
    doubt.platform.refuses = [SendError("network", ""), SendError("limit", "429", retry_after=30)]
    await doubt.passes(32)
    assert await doubt.rows() == [("ambiguous", False)]
    await doubt.passes(5)
    assert await doubt.rows() == [("sent", False)]
    assert len(doubt.platform.tried) == 1


async def test_a_call_that_never_arrives_is_given_up(doubt: Doubt) -> None:
    await doubt.asks()
    await doubt.flow.receives(doubt.message())
    await doubt.flow.answers()
    doubt.platform.problems = [TIME_OUT] * 20
    doubt.platform.next = lambda chat: 0  # type: ignore[method-assign]  # nothing gets a number any more
    await doubt.flow.delivers()
    await doubt.passes(200)
    state, marked = (await doubt.rows())[1]
    assert (state, marked) == ("failed", True)
    assert len([d for d in doubt.platform.tried if d.row == "2"]) == 2


# The platform's own words


@pytest_asyncio.fixture
async def telegram() -> AsyncIterator[tuple[Sandbox, TelegramChannel]]:
    async with Sandbox(port=0, bot_url=lambda: "http://127.0.0.1:1") as sandbox:
        access = sandbox.telegram_settings
        settings = TelegramSettings(
            token=access.token, webhook_secret=None, api_url=access.api_url, public_url=None
        )
        channel = TelegramChannel(settings)
        await channel.start()
        yield sandbox, channel
        await channel.stop()


async def said(channel: TelegramChannel, customer: TelegramCustomer, part: Part) -> int:
    sent = await channel.send(Delivery(ConversationKey("telegram", str(customer.id)), part, "1"))
    return int(sent.platform_id)


async def test_telegram_says_which_chat_has_a_number(telegram: tuple[Sandbox, TelegramChannel]) -> None:
    sandbox, channel = telegram
    mario, anna = sandbox.telegram.customer("Mario"), sandbox.telegram.customer("Anna")
    keys = [ConversationKey("telegram", str(one.id)) for one in (mario, anna)]
    assert channel.numbering
    theirs = int((await mario.says("ciao")).id)
    await anna.says("ciao")
    plain = await said(channel, mario, Part("Eccomi"))
    buttons = await said(channel, mario, Part("Quale?", (QuickReply("Uno", ""), QuickReply("Due", ""))))
    before = list(mario.screen())
    assert plain == theirs + 2 and buttons == plain + 1
    for number in (theirs, plain, buttons):
        assert [await channel.numbering.holds(key, number) for key in keys] == [True, False]
    assert not await channel.numbering.holds(keys[0], buttons + 1)
    assert list(mario.screen()) == before, "asking changed something"
    assert await channel.numbering.held_back() == 2
    with pytest.raises(SendError):
        sandbox.telegram.fail_next(status=429, retry_after=7, method="editMessageReplyMarkup")
        await channel.numbering.holds(keys[0], plain)


def test_only_messages_of_private_chats_and_small_groups_are_in_the_row() -> None:
    channel = TelegramChannel(TelegramSettings("1:a", None, "http://127.0.0.1:1", None))
    assert channel.numbering
    number = channel.numbering.number
    assert number({"update_id": 1, "message": {"message_id": 5, "chat": {"type": "private"}}}) == 5
    assert number({"update_id": 1, "message": {"message_id": 5, "chat": {"type": "group"}}}) == 5
    assert number({"update_id": 1, "message": {"message_id": 5, "chat": {"type": "supergroup"}}}) is None
    assert number({"update_id": 1, "edited_message": {"message_id": 5, "chat": {"type": "private"}}}) is None
    assert number({"message": []}) is None and number({"tell": "x"}) is None
