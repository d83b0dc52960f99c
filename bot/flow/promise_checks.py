"""The company's systems are asked about a promise, before its owner is warned and the customer told or asked.

claim (a column) -> the engine's action asks the system -> kept | a new time, which the customer is told before they
ask | not yet | no answer, which is asked for again. Whoever dies in between is followed by the next one who sweeps.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.dialogue import EngineDown
from bot.flow import handoff
from bot.flow.promises import held, line, local, may_write, named, topic, with_button
from bot.flow.say import say
from bot.flow.scene import of_its_own
from bot.flow.way import Way
from bot.model.dialogue import HandoffRequest, PromiseAnswer
from bot.model.states import Status
from bot.store import promise_checks as store
from bot.store import promises

log = logging.getLogger(__name__)

SAME = timedelta(minutes=1)  # systems round


async def asked_about(way: Way, promise: Row[Any], silent: set[str], *, now: datetime) -> bool:
    """Ask, when it is time to, and keep the answer; True when one came.

    Kinds in `silent` are not asked: their system is down. One whose system gives no answer is added to them.
    """
    if not promise.check_text or promise.check_at > now or promise.kind in silent:
        return False
    if not await way.db.write(lambda connection: store.claim(connection, promise, now)):
        return False  # another process asks
    try:
        turn = await way.engine.ask(of_its_own(way, promise.check_text, language=promise.language))
    except EngineDown as error:
        log.warning("promise %s: %s", promise.id, error)
        silent.add(promise.kind)
        return False
    answer = turn.promise_answer
    if answer is None or answer.state == "no_answer":
        silent.add(promise.kind)
        return False
    await way.db.write(lambda connection: _keep(connection, way, promise.id, promise.due_at, answer, now))
    return True


def _keep(
    connection: Connection, way: Way, promise_id: int, due: datetime, answer: PromiseAnswer, now: datetime
) -> None:
    """What follows from the answer, unless the promise was settled or changed while the system was asked."""
    known = promises.get(connection, promise_id)
    if known is None:
        return
    conversation = held(connection, known)
    promise = promises.get(connection, promise_id, hold=True)
    if promise is None or promise.state != promises.OPEN or promise.due_at != due:
        return
    if answer.state == "kept":
        promises.settle(connection, promise, promises.KEPT, who="company", why="says it happened", now=now)
        line(connection, promise, "promise_done", now)
    elif answer.due and answer.due > now and abs(answer.due - due) > SAME:
        _moved(connection, way, conversation, promise, answer.due, now)
    else:
        said = store.NOT_YET if answer.state == "open" else store.UNKNOWN
        store.keep(connection, promise, said, now)


def _moved(
    connection: Connection, way: Way, conversation: Row[Any], promise: Row[Any], due: datetime, now: datetime
) -> None:
    """It happens at another time: the customer is told before they ask; where the bot may not write, a person tells."""
    promises.put_off(connection, promise, due, who="company", why="another time", now=now)
    if not may_write(way, conversation, now):
        task(connection, way, conversation, promise, now, code="promise_moved_tell")
        return
    language = conversation.language
    text = way.texts.say(
        "promise_moved", language, what=named(way, promise, language), when=local(way, due, now, language)
    )
    say(connection, way, conversation, with_button(way, conversation, text), now=now)
    line(connection, promise, "promise_moved", now)


def task(
    connection: Connection, way: Way, conversation: Row[Any], promise: Row[Any], now: datetime,
    *, code: str = "promise_tell",
) -> None:  # fmt: skip
    """The bot may not write: a person has the word already, or gets the case."""
    line(connection, promise, code, now)
    if conversation.status in (Status.BOT, Status.CLOSED) and conversation.channel in way.channels:
        wanted = HandoffRequest("promise_late", topic(connection, promise), promise.what)
        handoff.request(connection, way, conversation, wanted, who="time", silently=True, now=now)
