"""A PIN or PUK: which one, for whom, the holder's codice fiscale, and a request with a number and an expected time."""

import re

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.pins import KINDS
from actions.common import CareAction, hand_off, language, now, promise, turn_id
from actions.facts import find_tax_code, looks_like_tax_code
from actions.forms import CORRECTS, Events, FormCheck, Said
from actions.when import say_moment

TOPIC = "request_pin"
QUESTIONS = ("pin_kind", "pin_holder", "_fiscal_code")
SLOTS = (*QUESTIONS, "_pin_misses")

KIND_WORDS = (
    (
        "sim_puk",
        re.compile(r"\bp[uo]c?k\b|sim bloccata|bloccat\w* (la )?(sim|scheda)|sim (is )?(locked|blocked)", re.I),
    ),
    ("customer_area", re.compile(r"area|app\b|sito|account|profilo|online|login|website|web\b|accedere|entrare", re.I)),
    ("sim_pin", re.compile(r"\bsim\b|scheda|cellulare|telefon|smartphone|mobile|\bphone", re.I)),
)
_SOMEBODY = (
    r"altr[ao]|altra persona|qualcun altro|per (mi[ao]|un|una|l[ao']|conto)|mamma|madre|padre|papà|papa|nonn[aoi]"
    r"|marito|moglie|figli[oa]|zi[ao]|someone else|for my|another|(my|his|her) (mother|father|mum|dad|wife|husband|son)"
    r"|daughter"
)
_MYSELF = r"io|me|sono io|intestatari[ao]|myself|mine|i am|it'?s me"
SOMEBODY, MYSELF = (re.compile(rf"\b({words})\b", re.I) for words in (_SOMEBODY, _MYSELF))
PUTS_RIGHT = re.compile(rf"{CORRECTS.pattern}|\bintestat[oa]\b|\bin (my|her|his) name\b", re.I)
_NOT_MINE = re.compile(r"\b(no|nope|non (è|e'|sono|l'ho)|not|isn'?t)\b", re.I)
_YES_MINE = re.compile(r"\W*((s[iì]|yes|yep)\W+)?((è|e'|it'?s) )?(mi[ao]|a me|sono io|mine|me|in my name)\W*", re.I)
HOLDER = re.compile(r"\b(intestat[oa] a|a nome|in the name of|in(?= my name))(?P<whose>.{0,25})", re.I)
OTHER = re.compile(rf"\b(no|{_SOMEBODY})\b", re.I)
SELF = re.compile(rf"\b(s[iì]|mi[ao]|{_MYSELF}|certo|esatto|ok|yes|yep|yeah)\b", re.I)

#: An answer this short is an answer, whatever topic its few words resemble.
FEW_WORDS = 3


class PinForm(FormCheck):
    """Asks which PIN, for whom, and the codice fiscale of the holder."""

    topic = TOPIC
    form = "pin_form"
    slots = QUESTIONS
    keeps = dict.fromkeys(QUESTIONS, frozenset({"request_pin"}))
    strict = frozenset(QUESTIONS)

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        code = find_tax_code(words.text)
        if words.asked not in QUESTIONS:
            # A new request: what the last one left behind is not an answer to this one.
            holder = told_holder(words)
            found = {
                **dict.fromkeys(QUESTIONS), "pin_kind": read_kind(words), "pin_holder": holder, "_fiscal_code": code,
            }  # fmt: skip
            return [SlotSet(slot, value) for slot, value in found.items()]
        if not code and len(words.text.split()) > FEW_WORDS and self._changes_topic(words):
            return None
        kind = read_kind(words) if words.asked == "pin_kind" or CORRECTS.search(words.text) else None
        holder = None
        if words.asked == "pin_holder" and not (kind and not words.tapped):  # "no, volevo il puk" is about the code
            holder = read_holder(words)
        elif words.asked == "_fiscal_code" and _YES_MINE.fullmatch(words.text):
            holder = "self"
        elif words.asked == "_fiscal_code" and not code and PUTS_RIGHT.search(words.text):
            holder = "other" if SOMEBODY.search(words.text) else "self" if MYSELF.search(words.text) else None
        if not (kind or code or holder == "other" and SOMEBODY.search(words.text)) and _other_code(words):
            return [SlotSet("pin_kind", None)]
        found = {"pin_kind": kind, "pin_holder": holder, "_fiscal_code": code}
        return [SlotSet(slot, value) for slot, value in found.items() if value] or None

    def unclear(self, words: Said, dispatcher: CollectingDispatcher) -> None:
        almost = words.asked == "_fiscal_code" and looks_like_tax_code(words.text)
        dispatcher.utter_message(response="utter_fiscal_code_wrong" if almost else f"utter_{words.asked}_unclear")

    def end(self) -> Events:
        return [*super().end(), *(SlotSet(slot, None) for slot in SLOTS)]


