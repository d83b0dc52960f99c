"""Prices of offers and phones, and where they are in stock. Nobody has to say who they are.

Whether an offer reaches an address, and who wants it: actions/buying.py.
"""

from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.catalogue import Product, Stock
from actions.buying import (
    asks_coverage,
    asks_others,
    asks_price,
    check_coverage,
    follows_a_product,
    sell,
    told,
    wants_it,
)
from actions.common import CareAction, Event, entity, language, text
from actions.extremes import compares, find_extreme, kind_before, wish_of
from actions.forms import Events, FormCheck, Said
from actions.products import INCLUDES, Found, by_budget, find_holder, find_kind, find_product, find_variant
from actions.towns import Town, find_town
from actions.words import euros

#: Products in one list: more buttons would be numbered lines on some channels.
LISTED = 4
#: A button's title on the narrowest channel.
TITLE = 20


class PriceAvailability(CareAction):
    """A named product: price and stock. A kind of product: a short list. Anything else: which one?"""

    topic: ClassVar[str] = "price_availability"

    def name(self) -> str:
        """See domain/price_availability.yml."""
        return "action_price_availability"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        if wants_it(tracker) and not wish_of(text(tracker)):
            return await sell(dispatcher, tracker, systems)
        products = await systems.catalogue.products()
        said = text(tracker)
        coverage = asks_coverage(said)
        if coverage and not asks_price(said):
            check_coverage(dispatcher, tracker)
            return []
        kind = entity(tracker, "product_kind") or find_kind(said)
        if kind == "other":
            dispatcher.utter_message(response="utter_price_not_listed")
            return []
        if compares(tracker):
            return self._compare(dispatcher, tracker, products)
        last = told_product(tracker, products)
        if last and INCLUDES.search(said):
            say_known(dispatcher, language(tracker), last)
            return []
        extreme = find_extreme(tracker, products)
        found = Found(extreme.product) if extreme else wanted(tracker, products)
        if found.product:
            town = find_town(said) if not said.startswith("/") else None
            wish = extreme.wish if extreme else None
            await self._one(dispatcher, tracker, systems, found.product, town=town, wish=wish)
            if coverage:
                check_coverage(dispatcher, tracker)
            return [SlotSet("product", found.product.id), *look_there(town if not found.product.monthly else None)]
        kind = "phone" if found.other_model else extreme.kind if extreme else kind
        listed = by_budget(said, [product for product in products if product.kind == kind])[:LISTED]
        if listed:
            say_list(dispatcher, language(tracker), listed, "other_model" if found.other_model else f"list_{kind}")
        elif last:
            say_known(dispatcher, language(tracker), last)
        else:
            dispatcher.utter_message(response="utter_price_which")
        return []

    def _compare(self, dispatcher: CollectingDispatcher, tracker: Tracker, products: list[Product]) -> list[Event]:
        """The products of the kind just told, each with what it holds."""
        named = find_product(text(tracker), products).product
        kind = named.kind if named else find_kind(text(tracker)) or kind_before(tracker, products)
        lang = language(tracker)
        alike = by_budget("", [product for product in products if product.kind == kind])[:LISTED]
        if alike:
            say_list(dispatcher, lang, alike, f"compared_{kind}", with_details=True)
        else:
            dispatcher.utter_message(response="utter_price_which")
        return []

    async def _one(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends, product: Product, *,
        town: Town | None, wish: str | None,
    ) -> None:  # fmt: skip
        """`wish`: why this one, when it was asked for by what it has most or least of."""
        lang = language(tracker)
        stock = await systems.catalogue.stock(product.id, town=town.name if town else None)
        dispatcher.utter_message(
            response=f"utter_price_{f'{wish}_' if wish else ''}{'monthly' if product.monthly else 'once'}",
            name=product.name, price=euros(product.price, lang),
            details=product.holds(lang),
        )
        if town and not product.monthly:
            say_town(dispatcher, lang, product, town, stock)
        else:
            say_online(dispatcher, product, stock)


class ValidateStockForm(FormCheck):
    """Asks for the town, unless one was named before. The form is `stock_form`."""

    form: ClassVar[str] = "stock_form"
    topic: ClassVar[str] = "price_availability"
    slots: ClassVar[tuple[str, ...]] = ("stock_town",)

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        """See FormCheck."""
        if words.intent == "check_stock":
            product = words.data.get("product") or tracker.get_slot("product")
            if not product:
                dispatcher.utter_message(response="utter_stock_which")
                return self.end()
            return [SlotSet("product", product), SlotSet("stock_town", tracker.get_slot("town"))]
        town = None if words.tapped else find_town(words.text)
        return [SlotSet("stock_town", town.name), SlotSet("town", town.name)] if town else None


