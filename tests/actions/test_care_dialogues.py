"""Whole conversations about bills, prices and requests, and the ways out of them, with the trained model."""

from __future__ import annotations

import pytest

from tests.actions.test_dialogues import Customer, custom, words

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: The everyday topics, in the order in which they are offered.
EVERYDAY = ["/store_hours", "/request_pin", "/line_status", "/report_fault", "/bill_question", "/activation_status"]


async def test_the_first_hello_introduces_a_bot_and_offers_the_everyday(engine_url: str) -> None:
    customer = Customer(engine_url)
    first = await customer.says("ciao")
    assert "sono l'assistente automatico di Vivalinea" in words(first)
    assert [button["payload"] for button in first[-1]["buttons"]] == EVERYDAY
    assert first[-1]["buttons"][0]["title"] == "Orari dei negozi"
    assert words(await customer.says("buongiorno")) == "Eccomi! Di cosa hai bisogno?"
    english = await Customer(engine_url, language="en").says("/greet")
    assert "a bot" in words(english) and english[-1]["buttons"][5]["title"] == "Order status"


async def test_not_understood_twice_in_a_row_and_not_otherwise(engine_url: str) -> None:
    customer = Customer(engine_url)
    first = await customer.says("xqzt wkkp jjhh")
    assert "altre parole" in words(first) and [button["payload"] for button in first[-1]["buttons"]] == EVERYDAY
    await customer.says("grazie")
    assert custom(await customer.says("xqzt wkkp jjhh"), "handoff") is None
    assert custom(await customer.says("zzxx kkqq"), "handoff")["reason"] == "not_understood"
    # After a person was asked the count begins anew.
    assert custom(await customer.says("xqzt wkkp jjhh"), "handoff") is None


async def test_why_is_my_bill_higher_from_the_question_to_a_person(engine_url: str) -> None:
    customer = Customer(engine_url)
    assert "codice cliente" in words(await customer.says("perché la bolletta è più alta del solito?"))
    aside = words(await customer.says("ma sei un robot?"))
    assert "Sono un bot" in aside and "codice cliente" in aside
    assert "ultime 4 cifre" in words(await customer.says("VL-104233"))
    told = await customer.says("0147")
    assert "46,40 €" in words(told) and "6,51 € in più" in words(told) and "segreteria +2,31 €" in words(told)
    wrong = next(button["payload"] for button in told[-1]["buttons"] if button["title"] == "Non mi torna")
    assert custom(await customer.says(wrong), "handoff")["topic"] == "bill_question"
    # Identified once: not asked again.
    assert "R-20871" in words(await customer.says("a che punto è la mia richiesta?"))


async def test_a_bill_in_english(engine_url: str) -> None:
    customer = Customer(engine_url, language="en")
    await customer.says("how much is my bill")
    await customer.says("VL-126790")
    assert "€57.30, was due on 15 November" in words(await customer.says("3308"))


async def test_a_phone_in_the_shops_of_a_town(engine_url: str) -> None:
    customer = Customer(engine_url)
    told = await customer.says("quanto costa il galaxy a56")
    assert "379 €" in words(told)
    shop = next(button["payload"] for button in told[-1]["buttons"] if button["title"] == "In negozio da me")
    assert "quale città" in words(await customer.says(shop))
    assert words(await customer.says("grazie")).startswith("Di nulla!")
    there = await customer.says("bari")
    assert "Vivalinea Bari Murat (4)" in words(there)
    # The button asks for the hours there, and the town need not be said again.
    assert "Vivalinea Bari Murat" in words(await customer.says(there[-1]["buttons"][0]["payload"]))


async def test_ways_out_of_a_form(engine_url: str) -> None:
    for text, said in {"annulla": "lasciamo stare", "arrivederci": "A presto"}.items():
        customer = Customer(engine_url)
        await customer.says('/check_stock{"product": "iphone-17"}')
        assert said in words(await customer.says(text))
        assert "piacere" in words(await customer.says("grazie mille"))
    customer = Customer(engine_url)
    await customer.says('/check_stock{"product": "iphone-17"}')
    assert custom(await customer.says("siete dei ladri, vergogna"), "handoff")["reason"] == "complaint"
    assert "Viva Fibra costa" in words(await customer.says("quanto costa la fibra"))


async def test_cases_of_the_desk_first_then_those_of_the_company(engine_url: str) -> None:
    customer = Customer(engine_url)
    case = {"number": "C-1042", "status": "waiting", "topic": "complaint", "opened_at": "2026-11-20T10:00:00+00:00"}
    told = await customer.says("avete novità sulla mia segnalazione?", cases=[case])
    assert "C-1042, aperta il 20 novembre" in words(told)
    others = told[-1]["buttons"][0]["payload"]
    assert "codice cliente" in words(await customer.says(others, cases=[case]))
    late = await customer.says("VL-133508 4421", cases=[case])
    assert "R-20410" in words(late) and custom(late, "handoff")["reason"] == "topic"


async def test_a_pin_asked_for_here_is_known_as_a_request(engine_url: str) -> None:
    customer = Customer(engine_url)
    await customer.says("pin della sim")
    await customer.says('/inform{"pin_holder": "self"}')
    promise = custom(await customer.says("RSSMRA80A01H501U"), "promise")
    known = [{"reference": promise["reference"], "due": promise["due"]}]
    assert promise["reference"] in words(await customer.says("a che punto è la richiesta del pin?", promises=known))


async def test_a_copy_of_ones_data_is_promised(engine_url: str) -> None:
    told = await Customer(engine_url).says("vorrei una copia dei miei dati")
    assert "entro il 21 dicembre" in words(told)
    assert custom(told, "promise")["due"].startswith("2026-12-21") and custom(told, "handoff")["reason"] == "topic"


async def test_no_placeholder_is_left_in_a_text_or_a_button(engine_url: str) -> None:
    customer = Customer(engine_url)
    for text in ("/greet", "/price_availability", "quanto costa il galaxy a56 a bari?", "che dati avete su di me"):
        for message in await customer.says(text):
            shown = [message.get("text") or "", *(button["title"] for button in message.get("buttons") or [])]
            assert not any("{" in one or "}" in one for one in shown), shown
            payloads = [button["payload"] for button in message.get("buttons") or []]
            assert not any("{{" in payload or "{town}" in payload for payload in payloads), payloads
