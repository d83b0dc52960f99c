"""Which product, or kind of product, does this sentence name? Typos are tolerated, model numbers are not."""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from actions.backends.catalogue import Product
from actions.towns import plain

#: How alike (0-100) words must be to a product's name. Names of up to SHORT letters must be exact.
ALIKE, SHORT = 84.0, 4
#: Kinds by the words used; the first that matches counts. "other" is what the catalogue does not hold, also when it
#: is for something that it holds: a cover for an iPhone, roaming with an offer.
KINDS = (
    ("other", r"\b(roaming|estero|svizzera|albania|chiamare in|call(s|ing)? abroad|switzerland|cover|custodi\w+|tablet"
              r"|ipad|caricabatterie?|caricator\w|chargers?|pellicol\w|auricolari|cuffie|headphones|smartwatch|tv)\b"),
    # "Tariffe per il cellulare" is a plan, no telephone to buy.
    ("mobile", r"\b(tariff\w*|pian[oi]|abbonament\w*|plans?)\b.*\b(cel\w*|telefon\w*|smartphone\w*|mobile|phones?)\b"
               r"|\bofferte? (mobile|(per|sul|per il|per un) (cel\w*|telefonino|numero))\b|\b(phone|mobile) plans?\b"
               r"|\b(per|sul|nel) ((il |un )?(mio )?)(cellulare|telefonino)\b"),
    ("phone", r"\b(telefon\w*|cellular\w*|smartphone\w*|phones?|novita telefoni|android)\b"),
    ("home", r"\b(internet|casa|adsl|fibra|fiber|fibre|broadband|home)\b"),
    ("mobile", r"\b(mobile|giga|tariff\w*|minuti|data plan|plans?|unlimited|gb|numero|operatore)\b"),
    ("extra", r"\b(modem|router|sim|ripetitor\w*|wi ?fi)\b"),
)  # fmt: skip


#: "Anzi no, il 17": the model alone, said after another one was told.
VARIANT = re.compile(
    r"\W*((no|anzi|scus[ai]|e|ed|ma|ok|invece|volevo dire|intendevo|quanto|cost[ao]|viene|and|but|sorry|actually"
    r"|i meant?|what about|how much is)\W+)*(il|lo|la|l['’]|quell[oa]|the)?\s*"
    r"(?P<model>[a-z]{0,2}\d{1,2}[a-z]{0,2})\W*",
    re.IGNORECASE,
)
#: "Quella col modem compreso": by what it holds.
_HOLDS = re.compile(r"\b(quell[oa]|una?|the one|one|that)\W+(con|col|coi|che ha|with|that has)\b(?P<what>.+)", re.I)

#: "Quella da 9,99": by what it costs.
_COSTING = re.compile(
    r"\b(quell[oa]|una?|the one|one)\W+(da|a|at|for)\W*(?P<euros>\d{1,4})([.,](?P<cents>\d{1,2}))?\b", re.IGNORECASE
)

#: "È compreso il modem?", asked of what was just told, is no question for a modem.
INCLUDES = re.compile(r"\b(compres\w+|inclus\w+|includ\w+|comes? with)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """A product, or none; `other_model`: a make that we sell was named with a model number that we do not."""

    product: Product | None
    other_model: bool = False


def find_product(text: str, products: list[Product]) -> Found:
    """The product with the longest name or alias that occurs in `text`, allowing for typos."""
    words = plain(text).split()
    best: tuple[float, Product, int] | None = None
    for product in products:
        for name in (product.name, *product.aliases):
            target = plain(name)
            end = _occurs(words, target)
            score = len(target)
            if end and (best is None or score > best[0]):
                best = (score, product, end)
    if best is None:
        return Found(None)
    _, product, end = best
    after = words[end] if end < len(words) else ""
    # "iphone 15" when only 16 and 17 are sold: the price of another model would be a wrong answer.
    named_model = any(char.isdigit() for char in " ".join(words[:end][-3:]))
    if product.kind == "phone" and not named_model and re.fullmatch(r"[a-z]{0,2}\d{1,2}[a-z]{0,4}", after):
        return Found(None, other_model=True)
    return Found(product)


def find_variant(text: str, last: Product, products: list[Product]) -> Product | None:
    """Another model of the kind told last, by its figures alone; the same one when nothing else has them."""
    found = VARIANT.fullmatch(text)
    model = plain(found["model"]) if found else None
    named = [one for one in products if one.kind == last.kind and model in plain(one.name).split()]
    return named[0] if len(named) == 1 else None


def find_holder(text: str, products: list[Product], lang: str) -> Product | None:
    """The one of a list that costs what was said, or whose details name what it should hold; when only one does."""
    costing = _COSTING.search(text)
    if costing:
        said = costing["euros"] + (f".{costing['cents']:0<2}" if costing["cents"] else "")
        priced = [one for one in products if f"{one.price:.2f}".startswith(said + ("" if costing["cents"] else "."))]
        return priced[0] if len(priced) == 1 else None
    found = _HOLDS.search(text)
    wanted = {word for word in plain(found["what"]).split() if len(word) >= SHORT} if found else set()
    held = {one.id: wanted & set(plain(one.holds(lang)).split()) for one in products}
    best = sorted(products, key=lambda one: -len(held[one.id]))
    return best[0] if best and len(held[best[0].id]) > max([len(held[one.id]) for one in best[1:]], default=0) else None


def names_part(text: str) -> bool:
    """True when a product is asked for by its model's figures, its price or what it holds; or what it includes."""
    return bool(VARIANT.fullmatch(text) or any(each.search(text) for each in (_HOLDS, _COSTING, INCLUDES)))


def find_kind(text: str) -> str | None:
    """home, mobile, phone, extra, other; None when the words name no kind."""
    words = plain(text)
    return next((kind for kind, pattern in KINDS if re.search(pattern, words)), None)


def by_budget(text: str, products: list[Product]) -> list[Product]:
    """Products in the order that fits "sui 300 euro" (dearest first within it) or "economico"; else as they were."""
    words = plain(text)
    amount = re.search(r"\b(\d{2,4}) ?(euro|eur|e)\b", plain(text.replace("€", " euro ")))
    cheapest = sorted(products, key=lambda product: product.price)
    if amount:
        # "Around 300" takes 329 as well.
        limit = float(amount[1]) * 1.1
        return [product for product in reversed(cheapest) if product.price <= limit] or cheapest
    return cheapest if re.search(r"\b(econom\w+|cheap\w*|costa(no)? poco|meno caro)\b", words) else products


def _occurs(words: list[str], target: str) -> int:
    """The index just after the words that name `target`; 0 when they do not occur."""
    size = len(target.split())
    for start in range(len(words) - size + 1):
        part = " ".join(words[start : start + size])
        if part == target:
            return start + size
        # A figure is never a typo: 16 and 17 are one letter apart and two different phones.
        if len(target) > SHORT and _figures(part) == _figures(target) and fuzz.ratio(part, target) >= ALIKE:
            return start + size
    return 0


def _figures(text: str) -> list[str]:
    return re.findall(r"\d+", text)
