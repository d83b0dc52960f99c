"""Shops: where to look, which one, and whether it is open, on ordinary days and on the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer, FakeSystems, answered

BARI = {"latitude": 41.1112, "longitude": 16.8554, "name": "Bari"}
WEEK = {day: "09:00-13:00 15:30-19:30" for day in ("tue", "wed", "thu", "fri", "sat")} | {"mon": "15:30-19:30"}
STORE: dict[str, Any] = {
    "id": "X1",
    "name": "Vivalinea Prova",
    "address": "via Roma 1",
    "town": "Bari",
    "latitude": 41.12,
    "longitude": 16.87,
    "hours": WEEK,
    "patron": "12-06",
    "special": [
        {"from": "2026-12-24", "hours": "09:00-14:00", "reason": {"it": "vigilia", "en": "Christmas Eve"}},
        {"from": "2026-08-10", "to": "2026-08-20", "reason": {"it": "ferie"}},
    ],
}


def form(server: ActionServer, text: str, asked: str | None = None, **more: Any) -> Answer:
    return server.call("validate_store_form", text=text, loop="store_form", asked=asked, **more)


@pytest.mark.parametrize(
    ("text", "town"),
    [
        ("a che ora apre il negozio di Bari?", "Bari"),
        ("firnze", "Firenze"),
        ("sto a regio emilia", "Reggio Emilia"),
        ("70122", "Bari"),
        ("sto a polignano", "Polignano a Mare"),
        ("casalecchio", "Casalecchio di Reno"),
        ("vivo a Castel del Piano", "Castel del Piano"),
        ("70044", "Polignano a Mare"),
        ("10060", "Moncalieri"),  # shared by many small ones: a large one near them
        ("via Roma 12, Catania", "Catania"),
        ("where is the shop in Milan", "Milano"),
        ("L'Aquila", "L'Aquila"),
        ("a como", "Como"),
        ("13040 vicino vercelli", "Vercelli"),
    ],
)
def test_towns_as_people_write_them(actions: ActionServer, text: str, town: str) -> None:
    assert form(actions, text).slots["town"] == town


@pytest.mark.parametrize(
    "text",
    [
        "come faccio a sapere gli orari",
        "siete aperti domenica",
        "che sono via",
        "la linea è ferma da ieri",
        "nel mio paese non c'è",
        "apre alle nove",
        "call me please",
        "12345678901",
    ],
)
def test_everyday_words_are_no_towns(actions: ActionServer, text: str) -> None:
    assert "town" not in form(actions, text).slots


def test_the_question_fits_the_customers_app(actions: ActionServer) -> None:
    assert form(actions, "orari").said == ["utter_question_place_or_position"]
    assert form(actions, "orari", metadata={"can_share_location": False}).said == ["utter_question_place"]


def test_a_shared_position(actions: ActionServer) -> None:
    location = {"latitude": 41.12, "longitude": 16.87}
    found = form(actions, "/share_location", "_place", intent="share_location", metadata={"location": location})
    assert found.slots["_place"]["shared"] is True
    told = actions.call("action_store", text="/share_location", slots={"_place": found.slots["_place"]})
    assert told.said[0] == "utter_store_from_you"
    assert told.response("utter_store_from_you")["km"] == "0,5"


def test_an_unknown_place_is_explained_once_then_a_person(actions: ActionServer) -> None:
    first = form(actions, "boh", "_place")
    assert first.said == ["utter__place_unclear"]
    second = form(actions, "non saprei", "_place", slots=first.slots)
    handoff = second.custom("handoff")
    assert handoff is not None and handoff["reason"] == "not_understood"


def test_leaving_and_cancelling(actions: ActionServer) -> None:
    assert form(actions, "voglio una persona", "_place", intent="ask_human").events == []
    assert form(actions, "lascia stare", "_place").said == ["utter_cancelled"]


def test_a_town_told_elsewhere_is_not_asked_again(actions: ActionServer) -> None:
    assert form(actions, "orari dei negozi", slots={"town": "Napoli"}).slots["_place"]["name"] == "Napoli"


def ask(server: ActionServer, text: str, now: str, slots: dict[str, Any] | None = None, **more: Any) -> Answer:
    """A follow-up question through form and answer, as a turn runs them."""
    known = {"_place": BARI} | (slots or {})
    read = form(server, text, intent="store_hours", slots=known, metadata={"now": now}, **more)
    return server.call(
        "action_store", text=text, intent="store_hours", slots=known | read.slots, metadata={"now": now}, **more
    )


@pytest.mark.parametrize(
    ("now", "response", "facts"),
    [
        ("2026-11-21T12:59:00+01:00", "utter_store_open", {"until": "13:00"}),
        ("2026-11-21T13:00:00+01:00", "utter_store_break", {"opens": "15:30"}),
        ("2026-11-21T08:00:00+01:00", "utter_store_later", {"opens": "9:00"}),
        ("2026-11-21T19:30:00+01:00", "utter_store_closed", {"opens": "lunedì 23 novembre alle 15:30"}),
        ("2026-11-22T10:00:00+01:00", "utter_store_closed_today", {"opens": "domani alle 15:30", "why": ""}),
        # The same moment said in another offset: only Europe/Rome counts.
        ("2026-11-21T11:30:00+00:00", "utter_store_open", {"until": "13:00"}),
        # Summer time.
        ("2026-07-18T13:30:00Z", "utter_store_open", {"until": "19:30"}),
        ("2026-12-08T10:00:00+01:00", "utter_store_closed_today", {"why": " (Immacolata Concezione)"}),
        ("2026-12-06T10:00:00+01:00", "utter_store_closed_today", {"why": " (festa patronale)"}),
        (
            "2026-08-12T10:00:00+02:00",
            "utter_store_closed_today",
            {"why": " (ferie)", "opens": "venerdì 21 agosto alle 9:00"},
        ),
        ("2026-12-24T10:00:00+01:00", "utter_store_open", {"until": "14:00", "why": " (vigilia)"}),
    ],
)
def test_now(http_actions: ActionServer, systems: FakeSystems, now: str, response: str, facts: dict[str, str]) -> None:
    systems.on("/stores", (200, {"stores": [STORE]}))
    told = ask(http_actions, "è aperto?", now).response(response)
    assert {key: told[key] for key in facts} == facts


@pytest.mark.parametrize(
    ("text", "response", "day"),
    [
        ("e domenica?", "utter_store_day_closed", "domenica 22 novembre"),
        ("domani", "utter_store_day_closed", "domenica 22 novembre"),
        ("martedì siete aperti?", "utter_store_day_open", "martedì 24 novembre"),
        ("l'8 dicembre", "utter_store_day_closed", "martedì 8 dicembre"),
        ("nei festivi", "utter_store_day_closed", "martedì 8 dicembre"),
        ("a natale", "utter_store_day_closed", "venerdì 25 dicembre"),
        ("il 24/12", "utter_store_day_open", "giovedì 24 dicembre"),
        ("a pasquetta", "utter_store_day_closed", "lunedì 29 marzo"),
        ("che ore fate l otto dicembre", "utter_store_day_closed", "martedì 8 dicembre"),
        ("il ventiquattro dicembre", "utter_store_day_open", "giovedì 24 dicembre"),
        ("l'8 dic", "utter_store_day_closed", "martedì 8 dicembre"),
        ("il 24.12", "utter_store_day_open", "giovedì 24 dicembre"),
        ("il 24 siete aperti?", "utter_store_day_open", "martedì 24 novembre"),
        ("tra tre giorni", "utter_store_day_open", "martedì 24 novembre"),
        ("fra una settimana", "utter_store_day_open", "sabato 28 novembre"),
        ("mar pomeriggio", "utter_store_day_open", "martedì 24 novembre"),
        ("mar 24 nov 9-12", "utter_store_day_open", "martedì 24 novembre"),
        ("sabato prossimo", "utter_store_day_open", "sabato 28 novembre"),
        ("are you open on xmas eve", "utter_store_day_open", "giovedì 24 dicembre"),
        ("dec 24th", "utter_store_day_open", "giovedì 24 dicembre"),
    ],
)
def test_another_day(http_actions: ActionServer, systems: FakeSystems, text: str, response: str, day: str) -> None:
    systems.on("/stores", (200, {"stores": [STORE]}))
    assert ask(http_actions, text, "2026-11-21T11:00:00+01:00").response(response)["day"] == day


def test_the_reason_in_english(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/stores", (200, {"stores": [STORE]}))
    told = ask(http_actions, "on December 8th?", "2026-11-21T11:00:00+01:00", language="en")
    assert told.response("utter_store_day_closed")["why"] == " (Immaculate Conception)"
    assert told.response("utter_store_day_closed")["day"] == "Tuesday 8 December"


@pytest.mark.parametrize(
    "text", ["il negozio di via 25 aprile", "aprite alle 10.12?", "ho il 5 giga", "costa 12.12 euro", "may i come"]
)
def test_what_is_no_day(actions: ActionServer, text: str) -> None:
    assert form(actions, text, intent="store_hours", slots={"_place": BARI}).slots["_day"] is None


def test_an_unusual_day_ahead_is_mentioned(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/stores", (200, {"stores": [STORE]}))
    told = ask(http_actions, "è aperto?", "2026-12-22T10:00:00+01:00")
    assert told.said == ["utter_store_open", "utter_store_notice_open"]
    assert told.response("utter_store_notice_open")["hours"] == "9:00-14:00"


def test_a_shop_closed_for_months(http_actions: ActionServer, systems: FakeSystems) -> None:
    works = {"from": "2026-11-01", "to": "2027-03-01", "reason": {"it": "lavori"}}
    systems.on("/stores", (200, {"stores": [{**STORE, "special": [works]}]}))
    told = ask(http_actions, "è aperto?", "2026-11-21T11:00:00+01:00")
    assert told.response("utter_store_closed_long")["why"] == " (lavori)"


def test_the_week(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/stores", (200, {"stores": [STORE]}))
    told = ask(http_actions, "tutta la settimana", "2026-11-21T11:00:00+01:00")
    assert told.response("utter_store_week")["week"] == (
        "lun 15:30-19:30; mar-sab 9:00-13:00 e 15:30-19:30; dom chiuso"
    )


def test_follow_ups_stay_with_the_shop(actions: ActionServer) -> None:
    now = "2026-11-21T11:00:00+01:00"
    first = ask(actions, "negozio a bari", now)
    assert first.slots["store"] == "Vivalinea Bari Murat"
    sunday = ask(actions, "e domenica?", now, first.slots)
    assert sunday.response("utter_store_day_closed")["store"] == "Vivalinea Bari Murat"
    other = ask(actions, "quello più vicino alla stazione no", now, first.slots)
    assert other.slots["store"] == "Vivalinea Bari Mongolfiera"
    assert other.response("utter_store_open")["map"].startswith("https://www.openstreetmap.org/?mlat=41.0985")
    no_more = ask(actions, "un altro", now, first.slots | other.slots)
    assert no_more.said == ["utter_store_no_other"]
    elsewhere = form(actions, "in un'altra città", intent="find_store", slots={"_place": BARI} | other.slots)
    assert elsewhere.said == ["utter_question_place_or_position"]
    assert elsewhere.slots["_store_id"] is None


def test_a_town_without_a_shop_gets_the_nearest_one(actions: ActionServer) -> None:
    place = form(actions, "avete un negozio a Matera?").slots
    told = actions.call("action_store", text="avete un negozio a Matera?", slots=place)
    assert told.said[0] == "utter_store_far"
    assert int(told.response("utter_store_far")["km"]) > 20


def test_nothing_is_said_when_the_form_ended_without_a_place(actions: ActionServer) -> None:
    assert actions.call("action_store").responses == []


@pytest.mark.parametrize(
    "text",
    ["non prende in montagna", "in cucina il wifi non va", "in centro", "per ora niente", "a none", "anzi no",
     "cerco un polignano", "il negozio di via cortona", "che vergogna, in ufficio non funziona"],
)  # fmt: skip
def test_where_a_town_may_stand_other_words_do_too(actions: ActionServer, text: str) -> None:
    assert form(actions, text, intent="store_hours").slots.get("_place") is None


def test_the_weekday_of_today_is_the_next_one_once_today_was_told(actions: ActionServer) -> None:
    """It is Saturday."""
    told = [
        {"event": "user", "text": "x", "parse_data": {"intent": {"name": "store_hours"}}},
        {"event": "action", "name": "action_store"},
    ]
    known: dict[str, Any] = {"slots": {"_place": BARI}}
    assert form(actions, "siete aperti sabato?", **known).slots["_day"] == "2026-11-21"
    assert form(actions, "e sabato?", events=told, **known).slots["_day"] == "2026-11-28"
    assert form(actions, "e oggi?", events=told, **known).slots["_day"] == "2026-11-21"
    assert form(actions, "e domani?", events=told, **known).slots["_day"] == "2026-11-22"


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ("il negozio di via Torino a che ora apre?", "Vivalinea Milano Torino"),
        ("quello in corso Buenos Aires", "Vivalinea Milano Buenos Aires"),
        ("corso bueno aires è aperto?", "Vivalinea Milano Buenos Aires"),
        ("negozio c.so buenos aires", "Vivalinea Milano Buenos Aires"),
        ("negozio via scarlati orari", "Vivalinea Napoli Vomero"),
        ("via daquino", "Vivalinea Taranto Borgo"),
        ("corso vittorio che orari fa", "Vivalinea Salerno Corso"),
        ("via mazzini", "Vivalinea Verona Mazzini"),  # in Lecce it is a square
        ("via emilia a che ora apre", "Vivalinea Reggio Emilia"),
        ("corso garibaldi ad ancona", "Vivalinea Ancona Garibaldi"),
        ("negozio corso buenos aires a milano", "Vivalinea Milano Buenos Aires"),
    ],
)
def test_a_shop_is_found_by_its_street(actions: ActionServer, text: str, store: str) -> None:
    read = form(actions, text, intent="store_hours")
    told = actions.call("action_store", text=text, intent="store_hours", slots=read.slots)
    assert told.slots["store"] == store and "utter_store_far" not in told.said
    # Told once, it is the shop that follow-ups are about.
    other = {**read.slots, **told.slots}
    assert actions.call("action_store", text="un altro", slots=other).slots.get("store") != store


@pytest.mark.parametrize(
    "text",
    ["abito in via torino, dove siete?", "corso vittorio veneto", "via roma 12", "vado via domani", "è in corso"],
)
def test_a_street_without_a_shop_or_of_ones_own_is_none(actions: ActionServer, text: str) -> None:
    assert form(actions, text, intent="find_store").slots.get("_store_id") is None


def test_a_street_name_of_several_towns_asks_which(actions: ActionServer) -> None:
    asked = form(actions, "il negozio di corso garibaldi", intent="store_hours")
    assert asked.said == ["utter_store_which_town"] and asked.slots["requested_slot"] == "_place"
    buttons = asked.responses[0]["buttons"]
    assert [one["title"] for one in buttons] == ["Ancona", "Reggio Calabria"]
    tapped = form(actions, buttons[0]["payload"], "_place", intent="find_store", entities={"store": "AN01"})
    assert tapped.slots["_store_id"] == "AN01"
    # Where the town is known nobody is asked.
    known = form(actions, "quello di corso garibaldi", intent="store_hours", slots={"town": "Ancona"})
    assert known.slots["_store_id"] == "AN01"


def test_the_one_of_a_town_by_its_name(actions: ActionServer) -> None:
    now = "2026-11-21T11:00:00+01:00"
    rome = {"_place": {"latitude": 41.9028, "longitude": 12.4964, "name": "Roma"}}
    first = ask(actions, "negozio a roma", now, rome)
    assert first.slots["store"] == "Vivalinea Roma Nazionale"
    for said in ("quello a marconi", "non questo, quello di viale marconi"):
        assert ask(actions, said, now, rome | first.slots).slots["store"] == "Vivalinea Roma Marconi"
    assert ask(actions, "negozio di milano bovisa", now, {"_place": None}).slots["store"] == "Vivalinea Milano Bovisa"


def test_a_system_without_a_list_of_streets_is_asked_for_the_town(
    http_actions: ActionServer, systems: FakeSystems
) -> None:
    assert form(http_actions, "il negozio di via torino").said == ["utter_question_place_or_position"]
    systems.on("/store-addresses", (200, {"stores": [{"id": "X1", "address": "via Torino 1", "town": "Bari"}]}))
    systems.on("/stores/X1", (200, STORE))
    assert form(http_actions, "il negozio di via torino").slots["_store_id"] == "X1"


def test_an_appointment_at_a_shop_is_answered_honestly(actions: ActionServer) -> None:
    asked = form(actions, "vorrei un appuntamento in negozio", intent="find_store")
    assert asked.said == ["utter_store_booking", "utter_question_place_or_position"]
    there = form(actions, "do I need to book at the shop in Bari?", intent="find_store", language="en")
    assert there.said == ["utter_store_booking"] and there.slots["_place"]["name"] == "Bari"


def test_a_story_with_a_day_in_it_is_no_question_for_the_shop(actions: ActionServer) -> None:
    told = [*answered("store_hours", "utter_store_open"), {"event": "action", "name": "action_store"}]
    story = "domani mio cugino viene in treno e allora poi dobbiamo prendere un taxi"
    assert actions.call("action_not_understood", text=story, events=told).said == ["utter_rephrase"]
    asks_on = actions.call("action_not_understood", text="ma di domenica no?", events=told)
    assert [event["name"] for event in asks_on.events if event["event"] == "followup"] == ["store_form"]
