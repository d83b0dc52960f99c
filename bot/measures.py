"""What is measured along the way of a message, for Prometheus. One object a process, handed to every step.

Each use costs about a microsecond: children with their labels are looked up once. Labels are names of ours
(channels, outcomes, states), never anything a customer chose: each new value is a series that is kept for ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: Seconds. The promise is an answer within one; the engine gives up after ten.
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
#: Seconds that a stored event waited for its turn: long after a restart, or while the engine is down.
WAITED = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0)

#: How a turn's words in the log become a label, the first that fits.
OUTCOMES = (
    ("handed_over", re.compile(r"^\S* \d\.\d\d handoff ")),
    ("answered", re.compile(r"^\S* \d\.\d\d$")),
    ("engine_down", re.compile(r"^engine down")),
    ("aside", re.compile(r"^aside")),
    ("again", re.compile(r"^(again|done by another|another took over)")),
    ("cannot_read", re.compile(r"^cannot read")),
    ("kept", re.compile(r"^(kept|told)")),
    ("noted", re.compile(r"^(edited|read|blocked|unblocked|echo)\b")),
)


def outcome_of(words: str) -> str:
    """The label for what a turn came to; "by_ourselves" for buttons that need no engine."""
    return next((label for label, pattern in OUTCOMES if pattern.match(words)), "by_ourselves")


class Measures:
    """The counters and histograms of one process, in `registry`."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        self._received = Counter(
            "sportello_received", "Events that arrived: new, known, not stored.", ["channel", "kind"], registry=registry
        )
        self._stored = Histogram(
            "sportello_store_seconds", "From arrived to stored; only then the platform is told.",
            registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self._turns = Counter("sportello_turns", "Turns by what they came to.", ["outcome"], registry=registry)
        self._turn = Histogram(
            "sportello_turn_seconds", "A whole turn, kept and committed.", registry=registry, buckets=SECONDS
        )
        self._waited = Histogram(
            "sportello_wait_seconds", "From stored to its turn.", registry=registry, buckets=WAITED
        )
        self._engine = Histogram(
            "sportello_engine_seconds", "A question to the engine.", ["result"], registry=registry, buckets=SECONDS
        )
        self._again = Counter(
            "sportello_engine_again", "Turns that another engine was asked, too.", registry=registry
        )
        self._engines = Gauge(
            "sportello_engines", "Engines by their breaker's state.", ["state"], registry=registry
        )
        self._gone = Gauge(
            "sportello_redis_gone", "1 while Redis is configured and does not answer.", registry=registry
        )
        self._memory = Gauge(
            "sportello_engine_memory_bytes", "Memory of the engine that is this process's child.", registry=registry
        )
        self._deliveries = Counter(
            "sportello_deliveries", "Calls to a platform by result.", ["channel", "state"], registry=registry
        )
        self._delivery = Histogram(
            "sportello_delivery_seconds", "A call to a platform.", ["channel"], registry=registry, buckets=SECONDS
        )
        self.engines({"closed": 0, "open": 0, "half_open": 0})
        self._new = cache(self._received.labels)
        self._result = cache(self._engine.labels)
        self._state = cache(self._deliveries.labels)
        self._call = cache(self._delivery.labels)
        self._outcome = cache(self._turns.labels)

    def received(self, channel: str, new: int, known: int, seconds: float) -> None:
        """A delivery was stored, in so long: so many new events, so many that were known."""
        self._stored.observe(seconds)
        self._new(channel, "new").inc(new)
        if known:
            self._new(channel, "known").inc(known)

    def refused(self, channel: str, number: int) -> None:
        """A delivery could not be stored: the platform was not told 200, and sends it again."""
        self._new(channel, "not_stored").inc(number)

    def turned(self, words: str, seconds: float, waited: float) -> None:
        """A turn ended, with these words in the log; it had waited for so long."""
        self._outcome(outcome_of(words)).inc()
        self._turn.observe(seconds)
        self._waited.observe(max(waited, 0.0))

    def asked(self, result: str, seconds: float) -> None:
        """The engine was asked: ok, refused or down."""
        self._result(result).observe(seconds)

    def asked_again(self) -> None:
        """An engine failed, and the turn goes to another."""
        self._again.inc()

    def engines(self, states: Mapping[str, int]) -> None:
        """How many engines there are in each state of their breakers."""
        for state, number in states.items():
            self._engines.labels(state).set(number)

    def engine_memory(self, size: int) -> None:
        """The child engine holds so many bytes."""
        self._memory.set(size)

    def called(self, channel: str, state: str, seconds: float) -> None:
        """A platform was called; `state` is what became of the row."""
        self._state(channel, state).inc()
        self._call(channel).observe(seconds)

    def redis(self, *, gone: bool) -> None:
        """Whether Redis, where there should be one, does not answer."""
        self._gone.set(gone)
