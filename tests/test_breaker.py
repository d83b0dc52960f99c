"""The breaker of one engine: when it opens, when it lets a turn try, when it closes."""

from __future__ import annotations

from bot.breaker import FIRST_PAUSE, Breaker, State


class Now:
    """A time that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def broken(breaker: Breaker, times: int = 4) -> Breaker:
    for _ in range(times):
        breaker.asking()
        breaker.failed("too slow")
    return breaker


def test_it_opens_after_failures_in_a_row_and_says_so_once() -> None:
    changes: list[tuple[State, str]] = []
    breaker = broken(Breaker(lambda state, why: changes.append((state, why))), 3)
    assert breaker.lets_through and not changes
    broken(breaker, 3)
    assert not breaker.lets_through
    assert changes == [(State.OPEN, "too slow; 4 failures in a row")]


def test_a_success_between_and_failures_long_ago_do_not_count() -> None:
    now = Now()
    breaker = broken(Breaker(clock=now), 3)
    breaker.succeeded()
    broken(breaker, 3)
    assert breaker.lets_through
    now.now += 31
    broken(breaker, 3)
    assert breaker.lets_through
    broken(breaker, 1)
    assert not breaker.lets_through


def test_one_turn_at_a_time_finds_out_whether_it_works_again() -> None:
    breaker = broken(Breaker())
    breaker.answers_a_look()
    assert breaker.state == State.HALF_OPEN and breaker.lets_through
    breaker.asking()
    assert not breaker.lets_through
    breaker.abandoned()  # the customer's turn was cut short: the next one decides
    assert breaker.lets_through
    breaker.asking()
    breaker.succeeded()
    assert breaker.state == State.CLOSED
    broken(breaker, 3)
    assert breaker.lets_through, "the old failures are forgotten"


def test_an_engine_that_answers_looks_and_fails_at_turns_is_tried_less_and_less_often() -> None:
    now = Now()
    breaker = broken(Breaker(clock=now))
    for pause in (FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4):
        breaker.answers_a_look()
        breaker.asking()
        breaker.failed("too slow")
        now.now += pause - 0.01
        breaker.answers_a_look()
        assert breaker.state == State.OPEN
        now.now += 0.01
    breaker.answers_a_look()
    breaker.asking()
    breaker.succeeded()
    assert breaker.state == State.CLOSED


def test_a_look_without_an_answer_opens_it_at_once() -> None:
    breaker = Breaker()
    breaker.trip("it hangs")
    assert breaker.state == State.OPEN
