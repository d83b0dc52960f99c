"""What goes on about the answer given just before, in words that no topic or the wrong one recognises.

One list for all who meet such words: what was not understood, small talk, and topics that sound alike.
"""

from collections.abc import Awaitable, Callable

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.bill_question import dispute, disputes_the_bill
from actions.buying import follows_a_product, sell, wants_it
from actions.case_status import CaseStatus, follows_a_request
from actions.common import Event
from actions.extremes import follows_products
from actions.line_status import LineStatus, follows_a_line, wants_news
from actions.moving import MoveAppointment, asks_when_it_is, follows_a_visit, tell_visit
from actions.price_availability import PriceAvailability
from actions.report_fault import ReportFault, follows_a_fault

Answer = Callable[[CollectingDispatcher, Tracker, Backends], Awaitable[list[Event]]]
#: These words are about what was told, whatever else they sound like.
SURE: tuple[tuple[Callable[[Tracker], bool], Answer], ...] = (
    (disputes_the_bill, dispute),
    (follows_products, PriceAvailability().answer),
    (wants_news, LineStatus().answer),
    (follows_a_fault, ReportFault().answer),
    (follows_a_request, CaseStatus().answer),
    (asks_when_it_is, tell_visit),
    (follows_a_product, PriceAvailability().answer),
)
#: And these only where nothing else makes sense of them: "grazie, a giovedì" wants no other day.
LIKELY = (
    *SURE,
    (wants_it, sell),
    (follows_a_line, LineStatus().answer),
    (follows_a_visit, MoveAppointment().answer),
)


def follow_up(tracker: Tracker, *, likely: bool) -> Answer | None:
    """What answers words that go on about what was told just before; None when they do not."""
    return next((answer for follows, answer in (LIKELY if likely else SURE) if follows(tracker)), None)
