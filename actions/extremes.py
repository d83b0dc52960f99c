"""Which product "la meno cara", "il più veloce" or "the one with most data" means: of the kind named, or just told."""

import re
from dataclasses import dataclass

from rasa_sdk import Tracker

from actions.backends.catalogue import Product
from actions.buying import told
from actions.common import last_answers, text
from actions.products import find_kind, find_product, names_part

LISTED, COMPARED = "utter_price_list_", "utter_price_compared_"
#: Each wish by the words used; the first that matches counts.
WISHES = (
    ("fastest", r"\b(pi[uù]['’]? (veloc\w+|rapid\w+)|velocit[aà] (pi[uù] alta|massima|maggiore)|fast(est|er)|quickest"
                r"|(highest|top|best) speed)\b"),
    ("most_data", r"\b(pi[uù]['’]? (giga|gb|dati|internet)|(most|more) (data|gb|gigs?|gigabytes))\b"),
    ("cheapest", r"\b(pi[uù]['’]? (econom\w+|convenient\w+|bass[oaie])|meno (car[oaie]|costos[oaie])|cost\w+ (di )?meno"
                 r"|spend\w* (di )?meno|cheap(est|er)|less expensive|least( expensive)?|low(est|er)|costs? less)\b"),
)  # fmt: skip


#: "Che differenza c'è?", "quale mi consigli?": what each of them holds, side by side.
_COMPARES = re.compile(
    r"\b(consigl\w+|differen\w+|cosa cambia|confront\w+|quale (mi )?convien\w+"
    r"|(qual|quale) (è )?(la |il )?(migliore|meglio)"
    r"|recommend|suggest|compare|which (one )?(is|would be) (better|best)|what'?s the best)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Extreme:
    """What was wished and of which kind; `product`: the one that has it, None where the catalogue does not say."""

    wish: str
    kind: str
    product: Product | None


def follows_products(tracker: Tracker) -> bool:
    """True when products were told just before, and one of them is asked for by a quality, a part or its model."""
    said = text(tracker)
    if said.startswith("/"):
        return False
    if "utter_price_which" in last_answers(tracker) and find_kind(said):
        return True  # "quella per casa" answers the question
    if not (listed(tracker) or told(tracker)):
        return False
    return wish_of(said) is not None or compares(tracker) or names_part(said)


def listed(tracker: Tracker) -> bool:
    """True when several products were told just before."""
    lists = (LISTED, COMPARED, "utter_price_other_model")
    return any(answer.startswith(lists) for answer in last_answers(tracker))


def compares(tracker: Tracker) -> bool:
    """True when the customer wants to know which one is right, or how they differ."""
    said = text(tracker)
    return not said.startswith("/") and bool(_COMPARES.search(said))


def wish_of(said: str) -> str | None:
    """fastest, most_data or cheapest; None for other words, and for a tap."""
    if said.startswith("/"):
        return None
    return next((wish for wish, pattern in WISHES if re.search(pattern, said, re.IGNORECASE)), None)


def find_extreme(tracker: Tracker, products: list[Product]) -> Extreme | None:
    """None when no such wish was said, or nothing says of which kind. A product's own name goes before it."""
    said = text(tracker)
    wish = wish_of(said)
    if wish is None or find_product(said, products).product:
        return None
    # Only plans for a mobile hold gigabytes.
    kind = find_kind(said) or kind_before(tracker, products) or ("mobile" if wish == "most_data" else None)
    of_kind = [product for product in products if product.kind == kind]
    if kind is None or not of_kind:
        return None
    return Extreme(wish, kind, _best(wish, of_kind))


def kind_before(tracker: Tracker, products: list[Product]) -> str | None:
    """The kind of the list or the product told just before."""
    for answer in last_answers(tracker):
        if answer.startswith(COMPARED):
            return answer.removeprefix(COMPARED)
        if answer.startswith(LISTED):
            return answer.removeprefix(LISTED)
        if answer == "utter_price_other_model":
            return "phone"
    last = tracker.get_slot("product") if told(tracker) else None
    return next((product.kind for product in products if product.id == last), None)


def _best(wish: str, products: list[Product]) -> Product | None:
    if wish == "cheapest":
        return min(products, key=lambda product: product.price)
    # Of offers only: a phone's gigabytes are no data plan.
    has = [(product.speed_mbps if wish == "fastest" else product.gigabytes, product) for product in products]
    known = [(amount, product) for amount, product in has if amount is not None and product.monthly]
    return max(known, key=lambda each: each[0])[1] if known else None
