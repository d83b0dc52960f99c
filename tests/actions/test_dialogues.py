"""Whole conversations: the trained model, the engine's turn channel and the action server, as the bot uses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from bot.dialogue_state import next_state

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOW = "2026-11-21T11:00:00+01:00"


@dataclass
class Customer:
    """One conversation; keeps the events as the bot does."""

    url: str
    language: str = "it"
    can_share_location: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    turns: int = 0

    async def says(self, text: str, **metadata: Any) -> list[dict[str, Any]]:
        """The messages that come back."""
        self.turns += 1
        told = {
            "language": self.language,
            "turn_id": f"turn-{self.turns}",
            "now": NOW,
            "can_share_location": self.can_share_location,
            "cases": [],
            "first_turn": self.turns == 1,
            **metadata,
        }
        body = {"turn_id": told["turn_id"], "text": text, "metadata": told, "events": self.events}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/webhooks/turn/webhook", json=body) as answer,
        ):
            found = await answer.json()
            assert answer.status == 200, found
        self.events = next_state(self.events, found["events"])  # as the service keeps them, no more
        return list(found["messages"])


def words(messages: list[dict[str, Any]]) -> str:
    return "\n".join(one["text"] for one in messages if one.get("text"))


def custom(messages: list[dict[str, Any]], kind: str) -> Any:
    return next((one["custom"][kind] for one in messages if kind in (one.get("custom") or {})), None)


async def test_a_pin_with_small_talk_and_a_mistake_in_between(engine_url: str) -> None:
    customer = Customer(engine_url)
    which = await customer.says("ho perso il pin")
    assert [one["title"] for one in which[-1]["buttons"]] == ["Area clienti", "PIN della SIM", "PUK, SIM bloccata"]
    assert "intestato a te" in words(await customer.says(which[-1]["buttons"][0]["payload"]))
    aside = await customer.says("ma sei un robot?")
    assert "bot" in aside[0]["text"] and "intestato a te" in aside[-1]["text"]
    assert "codice fiscale" in words(await customer.says("sì sono io"))
    assert "non torna" in words(await customer.says("RSSMRA80A01H501X"))
    done = await customer.says("rssmra80a01 h501u")
    promise = custom(done, "promise")
    assert promise["reference"] in words(done) and "RSS…01U" in words(done)
    assert "RSSMRA" not in words(done).upper()
    assert "piacere" in words(await customer.says("grazie mille"))


async def test_a_person_in_the_middle_of_a_form(engine_url: str) -> None:
    customer = Customer(engine_url)
    await customer.says("mi serve il puk")
    assert custom(await customer.says("voglio parlare con una persona"), "handoff")["reason"] == "asked"
    # The form is over: the next message is not taken for its answer.
    assert "ti trovo il negozio" in words(await customer.says("orari dei negozi"))


async def test_another_topic_in_the_middle_of_a_form(engine_url: str) -> None:
    customer = Customer(engine_url)
    await customer.says("mi serve il puk")
    assert "Vivalinea Torino" in words(await customer.says("a che ora apre il negozio di Torino?"))
    assert "Vivalinea Torino" in words(await customer.says("e domenica?"))


async def test_never_mind(engine_url: str) -> None:
    customer = Customer(engine_url)
    await customer.says("orari dei negozi")
    assert "lasciamo stare" in words(await customer.says("annulla"))
    assert "Quale codice" in words(await customer.says("mi serve il pin"))


async def test_two_answers_not_understood_bring_a_person(engine_url: str) -> None:
    customer = Customer(engine_url)
    await customer.says("dove siete")
    assert "non lo trovo" in words(await customer.says("qqqq zzzz"))
    assert custom(await customer.says("wwww kkkk"), "handoff")["reason"] == "not_understood"


async def test_the_hours_of_a_shop_and_what_is_asked_next(engine_url: str) -> None:
    customer = Customer(engine_url)
    assert "In quale città" in words(await customer.says("/store_hours"))
    greeting = await customer.says("ciao")
    assert "Ciao" in greeting[0]["text"] and "In quale città" in greeting[-1]["text"]
    first = await customer.says("bari")
    assert "Vivalinea Bari Murat" in words(first) and "fino alle 13:00" in words(first)
    assert "openstreetmap.org/?mlat=" in words(first)
    assert "domenica 22 novembre è chiuso" in words(await customer.says("e domenica?"))
    # Words that no topic knows, but that make sense after a shop.
    assert "lunedì 8 febbraio" in words(await customer.says("il giorno 8/2"))
    assert "Mongolfiera" in words(await customer.says("un altro negozio"))
    assert "In quale città" in words(await customer.says('/find_store{"town": "?"}'))
    assert "Firenze" in words(await customer.says("firnze"))


async def test_a_position_and_english(engine_url: str) -> None:
    customer = Customer(engine_url, language="en", can_share_location=True)
    asked = await customer.says("where is your nearest store?")
    assert asked[-1]["buttons"][0] | {"title": ""} == {"title": "", "payload": "/share_location", "type": "location"}
    found = await customer.says("/share_location", location={"latitude": 45.464, "longitude": 9.19})
    assert "Vivalinea Milano Torino is 0.6 km from you" in words(found) and "Open now" in words(found)
    assert "Sunday 22 November it is open" in words(await customer.says("and on sunday?"))


async def test_the_same_event_twice_gives_the_same_number(engine_url: str) -> None:
    numbers = set()
    for _ in range(2):
        customer = Customer(engine_url)
        await customer.says("pin della sim")
        await customer.says('/inform{"pin_holder": "self"}')
        done = await customer.says("RSSMRA80A01H501U")
        numbers.add(custom(done, "promise")["reference"])
    assert len(numbers) == 1