class RequestPin(CareAction):
    """Makes the request once the form has all it asked for; says nothing when the form ended before."""

    topic = TOPIC

    def name(self) -> str:
        return "action_request_pin"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        kind, holder, code = (tracker.get_slot(slot) for slot in ("pin_kind", "pin_holder", "_fiscal_code"))
        if not (kind and holder and code):
            return []
        moment = now(tracker)
        made = await systems.pins.request(
            kind, holder=holder, fiscal_code=code, now=moment, idempotency_key=f"{turn_id(tracker)}:pin"
        )
        cleared = [SlotSet(slot, None) for slot in SLOTS if slot != "pin_kind"]
        if made is None:
            return [*cleared, *self._unknown(dispatcher, tracker, code)]
        lang = language(tracker)
        dispatcher.utter_message(
            response=f"utter_pin_done_{kind}" + ("_other" if holder == "other" else ""),
            number=made.number,
            due=say_moment(made.due, moment, lang),
            fiscal_code=masked(code),
        )
        promise(dispatcher, f"pin_{kind}", made.due, made.number, kind="pin")
        return [*cleared, SlotSet("fiscal_code", masked(code)), SlotSet("pin_request", made.number)]

    def _unknown(self, dispatcher: CollectingDispatcher, tracker: Tracker, code: str) -> Events:
        misses = int(tracker.get_slot("_pin_misses") or 0) + 1
        if misses < 2:
            dispatcher.utter_message(response="utter_pin_unknown_customer", fiscal_code=masked(code))
            return [SlotSet("_pin_misses", misses)]
        dispatcher.utter_message(response="utter_not_understood_person")
        hand_off(dispatcher, tracker, reason="identity_failed", topic=TOPIC, note="pin_holder_unknown")
        return [SlotSet("_pin_misses", None)]


def read_kind(words: Said) -> str | None:
    """customer_area, sim_pin or sim_puk, from a button or from what was typed."""
    tapped = words.data.get("pin_kind")
    if tapped in KINDS:
        return str(tapped)
    if words.tapped:
        return None
    return next((kind for kind, pattern in KIND_WORDS if pattern.search(words.text)), None)


def _other_code(words: Said) -> bool:
    """ "No aspetta, il pin": which one must be asked again."""
    return words.asked == "pin_holder" and not words.tapped and words.intent == TOPIC and words.confidence >= 0.7


def read_holder(words: Said) -> str | None:
    """`self` when the one who writes is the holder of the contract, else `other`."""
    tapped = words.data.get("pin_holder")
    if tapped in ("self", "other"):
        return str(tapped)
    # "Non lo trovo più" sounds like a "no", and is none to whose contract it is.
    refuses = words.intent == "deny" and (words.tapped or len(words.text.split()) <= 2 or _NOT_MINE.search(words.text))
    if (words.intent == "affirm" or refuses) and words.confidence >= 0.5:
        return "self" if words.intent == "affirm" else "other"
    if words.tapped:
        return None
    if OTHER.search(words.text):
        return "other"
    return "self" if SELF.search(words.text) else None


def told_holder(words: Said) -> str | None:
    """Whose contract it is, when the first message says so outright: "intestato a me", "è a nome di mia moglie"."""
    told = None if words.tapped else HOLDER.search(words.text)
    if not told:
        return None
    if SOMEBODY.search(told["whose"]):
        return "other"
    return "self" if MYSELF.search(told["whose"]) or re.match(r"\W*(mio|my)\b", told["whose"], re.I) else None


def masked(code: str) -> str:
    """What may be shown of a codice fiscale: RSS…01U."""
    return f"{code[:3]}…{code[-3:]}"