class TellStock(CareAction):
    """After the form: the shops. Says nothing when the form ended without a town."""

    topic: ClassVar[str] = "price_availability"

    def name(self) -> str:
        """See domain/price_availability.yml."""
        return "action_tell_stock"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        town = find_town(str(tracker.get_slot("stock_town") or ""))
        if town is None:
            return []
        products = await systems.catalogue.products()
        product = next((one for one in products if one.id == tracker.get_slot("product")), None)
        if product is None:  # an old button: it is no longer on sale
            dispatcher.utter_message(response="utter_stock_which")
        else:
            stock = await systems.catalogue.stock(product.id, town=town.name)
            say_town(dispatcher, language(tracker), product, town, stock)
        return [SlotSet("stock_town", None), *look_there(town)]


def wanted(tracker: Tracker, products: list[Product]) -> Found:
    """The product of a button, or the one that the words name."""
    tapped = entity(tracker, "product")
    if tapped:
        return Found(next((product for product in products if product.id == tapped), None))
    said = text(tracker)
    if said.startswith("/"):
        return Found(None)
    before = kind_before(tracker, products)
    holder = find_holder(said, [product for product in products if product.kind == before], language(tracker))
    last_told = told_product(tracker, products)
    variant = find_variant(said, last_told, products) if last_told else None
    if holder or variant:
        return Found(holder or variant)
    found = find_product(said, products)
    # "E quanto costa?" is about the one just told.
    asks_on = follows_a_product(tracker) or told(tracker) and asks_price(said)
    asks_on = asks_on and not (found.other_model or find_kind(said))
    last = tracker.get_slot("product") if asks_on else None
    return found if found.product else Found(next((one for one in products if one.id == last), None), found.other_model)


def told_product(tracker: Tracker, products: list[Product]) -> Product | None:
    """The one product told just before, unless others are asked for."""
    last = tracker.get_slot("product") if told(tracker) and not asks_others(text(tracker)) else None
    return next((product for product in products if product.id == last), None)


def look_there(town: Town | None) -> list[Event]:
    """Where stock was told: "a che ora chiudono?" is about the shops there."""
    if town is None:
        return []
    return [SlotSet("town", town.name), *(SlotSet(slot, None) for slot in ("_place", "_store_id", "_stores_seen"))]


def say_known(dispatcher: CollectingDispatcher, lang: str, product: Product) -> None:
    """What the catalogue says of a product, to a question that it does not answer in so many words."""
    dispatcher.utter_message(response="utter_price_all_known", name=product.name, details=product.holds(lang))


def say_list(
    dispatcher: CollectingDispatcher, lang: str, products: list[Product], kind: str, *, with_details: bool = False
) -> None:
    """A few products with prices, perhaps with what they hold, and a button for each."""
    priced = [f"{product.name} {euros(product.price, lang)}" for product in products]
    if with_details:
        priced = [f"{name} ({product.holds(lang)})" for name, product in zip(priced, products, strict=True)]
    dispatcher.utter_message(
        response=f"utter_price_{kind}",
        list=("; " if with_details else ", ").join(priced),
        buttons=[
            {"title": product.name[:TITLE], "payload": f'/price_availability{{"product": "{product.id}"}}'}
            for product in products
        ],
    )


def say_online(dispatcher: CollectingDispatcher, product: Product, stock: Stock) -> None:
    """When it arrives at home, or how soon an offer is active."""
    if stock.online_days is None:
        kind = "not_online"
    elif product.monthly:
        kind = "offer"
    else:
        kind = "online_tomorrow" if stock.online_days == 1 else "online"
    dispatcher.utter_message(response=f"utter_stock_{kind}", days=stock.online_days, product_id=product.id)


def say_town(dispatcher: CollectingDispatcher, lang: str, product: Product, town: Town, stock: Stock) -> None:
    """The shops of the town that have it; when none has, when it arrives from online."""
    if not stock.shops:
        dispatcher.utter_message(response="utter_stock_town_none", town=town.name, name=product.name)
        if stock.online_days is not None:
            say_online(dispatcher, product, stock)
        return
    shops = "; ".join(f"{shop.shop} ({shop.pieces})" for shop in stock.shops[:3])
    dispatcher.utter_message(response="utter_stock_town", town=town.name, name=product.name, shops=shops)
