"""The customer's bill: how much, by when, paid or not, why it differs, how to pay."""

import re
from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.billing import Bill, Item
from actions.common import CareAction, Event, entity, hand_off, language, now, text, was_told
from actions.identity import need_identity
from actions.words import euros, month, signed_euros, the_day

#: What about the bill, by the words used; the first that matches counts.
PARTS = (
    # Charged twice is nothing that a comparison explains: a person.
    ("wrong", r"doppi|due volte|twice"),
    ("why", r"perch|xk|come mai|alta|pi[uù] del|in pi[uù]|di pi[uù]|aument|voce|voci|cos'?\s?[eè]|cosa sono|capisco"
            r"|addebitat|sbagliat|non (mi )?torna|error|why|higher|extra|increase|more than|understand|wrong|mistake"),
    ("pay", r"\b(come|dove)\b.{0,25}\bpag(o|are|arl[aeo]|a|hiamo)\b|\bpag(o|are|arl[aeo])\b.{0,30}\b(come|dove|in posta"
            r"|carta|contanti|bonifico|tabacc\w+|bollettino|paypal|satispay)|(posso|si pu[oò]|vorrei|voglio) pagar"
            r"|a rate|\b(how|where)\b.{0,20}\bpay\b|\b(can|could|may) i pay|\bpay (by|with|online|at)\b|instal?ment"),
    ("previous", r"precedente|mese scorso|quella prima|previous|last month'?s"),
)
#: Said after the bill was told: it is not right.
DISPUTES = re.compile(
    r"\bnon (mi )?torna|\bnon sono d['’]accordo|\bcontest|\bassurd|\bnon (la|lo) (accetto|pago)\b"
    r"|\bnon (è|e'|e) (giust|corrett|possibil|ver[oa])|(?<!\bho )sbagliat|error|esagerat|\btroppo?\b"
    r"|\b(not|isn'?t|ain'?t|can'?t be) (right|correct|true|possible)|\bwrong\b(?! (chat|number|person))"
    r"|\btoo (much|high)|mistake"
    r"|\b(mai|non (l['’]?|le |li )?(ho|abbiamo)) (chiest|richiest|attivat|ordinat|volut|compr|pres)\w+"
    r"|\bnever (asked|ordered|requested|signed|activated|bought)|\bdidn'?t (ask|order|request|sign|activate|buy)"
    r"|\b(don'?t|do not) agree|\bdisagree|\bdispute|\bwon'?t pay",
    re.IGNORECASE,
)
#: Answers that tell a bill.
TOLD = ("bill_to_pay", "bill_overdue", "bill_paid", "bill_direct_debit", "bill_why")
#: Changes beyond these are left out of the list; the total difference still tells the truth.
LISTED = 4


class BillQuestion(CareAction):
    """Answers about the two latest bills, after the identity check. How to pay needs no identity."""

    topic: ClassVar[str] = "bill_question"

    def name(self) -> str:
        """See domain/bill_question.yml."""
        return "action_bill_question"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        if not entity(tracker, "bill_part") and compared(tracker) and disputes_the_bill(tracker):
            return await dispute(dispatcher, tracker, systems)
        # What was asked last counts: "la bolletta", and then "perché è più alta", before it is known who it is.
        said = wanted_part(tracker)
        part = tracker.get_slot("_bill_part") or said if said == "latest" else said
        if part == "pay":
            dispatcher.utter_message(response="utter_bill_pay")
            return [SlotSet("_bill_part", None)]
        # Kept over the identity check: afterwards the latest message is the customer code.
        if asking := need_identity(tracker, self.topic):
            return [SlotSet("_bill_part", part), *asking]
        customer = str(tracker.get_slot("verified_customer"))
        bills = await systems.billing.bills(customer, today=now(tracker).date())
        if not bills:
            dispatcher.utter_message(response="utter_bill_none")
        elif part == "previous":
            say_previous(dispatcher, tracker, bills)
        elif part == "wrong":
            _wrong(dispatcher, tracker, bills[0])
        else:
            if not entity(tracker, "bill_part"):  # a button stands under the bill itself: do not repeat it
                say_bill(dispatcher, tracker, bills[0])
            if part == "why":
                say_why(dispatcher, tracker, bills)
        return [SlotSet("_bill_part", None)]


