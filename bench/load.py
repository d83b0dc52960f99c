"""How customers write: at a fixed rate, as fast as they are answered, one after the other; and the arithmetic."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.customers import PROBE, ByWebhook, Counterpart, NotAnswered, line_of
from bench.wire import WireError

#: Told now and then: how much of the measurement is done, 0 to 1.
Progress = Callable[[float], None]
TOGETHER = 10  # sentences of one customer before another one comes: the length of a conversation


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0-1) of all values do not exceed; nan without values."""
    if not values:
        return math.nan
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


@dataclass
class Tally:
    """What happened to the messages of one measurement. Times in seconds."""

    times: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    began: float = 0.0
    ended: float = 0.0
    all: int = 0  # messages written, warm-up and last turns included: what the processor time was used for

    def summary(self) -> dict[str, object]:
        """Answered, failed, answers a second, percentiles in milliseconds."""
        seconds = self.ended - self.began
        return {
            "answered": len(self.times),
            "failed": sum(self.failures.values()),
            "failures": dict(self.failures),
            "all": self.all,
            "per_second": len(self.times) / seconds if seconds > 0 else 0.0,
            **{f"p{share}": percentile(self.times, share / 100) * 1000 for share in (50, 95, 99)},
        }


class Newcomers:
    """Gives each message its customer: a new one comes after TOGETHER sentences, so conversations stay short."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def customer(self, conversation: int) -> str:
        """The platform's id of a customer: digits, as on Messenger."""
        return f"{self._prefix}{conversation:07d}"


async def open_loop(
    to: Counterpart, newcomers: Newcomers, *, rate: float, seconds: float, progress: Progress, seed: int = 1
) -> Tally:
    """Messages arrive at `rate` a second at random moments (Poisson), whether or not the earlier are answered.

    Each is timed from the moment at which it was due, not from when it was sent: a late generator or a full queue
    in front of the server makes the numbers worse, never better (no coordinated omission). Customers take turns,
    so that each writes about every four seconds.
    """
    chance = random.Random(seed)
    tally = Tally(began=time.perf_counter())
    crowd = max(int(rate * 4), 1)
    tasks: list[asyncio.Task[None]] = []
    due = tally.began
    for number in itertools.count():
        due += chance.expovariate(rate)
        if due > tally.began + seconds:
            break
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        lap, place = divmod(number, crowd)
        conversation = (lap // TOGETHER) * crowd + place
        text = line_of(conversation, lap % TOGETHER)
        tasks.append(asyncio.create_task(_one(to, newcomers.customer(conversation), text, due, tally)))
        progress(min((due - tally.began) / seconds, 1))
    await asyncio.gather(*tasks)
    tally.ended = max(time.perf_counter(), tally.began + seconds)
    return tally


async def closed_loop(
    to: Counterpart, newcomers: Newcomers, *, conversations: int, seconds: float, warm_up: float, progress: Progress
) -> Tally:
    """`conversations` customers at once, each writing the next message as soon as the last one is answered."""
    numbers = itertools.count()
    begins = time.perf_counter() + warm_up
    tally = Tally(began=begins, ended=begins + seconds)

    async def one_after_the_other() -> None:
        while time.perf_counter() < tally.ended:
            conversation = next(numbers)
            for place in range(TOGETHER):
                now = time.perf_counter()
                if now > tally.ended:
                    return
                progress(max(now - begins, 0) / seconds)
                seen = Tally()
                await _one(to, newcomers.customer(conversation), line_of(conversation, place), now, seen)
                tally.all += 1
                if begins <= time.perf_counter() <= tally.ended:
                    tally.times += seen.times
                    tally.failures += seen.failures

    await asyncio.gather(*(one_after_the_other() for _ in range(conversations)))
    return tally


async def _one(to: Counterpart, customer: str, text: str, due: float, tally: Tally) -> None:
    tally.all += 1
    try:
        tally.times.append(await to.turn(customer, text) - due)
    except NotAnswered as error:
        tally.failures[str(error)] += 1
    except (WireError, OSError) as error:
        tally.failures[type(error).__name__] += 1


async def long_conversation(
    to: Counterpart, newcomers: Newcomers, *, places: Sequence[int], around: int, progress: Progress
) -> dict[str, list[float]]:
    """What a turn costs late in one conversation, in milliseconds: the median of `around` turns that end there.

    Each late turn is followed by the first turn of a new conversation, with the same sentence: a machine that was
    busy just then was so for both. Gives for each place [median there, median of the first turns beside it].
    """
    old, fresh = newcomers.customer(0), itertools.count(1)
    found: dict[str, list[float]] = {}
    number = 0
    for place in places:
        late: list[float] = []
        first: list[float] = []
        while number < place:
            number += 1
            if number <= place - around:
                await to.turn(old, line_of(0, number - 1))
            else:
                late.append(await _alone(to, old))
                first.append(await _alone(to, newcomers.customer(next(fresh))))
            progress(number / places[-1])
        found[str(place)] = [median(late) * 1000, median(first) * 1000]
    return found


async def _alone(to: Counterpart, customer: str) -> float:
    await asyncio.sleep(0.01)  # what the last answer left to do (the row "sent") is not this turn's cost
    due = time.perf_counter()
    return await to.turn(customer, PROBE) - due


async def acknowledgements(to: ByWebhook, newcomers: Newcomers, *, webhooks: int, connections: int) -> Tally:
    """`webhooks` deliveries over `connections` connections, each as soon as the last one is acknowledged."""
    numbers = iter(range(webhooks))
    tally = Tally(began=time.perf_counter())

    async def line() -> None:
        for number in numbers:
            began = time.perf_counter()
            try:
                await to.tell(newcomers.customer(number), line_of(number, 0))
                tally.times.append(time.perf_counter() - began)
            except NotAnswered as error:
                tally.failures[str(error)] += 1

    await asyncio.gather(*(line() for _ in range(connections)))
    tally.ended = time.perf_counter()
    return tally
