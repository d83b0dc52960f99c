"""Prices and stock: naming a product as people do, shops of a town, and the catalogue over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.actions.conftest import ActionServer, Answer, FakeSystems, answered

DEMO = Path(__file__).resolve().parents[2] / "actions" / "backends" / "demo"
PHONE = {"id": "p1", "name": "Prova Phone", "kind": "phone", "price": "99.00", "monthly": False, "details": {"it": "x"}}


def price(server: ActionServer, text: str, **more: Any) -> Answer:
    return server.call("action_price_availability", text=text, intent="price_availability", **more)


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("quanto costa l'iphone 17", "iphone-17"),
        ("ihpone 16 disponibile?", "iphone-16"),
        ("samsng galaxy a56", "galaxy-a56"),
        ("is the samsung s25 still available online?", "galaxy-s25"),
        ("quanto viene la fibra al mese", "viva-fibra"),
        ("fibra più mobile insieme quanto", "viva-insieme"),
        ("viva mobile max", "viva-mobile-max"),
        ("giga illimitati", "viva-mobile-max"),
        ("quanto costa una sim nuova", "sim"),
    ],
)
def test_products_are_known_by_how_people_call_them(actions: ActionServer, text: str, product: str) -> None:
    answer = price(actions, text)
    assert answer.slots["product"] == product and answer.said[0].startswith("utter_price_")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("avete l'iphone 15?", "utter_price_other_model"),
        ("galaxy s24", "utter_price_other_model"),
        ("che telefoni avete", "utter_price_list_phone"),
        ("internet a casa", "utter_price_list_home"),
        ("tariffe con tanti giga", "utter_price_list_mobile"),
        ("che offerte avete", "utter_price_which"),
        ("roaming in svizzera quanto si paga", "utter_price_not_listed"),
        ("avete cover per l'iphone 17?", "utter_price_not_listed"),
    ],
)
def test_what_is_not_one_product_gets_the_next_best_thing(actions: ActionServer, text: str, said: str) -> None:
    assert price(actions, text).said == [said]


def test_a_list_has_a_button_for_each_product(actions: ActionServer) -> None:
    listed = price(actions, '/price_availability{"product_kind": "mobile"}', entities={"product_kind": "mobile"})
    answer = listed.response("utter_price_list_mobile")
    assert answer["list"].startswith("Viva Mobile 9,99 €, ")
    assert answer["buttons"][0] == {"title": "Viva Mobile", "payload": '/price_availability{"product": "viva-mobile"}'}
    assert all(len(button["title"]) <= 20 for button in answer["buttons"])


def test_a_budget_chooses_what_is_listed(actions: ActionServer) -> None:
    around = price(actions, "vorrei un telefono sui 400 euro").response("utter_price_list_phone")
    assert around["list"] == "Samsung Galaxy A56 379 €, Redmi Note 14 199 €"
    assert price(actions, "un telefono a 50€").response("utter_price_list_phone")["list"].startswith("Redmi")


def test_price_and_delivery(actions: ActionServer) -> None:
    assert price(actions, "iphone 17").said == ["utter_price_once", "utter_stock_online"]
    assert price(actions, "iphone 17").response("utter_price_once")["price"] == "979 €"
    assert price(actions, "redmi note 14").said[1] == "utter_stock_online_tomorrow"
    assert price(actions, "google pixel 9a").said[1] == "utter_stock_not_online"
    assert price(actions, "viva fibra").said == ["utter_price_monthly", "utter_stock_offer"]


def test_a_town_in_the_question_is_answered(actions: ActionServer) -> None:
    there = price(actions, "avete il galaxy a56 a bari?")
    assert there.response("utter_stock_town")["shops"] == "Vivalinea Bari Murat (4)"
    assert price(actions, "avete il galaxy a56 a trieste?").said[1:] == ["utter_stock_town_none", "utter_stock_online"]


def form(server: ActionServer, text: str, **more: Any) -> Answer:
    return server.call("validate_stock_form", text=text, loop="stock_form", **more)


def test_the_form_asks_for_the_town_unless_it_is_known(actions: ActionServer) -> None:
    tap: dict[str, Any] = {"intent": "check_stock", "entities": {"product": "iphone-16"}}
    asked = form(actions, '/check_stock{"product": "iphone-16"}', **tap)
    assert asked.said == ["utter_question_stock_town"] and asked.slots["requested_slot"] == "stock_town"
    known = form(actions, '/check_stock{"product": "iphone-16"}', slots={"town": "Torino"}, **tap)
    assert known.said == [] and known.slots["stock_town"] == "Torino"


def test_the_form_reads_a_town_explains_once_and_then_asks_a_person(actions: ActionServer) -> None:
    waiting: dict[str, Any] = {"asked": "stock_town", "slots": {"product": "iphone-16"}}
    assert form(actions, "sto a padva", **waiting).slots["stock_town"] == "Padova"
    once = form(actions, "qqq www", **waiting)
    assert once.said == ["utter_stock_town_unclear"]
    twice = form(actions, "qqq www", asked="stock_town", slots={"product": "iphone-16", **once.slots})
    assert (twice.custom("handoff") or {})["reason"] == "not_understood" and twice.ends_form


def test_the_form_lets_other_topics_through_and_can_be_left(actions: ActionServer) -> None:
    waiting: dict[str, Any] = {"asked": "stock_town", "slots": {"product": "iphone-16"}}
    assert form(actions, "operatore", intent="ask_human", **waiting).events == []
    left = form(actions, "annulla", intent="deny", **waiting)
    assert left.said == ["utter_cancelled"] and left.ends_form


def test_an_old_button_without_a_product_asks_which(actions: ActionServer) -> None:
    answer = form(actions, "/check_stock", intent="check_stock")
    assert answer.said == ["utter_stock_which"] and answer.ends_form
    gone = actions.call("action_tell_stock", text="bari", slots={"stock_town": "Bari", "product": "nokia-3310"})
    assert gone.said == ["utter_stock_which"]
    assert actions.call("action_tell_stock", text="annulla").said == []


def test_the_demo_names_shops_that_exist() -> None:
    stores = yaml.safe_load((DEMO / "stores.yml").read_text(encoding="utf-8"))["stores"]
    known = {(store["town"], store["name"]) for store in stores}
    products = yaml.safe_load((DEMO / "catalogue.yml").read_text(encoding="utf-8"))["products"]
    named = {(town, shop) for one in products for town, shops in one.get("shops", {}).items() for shop in shops}
    assert named and named <= known


def test_the_catalogue_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/products", (200, {"products": [PHONE]}))
    shops = [{"shop": "Uno", "pieces": 1}, {"shop": "Due", "pieces": 5}, {"shop": "Zero", "pieces": 0}]
    systems.on("/products/p1/stock", (200, {"online_days": 2, "shops": shops}))
    answer = price(http_actions, "prova phone a bari")
    assert answer.response("utter_stock_town")["shops"] == "Due (5); Uno (1)"
    assert systems.asked[-1].query == {"town": "Bari"}


def test_a_broken_catalogue_is_told(http_actions: ActionServer, systems: FakeSystems) -> None:
    for wrong in ({"products": [{**PHONE, "price": "cheap"}]}, {"products": [{"id": "x"}]}, {}):
        systems.on("/products", (200, wrong))
        assert price(http_actions, "prova phone").said == ["utter_backend_down"], wrong
    systems.on("/products", (500, {}))
    assert (price(http_actions, "prova phone").custom("handoff") or {})["reason"] == "backend_down"


TOLD = answered("price_availability", "utter_price_monthly", "utter_stock_offer")


@pytest.mark.parametrize(
    "text",
    ["in via garibaldi 8 arriva la fibra?", "copertura 5g nel mio paese", "siamo coperti dalla fibra?",
     "da me arriva la fibra o no?", "avete il 5g a lodi?", "c'è la fibra nel mio paese?",
     "la fibra è arrivata nella mia via?", "is fibre available at my address?"],
)  # fmt: skip
def test_whether_it_reaches_an_address_is_looked_up_by_a_person(actions: ActionServer, text: str) -> None:
    answer = price(actions, text)
    assert answer.said == ["utter_coverage"] and answer.persons == [("topic", "price_availability", "coverage")]


@pytest.mark.parametrize("text", ["con la fibra c'è il modem incluso?", "c'è internet compreso nella tariffa mobile?"])
def test_what_an_offer_holds_is_no_coverage(actions: ActionServer, text: str) -> None:
    assert "utter_coverage" not in price(actions, text).said


@pytest.mark.parametrize("text", ["non mi interessa, è cara", "no non la voglio", "I don't want it"])
def test_who_does_not_want_it_is_sold_nothing(actions: ActionServer, text: str) -> None:
    answer = price(actions, text, slots={"product": "viva-fibra"}, events=TOLD)
    assert "utter_want_offer" not in answer.said and not answer.persons


def test_the_price_is_told_with_it_when_it_was_asked(actions: ActionServer) -> None:
    answer = price(actions, "quanto costa la fibra, e arriva a casa mia la fibra?")
    assert answer.said == ["utter_price_monthly", "utter_stock_offer", "utter_coverage"] and answer.persons


def test_how_much_is_it_means_the_one_just_told(actions: ActionServer) -> None:
    asked = price(actions, "e quanto costa al mese?", slots={"product": "viva-fibra"}, events=TOLD)
    assert asked.response("utter_price_monthly")["name"] == "Viva Fibra"
    assert price(actions, "e quanto costa?", slots={"product": "viva-fibra"}).said == ["utter_price_which"]
    other = price(actions, "quanto costano gli altri?", slots={"product": "viva-fibra"}, events=TOLD)
    assert other.said == ["utter_price_which"]


@pytest.mark.parametrize(
    ("action", "intent", "text"),
    [
        ("action_price_availability", "price_availability", "mi interessa, come faccio ad abbonarmi"),
        ("action_activation_status", "activation_status", "ok la voglio attivare"),
        ("action_small_talk", "affirm", "sì la prendo"),
        ("action_not_understood", "nlu_fallback", "I'll take it"),
    ],
)
def test_who_wants_what_was_just_told_gets_a_person(
    actions: ActionServer, action: str, intent: str, text: str
) -> None:
    told = actions.call(action, text=text, intent=intent, slots={"product": "viva-fibra"}, events=TOLD)
    assert told.said == ["utter_want_offer"]
    assert told.persons == [("topic", "price_availability", "wants_offer: Viva Fibra")]
    untold = actions.call(action, text=text, intent=intent, slots={"product": "viva-fibra"})
    assert "utter_want_offer" not in untold.said


def test_the_tap_on_it_brings_the_same_person(actions: ActionServer) -> None:
    tap: dict[str, Any] = {"intent": "want_offer", "entities": {"product": "viva-mobile-max"}}
    answer = actions.call("action_want_offer", text='/want_offer{"product": "viva-mobile-max"}', **tap)
    assert answer.persons == [("topic", "price_availability", "wants_offer: Viva Mobile Max")]


HOME_LIST = answered("price_availability", "utter_price_list_home")
MOBILE_LIST = answered("price_availability", "utter_price_list_mobile")


@pytest.mark.parametrize(
    ("text", "events", "product", "said"),
    [
        ("quello più economico?", HOME_LIST, "viva-aria", "utter_price_cheapest_monthly"),
        ("e la meno cara?", MOBILE_LIST, "viva-junior", "utter_price_cheapest_monthly"),
        ("the cheapest one", HOME_LIST, "viva-aria", "utter_price_cheapest_monthly"),
        ("voglio quella che costa meno", TOLD, "viva-aria", "utter_price_cheapest_monthly"),
        ("il più veloce", HOME_LIST, "viva-fibra", "utter_price_fastest_monthly"),
        ("which is the fastest?", HOME_LIST, "viva-fibra", "utter_price_fastest_monthly"),
        ("quella con più giga", MOBILE_LIST, "viva-mobile-max", "utter_price_most_data_monthly"),
        ("qual è il telefono meno caro?", [], "redmi-note-14", "utter_price_cheapest_once"),
        ("internet a casa, la più veloce che avete", [], "viva-fibra", "utter_price_fastest_monthly"),
    ],
)
def test_the_one_with_most_or_least_is_told(
    actions: ActionServer, text: str, events: list[dict[str, Any]], product: str, said: str
) -> None:
    answer = price(actions, text, events=events, slots={"product": "viva-fibra"} if events is TOLD else {})
    assert answer.slots["product"] == product and answer.said[0] == said


def test_a_superlative_without_anything_told_asks_of_what(actions: ActionServer) -> None:
    assert price(actions, "il più economico").said == ["utter_price_which"]
    # Nothing says how fast phones are: then all of them.
    phones = answered("price_availability", "utter_price_list_phone")
    assert price(actions, "quello più veloce", events=phones).said == ["utter_price_list_phone"]


@pytest.mark.parametrize(
    ("action", "intent"),
    [("action_small_talk", "deny"), ("action_small_talk", "thank"), ("action_not_understood", "nlu_fallback")],
)
def test_a_superlative_taken_for_small_talk_is_told(actions: ActionServer, action: str, intent: str) -> None:
    answer = actions.call(action, text="la meno cara", intent=intent, events=HOME_LIST)
    assert answer.said[0] == "utter_price_cheapest_monthly"
    assert "utter_price_cheapest_monthly" not in actions.call(action, text="la meno cara", intent=intent).said


@pytest.mark.parametrize("text", ["tariffe cellulare", "un piano per il telefono di mia figlia", "mobile plans"])
def test_a_plan_for_a_telephone_is_no_telephone(actions: ActionServer, text: str) -> None:
    assert price(actions, text).said == ["utter_price_list_mobile"]


def test_how_much_data_without_a_limit_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    plan = {**PHONE, "kind": "mobile", "monthly": True}
    plans = [{**plan, "gigabytes": 200}, {**plan, "id": "p2", "gigabytes": "unlimited"}, {**plan, "id": "p3"}]
    systems.on("/products", (200, {"products": plans}))
    systems.on("/products/p2/stock", (200, {"online_days": 2}))
    assert price(http_actions, "il piano con più giga").slots["product"] == "p2"


def told_of(product: str) -> dict[str, Any]:
    return {"slots": {"product": product}, "events": answered("price_availability", "utter_price_once")}


@pytest.mark.parametrize("text", ["anzi no il 17", "e il 17?", "scusa, volevo dire il 17", "no the 17"])
def test_another_model_by_its_number_alone(actions: ActionServer, text: str) -> None:
    assert price(actions, text, **told_of("iphone-16")).slots["product"] == "iphone-17"
    assert price(actions, text).said == ["utter_price_which"]


def test_a_question_that_the_catalogue_cannot_answer_is_no_question_which(actions: ActionServer) -> None:
    for said in ("a rate?", "che memoria ha?", "is there a contract?"):
        assert price(actions, said, **told_of("iphone-17")).response("utter_price_all_known")["name"] == "iPhone 17"
    assert price(actions, "e altre offerte?", **told_of("iphone-17")).said == ["utter_price_which"]


@pytest.mark.parametrize("text", ["che differenza c'è?", "quale mi consigli", "which one is better?", "cosa cambia?"])
def test_who_cannot_choose_reads_what_each_one_holds(actions: ActionServer, text: str) -> None:
    answer = actions.call("action_small_talk", text=text, intent="ask_bot", events=HOME_LIST)
    assert "modem compreso" in answer.response("utter_price_compared_home")["list"]
    assert actions.call("action_small_talk", text=text, intent="ask_bot").said == ["utter_ask_bot"]


def test_the_one_of_a_list_by_what_it_holds(actions: ActionServer) -> None:
    assert price(actions, "quella col modem compreso", events=HOME_LIST).slots["product"] == "viva-fibra"
    assert price(actions, "the one with parental control", events=MOBILE_LIST, language="en").slots["product"] == (
        "viva-junior"
    )


def test_the_product_told_is_looked_for_in_the_next_town(actions: ActionServer) -> None:
    for said in ("lo trovo a milano?", "posso prenderlo a milano?", "no, a milano"):
        there = actions.call(
            "validate_store_form", text=said, intent="find_store", loop="store_form", **told_of("iphone-17")
        )
        assert there.said[-1] == "utter_stock_town" and there.response("utter_stock_town")["town"] == "Milano"
    for said in ("e il negozio a milano?", "e dove siete a milano?"):
        shop = actions.call("validate_store_form", text=said, intent="find_store", loop="store_form", **told_of("sim"))
        assert not {"utter_stock_town", "utter_price_once"} & set(shop.said)
