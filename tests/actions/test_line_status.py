"""Line status: the line by any name, what is told about it, and writing back when it is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer, FakeSystems, answered, running_actions

INCIDENT = {
    "id": "INC-7",
    "service": "fixed",
    "area": "Lecce",
    "what": {"it": "cavo rotto", "en": "broken cable"},
    "since": "2026-11-21T08:00:00+01:00",
    "expected_end": "2026-11-21T17:00:00Z",
    "state": "open",
}


def ask(server: ActionServer, text: str, **more: Any) -> Answer:
    return server.call("action_line_status", text=text, intent="line_status", **more)


def form(server: ActionServer, text: str, asked: str | None = "line_place", **more: Any) -> Answer:
    return server.call("validate_line_form", text=text, loop="line_form", asked=asked, **more)


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("ci sono guasti a Bari?", "Bari"),
        ("fibra giù, cap 70121", "Bari"),
        ("è giù la linea 080 555 0147?", "Bari"),
        ("a torino il cellulare non prende", "Torino"),
        ("metro b ferma?", "Metro B di Roma"),
        ("l'autobus 64 gira?", "Autobus 64 di Roma"),
        ("il tram numero 14 a milano passa", "Tram 14 di Milano"),
        ("the 64 bus?", "Autobus 64 di Roma"),
    ],
)
def test_the_line_by_any_name(actions: ActionServer, text: str, area: str) -> None:
    answer = ask(actions, text)
    assert [one["area"] for one in answer.responses if "area" in one] == [area]
    assert answer.said[-1].startswith("utter_offer_watch_")


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("ci sono guasti a Firenze?", "utter_town_fine"),
        ("la linea a lecce funziona?", "utter_town_fine"),
        ("la fibra a torino va?", "utter_town_fine"),
        ("linea 4g a napoli", "utter_town_fine"),
        ("055 555 3107 è guasta?", "utter_line_fine"),
        ("tram 8 di roma", "utter_transit_fine"),
    ],
)
def test_no_incident_is_said_with_the_next_step(actions: ActionServer, text: str, response: str) -> None:
    assert ask(actions, text).said == [response]


def test_the_number_is_masked_when_echoed(actions: ActionServer) -> None:
    assert ask(actions, "055 555 3107 è guasta?").response("utter_line_fine")["place"] == "055…07"


def test_a_shared_place_names_the_town(actions: ActionServer) -> None:
    here = {"location": {"latitude": 41.11, "longitude": 16.86}}
    shared = form(actions, "/share_location", metadata=here)
    assert shared.slots["_line_place"].startswith("town|Bari|")
    assert shared.slots["line_place"] == "Bari"  # what a person reads who takes over


def test_nothing_named_opens_the_form(actions: ActionServer) -> None:
    answer = ask(actions, "è giù la rete?")
    assert [event["name"] for event in answer.events if event["event"] == "followup"] == ["line_form"]
    assert form(actions, "è giù la rete?", None).said == ["utter_question_line_place_with_location"]
    no_location = form(actions, "è giù la rete?", None, metadata={"can_share_location": False})
    assert no_location.said == ["utter_question_line_place"]


def test_several_lines_of_a_name_are_offered_then_narrowed(actions: ActionServer) -> None:
    offered = form(actions, "la linea 3 va?", None, intent="line_status")
    titles = [button["title"] for button in offered.response("utter_line_which")["buttons"]]
    assert titles == ["Tram 3 Roma", "Metro M3 Milano", "Tram 3 Torino"]
    assert all(len(title) <= 20 for title in titles)
    choices = {"_line_choices": offered.slots["_line_choices"]}
    assert form(actions, "quella di roma", slots=choices).slots["_line_place"].startswith("transit|roma-tram-3|")
    tapped = form(actions, "/line_status", intent="line_status", entities={"line_ref": "torino-tram-3"})
    assert tapped.slots["_line_place"].startswith("transit|torino-tram-3|")
    assert form(actions, "la metro", None).said == ["utter_line_which_city"]


def test_an_unknown_number_asks_for_the_town_once(actions: ActionServer) -> None:
    once = form(actions, "0832 000000")
    assert once.said == ["utter_line_unknown_number"]
    again = form(actions, "0832 000000", slots={"_line_unknown": True, "_form_misses": 1})
    assert (again.custom("handoff") or {})["reason"] == "not_understood"


def test_a_verified_customer_is_not_asked_which_line(actions: ActionServer) -> None:
    assert "utter_incident_fixed" in ask(actions, "è giù la rete?", slots={"verified_customer": "VL-104233"}).said
    assert ask(actions, "è giù?", slots={"verified_customer": "VL-151276"}).said == ["utter_own_lines_fine"]


def test_tell_me_when_it_is_fixed(actions: ActionServer) -> None:
    answer = actions.call("action_watch_incident", entities={"incident": "INC-1042"})
    assert answer.said == ["utter_watch_set"]
    assert answer.custom("watch") == {
        "subject": "incident:INC-1042",
        "check": '/check_incident{"incident": "INC-1042"}',
        "tell": '/incident_fixed{"incident": "INC-1042"}',
    }
    closed = actions.call("action_watch_incident", entities={"incident": "INC-1039"})
    assert closed.said == ["utter_incident_line_fixed"] and closed.custom("watch") is None


def test_the_wish_to_be_told_may_be_typed(actions: ActionServer) -> None:
    told = ask(actions, "guasti a bari?").slots
    assert told["_last_incident"] == "INC-1042"
    answer = ask(actions, "ok fammi sapere quando torna", slots=told)
    assert answer.said == ["utter_watch_set"]
    assert (answer.custom("watch") or {})["subject"] == "incident:INC-1042"


def test_the_check_holds_data_and_no_words(actions: ActionServer) -> None:
    for number, is_open in (("INC-1042", True), ("INC-1039", False), ("INC-0", False)):
        answer = actions.call("action_check_incident", entities={"incident": number})
        assert answer.said == [] and len(answer.responses) == 1
        assert answer.custom("watch_result") == {"subject": f"incident:{number}", "open": is_open}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ActionServer, Path]]:
    folder = tmp_path_factory.mktemp("played")
    with running_actions(folder, {"DEMO_STATE_DIR": str(folder)}) as server:
        yield server, folder / "incidents.json"


def test_an_incident_of_the_demo_can_be_closed_from_outside(played: tuple[ActionServer, Path]) -> None:
    server, file = played
    data = {"incident": "INC-1042"}
    file.write_text("{half writ", encoding="utf-8")
    assert (server.call("action_check_incident", entities=data).custom("watch_result") or {})["open"] is True
    file.write_text(json.dumps({"INC-1042": "closed"}), encoding="utf-8")
    assert (server.call("action_check_incident", entities=data).custom("watch_result") or {})["open"] is False
    assert server.call("action_incident_fixed", entities=data).said == ["utter_incident_line_fixed"]
    assert ask(server, "guasti a bari?").said == ["utter_town_fine"]
    file.write_text("{}", encoding="utf-8")
    assert server.call("action_incident_fixed", entities=data).said == ["utter_incident_still_open"]


def test_the_network_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/incidents", (503, {}), (200, {"incidents": [INCIDENT]}))
    told = ask(http_actions, "guasti fibra a lecce, 73100?").response("utter_incident_fixed")
    assert (told["what"], told["since"], told["end"]) == ("cavo rotto", "oggi alle 8:00", "oggi alle 18:00")
    wanted = {"town": "Lecce", "cap": "73100", "service": "fixed", "state": "open"}
    assert systems.asked[-1].query == wanted
    english = ask(http_actions, "fibre down in Lecce", language="en").response("utter_incident_fixed")
    assert english["what"] == "broken cable"


@pytest.mark.parametrize(
    ("change", "response"),
    [
        ({"expected_end": None}, "utter_incident_fixed_open"),
        ({"expected_end": "2026-11-21T09:00:00+01:00"}, "utter_incident_fixed_late"),
        ({"since": "2026-11-21 08:00"}, "utter_backend_down"),
        ({"what": None}, "utter_backend_down"),
    ],
)
def test_what_is_known_about_the_end(
    http_actions: ActionServer, systems: FakeSystems, change: dict[str, Any], response: str
) -> None:
    systems.on("/incidents", (200, {"incidents": [{**INCIDENT, **change}]}))
    assert ask(http_actions, "guasti a lecce?").said[0] == response


def test_a_broken_system_never_looks_like_a_fixed_incident(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/incidents/INC-7", (500, {}))
    answer = http_actions.call("action_check_incident", entities={"incident": "INC-7"})
    assert answer.said == [] and answer.custom("handoff") is None
    assert answer.custom("watch_result") == {"subject": "incident:INC-7", "open": True}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("la rossa", "milano-metro-1"), ("quella gialla", "milano-metro-3"), ("la 5", "milano-metro-5"),
     ("M2", "milano-metro-2")],
)  # fmt: skip
def test_one_of_the_offered_lines_by_its_colour_or_number(actions: ActionServer, text: str, chosen: str) -> None:
    offered = {"_line_choices": " ".join(f"milano-metro-{number}" for number in range(1, 6))}
    # "La rossa" is what customers also say of the modem's light.
    found = form(actions, text, slots=offered, intent="report_fault", confidence=0.98)
    assert found.slots["_line_place"].startswith(f"transit|{chosen}|")


def told_before(action: str, answer: str) -> list[dict[str, Any]]:
    """A turn in which the state of a line was told."""
    return [
        {"event": "user", "text": "giù a Bari?"}, {"event": "action", "name": action},
        {"event": "bot", "metadata": {"utter_action": answer}},
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["e a bologna?", "anzi 40121", "and in Bologna?", "bolgna invece", "e qui a Bologna"])
def test_a_place_after_a_lines_state_asks_on_about_lines(actions: ActionServer, text: str) -> None:
    events = told_before("action_store", "utter_town_fine")
    told = actions.call("validate_store_form", text=text, intent="find_store", loop="store_form", events=events)
    assert told.said == ["utter_town_fine"] and told.response("utter_town_fine")["place"] == "Bologna"
    assert told.ends_form and told.slots["_place"] is None
    unsure = actions.call("action_not_understood", text=text, events=events)
    assert unsure.said == ["utter_town_fine"]


def test_a_number_after_a_lines_state_asks_on_about_lines(actions: ActionServer) -> None:
    events = told_before("fault_form", "utter_incident_fixed")
    told = actions.call("action_not_understood", text="no aspetta, il numero è 3405550182", events=events)
    assert told.said == ["utter_line_fine"]
    unknown = actions.call("action_not_understood", text="no aspetta, è 0832 000000", events=events)
    assert [event["name"] for event in unknown.events if event["event"] == "followup"] == ["line_form"]


@pytest.mark.parametrize("text", ["il negozio di bologna?", "orari a bologna", "un negozio a bologna"])
def test_a_question_for_a_shop_stays_one(actions: ActionServer, text: str) -> None:
    events = told_before("action_line_status", "utter_incident_fixed")
    asked = actions.call("validate_store_form", text=text, intent="find_store", loop="store_form", events=events)
    assert asked.slots["_place"]["name"] == "Bologna"


@pytest.mark.parametrize("answer", ["utter_incident_fixed", "utter_watch_set"])
def test_when_is_it_back_means_the_place_just_told(actions: ActionServer, answer: str) -> None:
    place = ask(actions, "ci sono guasti a Bari?").slots["_told_place"]
    told = told_before("action_line_status", answer)
    again = ask(actions, "grazie, quando torna?", slots={"_told_place": place}, events=told)
    assert [one["area"] for one in again.responses if "area" in one] == ["Bari"]
    vague: dict[str, Any] = {"text": "e quando finisce?", "slots": {"_told_place": place}}
    told = told_before("action_line_status", "utter_incident_fixed")
    unsure = actions.call("action_not_understood", events=told, **vague)
    assert [one["area"] for one in unsure.responses if "area" in one] == ["Bari"]
    greeted = told_before("action_small_talk", "utter_greet")
    assert actions.call("action_not_understood", events=greeted, **vague).said == ["utter_rephrase"]


def test_another_place_is_another_place(actions: ActionServer) -> None:
    place = ask(actions, "ci sono guasti a Bari?").slots["_told_place"]
    told = told_before("action_line_status", "utter_incident_fixed")
    other = ask(actions, "e a firenze?", slots={"_told_place": place}, events=told)
    assert other.said == ["utter_town_fine"] and "Firenze" in other.slots["_told_place"]


@pytest.mark.parametrize(
    "text", ["è una vergogna, potevate avvisare", "nessuno mi ha avvisato di niente", "shame, nobody let me know"]
)
def test_who_was_not_told_complains_and_asks_for_no_news(actions: ActionServer, text: str) -> None:
    events, slots = answered("line_status", "utter_incident_fixed"), {"_last_incident": "INC-1042"}
    answer = actions.call("action_complaint", text=text, intent="complaint", events=events, slots=slots)
    assert answer.persons == [("complaint", "complaint", "complaint")]
    asks = actions.call("action_complaint", text="avvisatemi almeno", intent="complaint", events=events, slots=slots)
    assert asks.said == ["utter_watch_set"]
