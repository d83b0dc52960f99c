"""Which offered button a typed answer means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.flow.meaning import LONGEST, meaning
from bot.model.messages import ConversationKey, Incoming
from bot.model.replies import QuickReply

WHICH = [
    QuickReply("La mia bolletta", "/bill_question"), QuickReply("Prezzi e prodotti", "/price_availability"),
    QuickReply("Parla con noi", "/ask_human"),
]  # fmt: skip
BEFORE = [QuickReply("Orari dei negozi", "/store_hours"), QuickReply("Richiedi il PIN", "/request_pin")]


def asked(text: str, *offered: list[QuickReply]) -> str:
    """What the engine is asked when a customer types this."""
    key = ConversationKey("telegram", "1")
    return meaning(Incoming(key, "1", datetime(2026, 11, 21, tzinfo=UTC), text=text), offered, frozenset())


@pytest.mark.parametrize("text", ["la prima", "La prima!", "il primo, grazie", "quella prima", "si la prima",
                                  "the first one", "first", "1st option please", "intendo la prima cosa"])  # fmt: skip
def test_the_first_of_two(text: str) -> None:
    assert asked(text, WHICH, BEFORE) == "/bill_question"


@pytest.mark.parametrize("text", ["la seconda", "il secondo", "secondo", "ok la seconda che hai detto", "2nd",
                                  "I mean the second one", "The second, please."])  # fmt: skip
def test_the_second_of_two(text: str) -> None:
    assert asked(text, WHICH, BEFORE) == "/price_availability"


@pytest.mark.parametrize("text", ["prima", "Prima?", "la prima bolletta", "secondo me no", "la quarta", "primavera",
                                  "the first of may", "a second"])  # fmt: skip
def test_other_words_stay_words(text: str) -> None:
    assert asked(text, WHICH, BEFORE) == text


def test_a_place_in_a_list_needs_a_list() -> None:
    assert asked("la prima", [WHICH[2]], BEFORE) == "la prima"
    assert asked("la prima") == "la prima"


def test_of_pages_the_engine_is_asked_the_beginning() -> None:
    assert asked(f"/ quanto costa {'a ' * 2000}") == f"quanto costa {'a ' * 2000}"[:LONGEST].rstrip()
    assert asked(f"la prima{',' * 4000}", WHICH, BEFORE).startswith("la prima,"), "and that is no tap"


def test_digits_of_other_keyboards_are_digits() -> None:
    assert asked("il codice è VL ١٠٤٢٣٣, 104²") == "il codice è VL 104233, 104²"
