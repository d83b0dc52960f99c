"""What is measured, in which order; each part can be measured alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial

from bench import acks, engines, inbox, live, pulling, size, talk, waits
from bench.bar import Bar
from bench.scale import Found, Scale
from bench.stock import StockModel

#: The parts, in their order: name -> the question.
PARTS: Mapping[str, str] = {
    "desk": "the desk's pages on a large store",
    "queue": "many agents pull from one queue",
    "live": "a new case on the screen of its agent",
    "waits": "thirty simulated days of stated waits",
    "acks": "acknowledging webhooks",
    "size": "a turn among many conversations",
    "engines": "two engines beside one",
    "talk": "the whole way of a message, beside stock Rasa",
}


class Plan:
    """One run."""

    def __init__(self, scale: Scale, stock: StockModel | None, *, only: Collection[str] = tuple(PARTS)) -> None:
        """`stock` and `only`: None and some where not everything is measured."""
        self._scale, self._stock = scale, stock
        self._only = [name for name in PARTS if name in only]
        self.found = Found()
        more = talk.steps(scale, stock=stock is not None) - 1 if "talk" in self._only else 0
        self._bar = Bar(len(self._only) + more)

    def run(self) -> Found:
        """Measure. Raises NotStarted, RuntimeError."""
        scale, found, show = self._scale, self.found, self._bar.show
        work: dict[str, Callable[[], object]] = {
            "desk": lambda: found.inbox.update(inbox.measure(scale.inbox)),
            "queue": lambda: found.pulling.update(pulling.measure(scale.pulling)),
            "live": lambda: found.live.update(live.measure(scale.live)),
            "waits": lambda: found.waits.update(waits.simulated(scale.wait_seeds)),
            "acks": lambda: found.acks.update(acks.measure(scale.acks, show)),
            "size": lambda: found.size.update(size.measure(scale.size)),
            "engines": lambda: found.engines.update(engines.measure(scale.engines, show)),
        }
        try:
            for name in self._only:
                if name in work:
                    self._bar.step(PARTS[name], partial(work[name]))
                else:
                    talk.Talk(scale, found, self._bar, self._stock).run()
        finally:
            self._bar.close()
        return found
