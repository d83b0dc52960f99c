"""The bot beside stock Rasa: as fast as they answer, at fixed rates, late in one conversation; memory and start."""

from __future__ import annotations

import time
from contextlib import ExitStack

from bench.bar import Bar
from bench.processes import busy_seconds, memory, processor_seconds
from bench.scale import Found, Scale
from bench.sides import Bot, Customers, empty_database
from bench.stock import Stock, StockModel

Side = Bot | Stock
KINDS = {"bot": "webhook", "stock": "rest"}


def steps(scale: Scale, *, stock: bool) -> int:
    """How many steps of the bar it takes."""
    one = len(scale.rates) + scale.closed_rounds + 1
    return 2 + one + (1 + one if stock else 0)


class Talk:
    """One run of this part."""

    def __init__(self, scale: Scale, found: Found, bar: Bar, stock: StockModel | None) -> None:
        self._scale, self._stock = scale, stock
        self.found, self._bar = found, bar

    def run(self) -> None:
        """Measure. Raises NotStarted, RuntimeError."""
        with ExitStack() as stack:
            customers = Customers(self._bar.show)
            stack.callback(customers.end)
            empty_database()
            first = self._bar.step("first start of the bot", lambda: Bot(customers.platform_port))
            first.end()
            bot = self._bar.step("second start of the bot", lambda: Bot(customers.platform_port))
            stack.callback(bot.end)
            self.found.starts["bot"] = bot.start_seconds
            sides: dict[str, Side] = {"bot": bot}
            if model := self._stock:
                sides["stock"] = stock = self._bar.step("start of stock Rasa", lambda: Stock(model))
                stack.callback(stock.end)
                self.found.starts["stock"] = stock.start_seconds
            self._saturate(customers, sides)
            for name, side in sides.items():
                self._open(customers, name, side)
            for name, side in sides.items():
                self._turns(customers, name, side)
                self.found.memory[name] = {part: memory(pids) for part, pids in side.pids.items()}

    def _saturate(self, customers: Customers, sides: dict[str, Side]) -> None:
        """Both sides by turns, several rounds: what else the machine does then hits both."""
        s = self._scale
        for number in range(s.closed_rounds):
            for name, side in sides.items():
                pids = side.pids
                ours = [customers.pid, *(pid for each in pids.values() for pid in each)]
                began, strangers = time.perf_counter(), busy_seconds() - processor_seconds(ours)
                before = {part: processor_seconds(p) for part, p in pids.items()}
                result = self._bar.step(
                    f"{name} at saturation, round {number + 1}",
                    lambda name=name, side=side: customers.do(  # type: ignore[misc]
                        "closed_loop",
                        KINDS[name],
                        side.port,
                        conversations=s.conversations,
                        seconds=s.closed_seconds,
                        warm_up=s.warm_up,
                    ),
                )
                messages = max(result["all"], 1)
                used = {part: (processor_seconds(p) - before[part]) * 1000 / messages for part, p in pids.items()}
                strangers = busy_seconds() - processor_seconds(ours) - strangers
                self.found.others.append(max(strangers / (time.perf_counter() - began), 0))
                self.found.closed.setdefault(name, []).append({**result, "processor": used})

    def _open(self, customers: Customers, name: str, side: Side) -> None:
        """Each rate in turn; a side that is far behind at one is not asked for a higher one."""
        for rate in self._scale.rates:
            result = self._bar.step(
                f"{name} at {rate}/s",
                lambda rate=rate: customers.do(  # type: ignore[misc]
                    "open_loop", KINDS[name], side.port, rate=rate, seconds=self._scale.open_seconds
                ),
            )
            self.found.open.setdefault(name, {})[rate] = result
            if result["per_second"] < rate * 0.8:
                break

    def _turns(self, customers: Customers, name: str, side: Side) -> None:
        places = self._scale.places if name == "bot" else self._scale.stock_places
        if places:
            self.found.turns[name] = self._bar.step(
                f"{name}: one long conversation",
                lambda: customers.do(
                    "long_conversation", KINDS[name], side.port, places=places, around=self._scale.around
                ),
            )