def disputes_the_bill(tracker: Tracker) -> bool:
    """True when the bill was told just before and the customer says, in whatever words, that it is not right."""
    return bool(was_told(tracker, *TOLD) and tracker.get_slot("verified_customer") and DISPUTES.search(text(tracker)))


def compared(tracker: Tracker) -> bool:
    """True when it was just told why the bill differs: who then says that it is wrong has heard it all."""
    return was_told(tracker, "bill_why")


async def dispute(dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
    """A person checks the latest bill."""
    bills = await systems.billing.bills(str(tracker.get_slot("verified_customer")), today=now(tracker).date())
    if bills:
        _wrong(dispatcher, tracker, bills[0])
    return []


def _wrong(dispatcher: CollectingDispatcher, tracker: Tracker, bill: Bill) -> None:
    dispatcher.utter_message(response="utter_bill_wrong")
    note = f"bill_disputed: {bill.number}, {euros(bill.total, 'it')}"
    hand_off(dispatcher, tracker, reason="topic", topic=BillQuestion.topic, note=note)


def wanted_part(tracker: Tracker) -> str:
    """`latest`, `why`, `wrong`, `pay` or `previous`: from a button, or from the words."""
    tapped = entity(tracker, "bill_part")
    if tapped:
        return tapped
    said = text(tracker).lower()
    if said.startswith("/"):
        return "latest"
    return next((part for part, words in PARTS if re.search(words, said)), "latest")


def say_bill(dispatcher: CollectingDispatcher, tracker: Tracker, bill: Bill) -> None:
    """Amount, due date, and whether it is paid."""
    if bill.paid_on:
        kind = "paid"
    elif bill.direct_debit:
        kind = "direct_debit"
    else:
        kind = "overdue" if bill.due < now(tracker).date() else "to_pay"
    dispatcher.utter_message(response=f"utter_bill_{kind}", **bill_words(bill, language(tracker)))


def say_previous(dispatcher: CollectingDispatcher, tracker: Tracker, bills: list[Bill]) -> None:
    """The bill before the latest."""
    if len(bills) < 2:
        dispatcher.utter_message(response="utter_bill_previous_none")
        return
    kind = "paid" if bills[1].paid_on else "unpaid"
    dispatcher.utter_message(response=f"utter_bill_previous_{kind}", **bill_words(bills[1], language(tracker)))


def say_why(dispatcher: CollectingDispatcher, tracker: Tracker, bills: list[Bill]) -> None:
    """The items that differ from the bill before; all items when there is nothing to compare or no difference."""
    lang = language(tracker)
    everything = "; ".join(f"{item_name(item, lang)} {euros(item.amount, lang)}" for item in bills[0].items)
    if len(bills) < 2:
        dispatcher.utter_message(response="utter_bill_why_first", items=everything)
        return
    difference = bills[0].total - bills[1].total
    if not difference:
        total = euros(bills[0].total, lang)
        dispatcher.utter_message(response="utter_bill_why_same", total=total, items=everything)
        return
    listed = [f"{item_name(item, lang)} {signed_euros(item.amount, lang)}" for item in changes(bills[0], bills[1])]
    dispatcher.utter_message(
        response="utter_bill_why_more" if difference > 0 else "utter_bill_why_less",
        difference=euros(difference, lang),
        before=euros(bills[1].total, lang),
        items="; ".join(listed[:LISTED]),
    )


def changes(latest: Bill, before: Bill) -> list[Item]:
    """Items whose amount differs between two bills, with the difference as amount, the largest first."""
    then = {item.key: item for item in before.items}
    found = {item.key: Item(item.key, item.names, item.amount - then[item.key].amount if item.key in then else
                            item.amount) for item in latest.items}
    for key, item in then.items():
        found.setdefault(key, Item(key, item.names, -item.amount))
    return sorted((item for item in found.values() if item.amount), key=lambda item: -abs(item.amount))


def item_name(item: Item, lang: str) -> str:
    """The item's name in this language, Italian when there is no other."""
    return item.names.get(lang) or item.names["it"]


def bill_words(bill: Bill, lang: str) -> dict[str, str]:
    """A bill's facts as they stand in a sentence."""
    return {
        "month": month(bill.period, lang),
        "total": euros(bill.total, lang),
        "due": the_day(bill.due, lang),
        "paid_on": the_day(bill.paid_on, lang) if bill.paid_on else "",
    }
