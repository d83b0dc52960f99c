"""`engine swap`, `engine back`, `engine list`: another model for the engine of this place.

The command trains and tries the new model beside the service and then asks for the move; the service that owns the
engine makes it (bot/exchange.py), so that no turn fails. Engines that somebody else runs (ENGINE_URL) are exchanged
by whoever runs them: docs/operations.md, "New content".
"""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bot.children import Children, ChildrenFailed
from bot.dialogue import Dialogue
from bot.exchange import file_of, name_of, place_of
from bot.flow.way import Way
from bot.operations.rehearse import Difference, Rehearsal, of_files, rehearse, stored
from bot.pair import ChildrenSettings, next_pair
from bot.redact import Redactor
from bot.store import engine_moves
from bot.training import TrainingFailed, kept_models

#: Below these shares the new model is refused: of messages that customers wrote, of the test conversations.
STORED, CONVERSATIONS = 0.9, 0.95
#: Differences that are printed of each kind; and seconds in which a running service takes up what is asked for.
SHOWN, TAKEN_UP = 20, 10.0
PROGRESS = {
    "coming": "Model {model} is started as a second engine; turns move over when it is warm.",
    "done": "Model {model} is in use.",
}
ELSEWHERE = (
    "ENGINE_URL is set: these engines are not children of this service, and whoever runs them exchanges them.\n"
    'How, without one failed turn: docs/operations.md, "New content". `engine try URL` tries a new one first.'
)


async def swap(way: Way, settings: ChildrenSettings, *, most: int, anyway: bool) -> str:
    """The content's model into service, when it does well enough; what is wrong, "" when it is done."""
    children = Children(settings)
    try:
        model = await children.train()
        print(f"Model {name_of(model)}: a second engine is started to try it.", flush=True)
        async with _beside(settings, model) as url:
            problem, report = await _tried(way, url, settings.root, most)
    except (TrainingFailed, ChildrenFailed) as error:
        return str(error)
    if problem and not anyway:
        return f"{problem} It was not put into service; to do it all the same: engine swap --anyway"
    if problem:
        print(f"{problem} It is put into service all the same.", flush=True)
    return await _ask_for(way, settings, name_of(model), "swap", report)


async def back(way: Way, settings: ChildrenSettings) -> str:
    """The model before the one in use; what is wrong, "" when it is done."""
    place = place_of(settings.data)
    models = await way.db.read(partial(engine_moves.models, place=place))
    there = [model for model in models[1:] if file_of(settings.data, model).exists()]
    if not there:
        return "There is no model to go back to: none was in use before, or its file is gone."
    return await _ask_for(way, settings, there[0], "back", None)


async def try_at(way: Way, url: str, root: Path, *, most: int) -> str:
    """Try an engine that somebody else started; what is wrong with it, "" when it does well enough."""
    problem, _ = await _tried(way, url, root, most)
    return problem


async def show(way: Way, settings: ChildrenSettings) -> str:
    """The models that are kept, and the last moves."""
    place = place_of(settings.data)
    moves = await way.db.read(partial(engine_moves.last, place=place))
    in_use = next((row.model for row in moves if row.state == "done"), "")
    for model in kept_models(settings.data / "models"):
        print(f"{name_of(model):20} {'in use' if name_of(model) == in_use else ''}")
    for row in moves:
        print(f"{row.asked_at:%Y-%m-%d %H:%M} {row.why:7} {row.model:20} {row.state:7} {row.who} {row.problem or ''}")
    return ""


@asynccontextmanager
async def _beside(settings: ChildrenSettings, model: Path) -> AsyncIterator[str]:
    """An engine of its own with this model, without actions: a rehearsal calls none."""
    pair = next_pair(settings, os.environ)
    if pair is None:
        raise ChildrenFailed("There is no free port for a second engine.")
    (settings.data / "logs").mkdir(parents=True, exist_ok=True)
    pair.begin_engine(model)
    try:
        async with Dialogue(pair.url) as dialogue, asyncio.timeout(settings.start_timeout):
            while not await dialogue.ready():
                if pair.engine and pair.engine.starts > 1:
                    raise ChildrenFailed(f"The engine does not start with it: see {pair.engine.log}.")
                await asyncio.sleep(0.2)
        yield pair.url
    except TimeoutError:
        raise ChildrenFailed("The engine does not start with it: see data/logs/engine.log.") from None
    finally:
        await pair.end()


async def _tried(way: Way, url: str, root: Path, most: int) -> tuple[str, dict[str, Any]]:
    """What is wrong with the engine there, and how it did in numbers."""
    problems: list[str] = []
    report: dict[str, Any] = {}
    of_customers = await way.db.read(partial(stored, most=most))
    for name, said, least in (
        ("stored messages", of_customers, STORED),
        ("test conversations", list(of_files(root / "tests" / "content")), CONVERSATIONS),
    ):
        done = await rehearse(url, said)
        print(_words(name, done), flush=True)
        report[name] = {"asked": done.asked, "differ": len(done.differ), "other words": len(done.other_words)}
        if done.agreement < least:
            problems.append(f"Of the {name} it takes {done.agreement:.0%} as before, less than {least:.0%}.")
    return " ".join(problems), report


def _words(name: str, done: Rehearsal) -> str:
    """The report as it is printed. Customers' words are blacked out as in a log: this may be pasted elsewhere."""
    if not done.asked:
        return f"{name}: there are none here"
    lines = [f"{name}: {done.asked - len(done.differ)} of {done.asked} as before ({done.agreement:.1%})"]
    lines += _shown("", done.differ)
    if done.other_words:
        lines.append(f"  {len(done.other_words)} of them in other words")
        lines += _shown("  ", done.other_words)
    return "\n".join(lines)


def _shown(indent: str, differences: Sequence[Difference]) -> list[str]:
    black = Redactor(()).text
    lines = [
        f"{indent}  {one.said.where}: “{black(one.said.text)[:100]}”\n"
        f"{indent}      was {black(one.was)[:100]}\n{indent}      now {black(one.now)[:100]}"
        for one in differences[:SHOWN]
    ]
    return lines + ([f"{indent}  … and {len(differences) - SHOWN} more"] if len(differences) > SHOWN else [])


async def _ask_for(way: Way, settings: ChildrenSettings, model: str, why: str, report: dict[str, Any] | None) -> str:
    """Leave the wish for the service, and tell what becomes of it."""
    place, content = place_of(settings.data), name_of(Children(settings).content.model())
    move = await way.db.write(
        lambda connection: engine_moves.add(
            connection, place, model=model, content=content, why=why, who=_who(), now=way.clock(), report=report
        )
    )
    state, waited = "asked", 0.0
    while True:
        row = await way.db.read(partial(engine_moves.get, move_id=move))
        if row.state != state and row.state in PROGRESS:
            print(PROGRESS[row.state].format(model=model), flush=True)
        state = row.state
        if state in ("done", "failed"):
            return f"It was not exchanged: {row.problem}" if state == "failed" else ""
        if state == "asked" and waited > TAKEN_UP:
            print(f"No service with an engine of its own runs here: it takes model {model} at its next start.")
            return ""
        await asyncio.sleep(0.2)
        waited += 0.2


def _who() -> str:
    try:
        return getpass.getuser()[:64]
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
