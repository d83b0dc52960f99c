"""What only a person can do with an offer: see whether it reaches an address, and set it up for who wants it."""

import re
from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.common import CareAction, Event, entity, hand_off, last_answers, text
from actions.opening import SHOP
from actions.towns import find_town

TOPIC = "price_availability"
#: Answers that tell one product: what is said next is about that one.
TOLD = (
    "utter_price_monthly", "utter_price_once", "utter_price_cheapest_monthly", "utter_price_cheapest_once",
    "utter_price_fastest_monthly", "utter_price_most_data_monthly", "utter_stock_offer", "utter_stock_online",
    "utter_stock_town", "utter_stock_town_none", "utter_price_all_known",
)  # fmt: skip
_NET = r"(fibra|adsl|fwa|internet|wi-?fi|rete|linea|segnale|[345]g|fib(er|re)|broadband|signal)"
_COVERAGE = re.compile(
    rf"\b(copertur\w+|copert[oaie]|copr(e|ite|ono)|raggiunt\w+|coverage|covered)\b"
    rf"|\b(arriv(a|ano|ate|erà|at[ao]))\b.{{0,40}}\b{_NET}\b"
    rf"|\b{_NET}\b.{{0,30}}\b(arriv(a|ano|ate|erà|at[ao])|raggiunge)\b"
    rf"|\b{_NET}\b.{{0,30}}\b(available|reach(es)?)\b"
    rf"|\b(get|available|reach)\b.{{0,30}}\b{_NET}\b.{{0,30}}\b(at|in|to) my\b"
    rf"|\bdisponibil\w+\b.{{0,40}}\b(indirizzo|via|casa mia|zona|da me)\b",
    re.IGNORECASE,
)
#: "C'è la fibra …?": coverage where a place is named, else what an offer holds ("con internet c'è il modem?").
_THERE = re.compile(
    rf"\b(c['’]è|passa|prende|avete|is there|do you have)\b.{{0,40}}\b{_NET}\b"
    rf"|\b{_NET}\b.{{0,30}}\b(c['’]è|passa|prende)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b((mi[oa]|nostr[oa]) (via|paese|zona|casa|indirizzo|comune|citt[aà]|palazzo)|da (me|noi)|casa mia|qui"
    r"|in (via|viale|piazza|corso|zona)|my (street|area|house|home|town|village|address|place)|here)\b",
    re.IGNORECASE,
)
_NO = re.compile(r"\b(non|nn|not|never|niente)\b|n['’]t\b|^\W*no\b", re.IGNORECASE)
_PRICE = re.compile(r"\b(quant[oi]|cost\w*|prezz\w+|canone|al mese|how much|prices?|costs?|a month)\b", re.IGNORECASE)
_OTHERS = re.compile(r"\b(altr[oaie]|offert\w+|promo\w*|che cosa avete|others?|else|offers?|plans?)\b", re.IGNORECASE)
_STOCK = re.compile(
    r"\b(ce l['’ ]?(avete|hai|hanno|ha)|ce n['’]è|c['’]è anche|l['’]avete|disponibil\w+|si trova|in stock"
    r"|quant[ie] (ce )?n['’ ]?e? |quanti pezzi|how many (are )?left"
    r"|(have|got) (it|one))\b",
    re.IGNORECASE,
)
#: With a town beside it, the product told is looked for there.
_FINDS = re.compile(
    r"\b(lo|la|l['’]) ?(trov\w+|compr\w+|prend\w+)|\b(prender|comprar|trovar)l[oa]\b|\b(find|buy|get) (it|one)\b"
    r"|^\W*(no|e|ed|and|anzi|invece|o|or)\b",
    re.IGNORECASE,
)
_WHERE = re.compile(r"\b(dove (siete|state|vi trov\w+)|indirizz\w+|orar\w+|where are you|address|hours)\b", re.I)
#: A longer sentence is about something of its own.
_SHORT = 7
_WANTS = re.compile(
    r"\b(attivar(la|lo|mela|melo|e)|attiviamol[ao]|attivatemel[ao]|abbon\w+|sottoscriv\w+|procediamo|prendiamol[ao]"
    r"|(la|lo) (prendo|voglio|vorrei|compro)|voglio (questa|quella|questo|quello)|mi interessa|comprarl[ao]"
    r"|sign me up|i('ll| will) (take|have) it|i want (it|this|that)|i'?m interested|interested in it|subscribe"
    r"|(get|order|buy) (it|this|that))\b",
    re.IGNORECASE,
)


class WantOffer(CareAction):
    """The tap on "La voglio": a person sets it up."""

    topic: ClassVar[str] = TOPIC

    def name(self) -> str:
        """See domain/price_availability.yml."""
        return "action_want_offer"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        return await sell(dispatcher, tracker, systems)


async def sell(dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
    """Hands over with the product in hand: the tapped one, or the one told last."""
    wanted = entity(tracker, "product") or tracker.get_slot("product")
    names = [product.name for product in await systems.catalogue.products() if product.id == wanted]
    dispatcher.utter_message(response="utter_want_offer")
    hand_off(dispatcher, tracker, reason="topic", topic=TOPIC, note=f"wants_offer: {names[0] if names else wanted}")
    return []


def check_coverage(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    """Hands over: no system of ours knows every house number, and a guess would be believed."""
    dispatcher.utter_message(response="utter_coverage")
    hand_off(dispatcher, tracker, reason="topic", topic=TOPIC, note="coverage")


def asks_coverage(said: str) -> bool:
    """ "In via Garibaldi 8 arriva la fibra?": not its price."""
    if said.startswith("/"):
        return False
    return bool(_COVERAGE.search(said) or _THERE.search(said) and (_PLACE.search(said) or find_town(said)))


def asks_others(said: str) -> bool:
    """ "Che altro avete?": not the one just told."""
    return said.startswith("/") or bool(_OTHERS.search(said))


def asks_price(said: str) -> bool:
    """ "Quanto costa?", of something told already; not "what else is there?"."""
    return bool(_PRICE.search(said)) and not _OTHERS.search(said)


def follows_a_product(tracker: Tracker) -> bool:
    """True when the product told just before is asked for in a shop: "ce l'avete a Milano?"."""
    said = text(tracker)
    if not told(tracker) or said.startswith("/"):
        return False
    asks_where = SHOP.search(said) or _WHERE.search(said)
    there = _FINDS.search(said) and find_town(said) and len(said.split()) <= _SHORT and not asks_where
    return bool(_STOCK.search(said) or there)


def wants_it(tracker: Tracker) -> bool:
    """True when a product was told just before and the customer says, in whatever words, to want it."""
    said = text(tracker)
    return told(tracker) and bool(_WANTS.search(said)) and not (_PRICE.search(said) or _NO.search(said))


def told(tracker: Tracker) -> bool:
    """True when one product was told just before."""
    return any(answer in TOLD for answer in last_answers(tracker))
