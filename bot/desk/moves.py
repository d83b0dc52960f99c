"""What an agent does in a conversation: take, reply, note, give back, back to the queue, close, try again, typing.

Every refusal is a sentence on the same page. The script sends the same forms and gets the sentence as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.desk import pass_on, promise_pages
from bot.desk.cards import window_until
from bot.desk.look import Look, wants_json, whole
from bot.desk.pages import OUTCOMES, new_form
from bot.desk.pictures import NotAPicture, fit_to_send
from bot.flow import handoff, promises, queue, transfer
from bot.flow.say import speaker_of
from bot.flow.way import Way
from bot.model.errors import Refused
from bot.model.messages import ConversationKey
from bot.model.replies import Reply
from bot.model.roles import OVERSEERS
from bot.model.states import Author, Outcome, Status
from bot.store import agents, audit, conversations, inbox, lists, outgoing
from bot.store.erasure import is_erased

#: What a move did, for the audit (audit.add's keywords): codes and numbers, never words; None: nothing to do.
Done = Mapping[str, Any] | None

LONGEST = 8000  # characters of one reply: more is a paste by mistake
TYPING_EVERY = timedelta(seconds=4)  # platforms show "typing" for some seconds
TYPING_PATIENCE = 5.0  # seconds; nobody waits for it

#: Sentences for what the flow refuses; for all else, that something changed meanwhile.
_REFUSED = {
    "someone was faster": "faster",
    "not waiting": "not_waiting",
    "not yours": "not_yours",
    "nobody": "nobody",
    "no case": "no_case",
    "open promise": "open_promise",
    "time is over": "promise_no_time",
    "channel off": "channel_off",
    "window over": "window_over",
}


async def take(look: Look) -> web.StreamResponse:
    """Take a waiting customer; the loser of a race is told who has it."""
    return await _move(
        look, Status.AGENT, lambda c, opened: handoff.claim(c, look.way, opened, look.me, now=look.way.clock())
    )


async def give_back(look: Look) -> web.StreamResponse:
    """The bot goes on."""
    return await _move(
        look, Status.BOT, lambda c, opened: handoff.give_back(c, look.way, opened, look.me, now=look.way.clock())
    )


async def requeue(look: Look) -> web.StreamResponse:
    """Back to the queue, with a word for whoever is next. A lead may do it for a colleague who is away."""
    why = look.text("text")[:500]

    def work(connection: Connection, opened: Row[Any]) -> None:
        agent = look.me
        if opened.agent_id and opened.agent_id != look.me.id and look.me.role in OVERSEERS:
            agent = agents.get(connection, opened.agent_id) or look.me
            word = look.words("requeued_for", who=agent.name)
            handoff.note(connection, opened, look.me, word, now=look.way.clock())
        handoff.requeue(connection, look.way, opened, agent, why, now=look.way.clock())

    return await _move(look, Status.WAITING, work)


async def mark(look: Look) -> web.StreamResponse:
    """Set or take away a mark that only a person can know."""
    code, on = look.text("code"), look.text("on") == "yes"

    def work(connection: Connection, opened: Row[Any]) -> Done:
        changed = queue.mark(connection, look.way, opened, look.me, code, on=on, now=look.way.clock())
        return {"mark" if on else "unmark": code} if changed else None

    return await _do(look, work)


async def hand_on(look: Look) -> web.StreamResponse:
    """To a colleague or a team."""
    return await _do(look, lambda connection, opened: pass_on.passes(connection, look, opened))


async def ask_in(look: Look) -> web.StreamResponse:
    """A colleague is asked to look at it."""
    return await _do(look, lambda connection, opened: pass_on.asks_in(connection, look, opened))


async def helped(look: Look) -> web.StreamResponse:
    """The colleague who was asked is done."""

    def work(connection: Connection, opened: Row[Any]) -> Done:
        transfer.helped(connection, opened, look.me, now=look.way.clock())
        return {}

    return await _do(look, work)


async def close(look: Look) -> web.StreamResponse:
    """The case is done; the customer is asked whether it is."""
    chosen = look.text("outcome")
    if chosen not in OUTCOMES:
        return _answer(look, "no_outcome", ok=False)
    return await _move(
        look,
        Status.CLOSED,
        lambda c, opened: handoff.close(c, look.way, opened, look.me, Outcome(chosen), now=look.way.clock()),
        outcome=chosen,
    )


async def reply(look: Look) -> web.StreamResponse:
    """A person's words, with or without an image."""
    text, once = look.text("text"), look.text("once")[:64]
    if len(text) > LONGEST:
        return _answer(look, "too_long", ok=False)
    try:
        image = await _image(look)
    except NotAPicture as error:
        return _answer(look, error.reason, ok=False)
    if not text and not image:
        return _answer(look, "empty", ok=False)
    made = await promise_pages.read_promises(look, text)
    if any(one.due for one in made) and look.text("promised") not in ("yes", "no"):
        return promise_pages.held(look, made, Path(image).stem if image else "")

    def work(connection: Connection, opened: Row[Any]) -> Done:
        _check_window(look.way, opened)
        to_record = promise_pages.chosen(look, made)
        said = Reply(text, image=image)
        message_id = handoff.reply(connection, look.way, opened, look.me, said, now=look.way.clock())
        promises.record(connection, opened.id, look.me, message_id, to_record, now=look.way.clock())
        inbox.keep_form(connection, message_id, once)
        return {"message": message_id, "promises": len(to_record)}

    return await _once(look, once, text, work)


async def note(look: Look) -> web.StreamResponse:
    """A line for colleagues only."""
    text, once = look.text("text"), look.text("once")[:64]
    if not text or len(text) > LONGEST:
        return _answer(look, "too_long" if text else "empty", ok=False)

    def work(connection: Connection, opened: Row[Any]) -> Done:
        message_id = handoff.note(connection, opened, look.me, text, now=look.way.clock())
        inbox.keep_form(connection, message_id, once)
        return {"message": message_id}

    return await _once(look, once, text, work)


async def retry(look: Look) -> web.StreamResponse:
    """Try a failed send again."""
    outgoing_id = whole(look.text("outgoing")) or 0

    def work(connection: Connection, opened: Row[Any]) -> Done:
        row = inbox.failed_row(connection, outgoing_id, opened.id)
        if row is None:
            raise Refused("no such row")
        if row.author == Author.AGENT and (opened.status != Status.AGENT or opened.agent_id != look.me.id):
            raise Refused("not yours")
        if not outgoing.retry(connection, row.id, look.way.clock()):
            return None
        conversations.tell(connection, opened.id, "delivery", look.way.clock())
        return {"outgoing": row.id}

    return await _do(look, work)


async def typing(look: Look) -> web.StreamResponse:
    """Show the customer that a person is typing; at most every TYPING_EVERY."""
    id_, now, typed = look.number("id"), look.way.clock(), look.desk.typed
    if id_ in typed and now - typed[id_] < TYPING_EVERY:
        return web.Response(status=204)
    if len(typed) > 1000:
        typed.clear()
    typed[id_] = now
    opened = await look.way.db.read(lambda connection: conversations.get(connection, id_))
    channel = look.way.channels.get(opened.channel) if opened else None
    if opened and channel and opened.status == Status.AGENT and opened.agent_id == look.me.id:
        handle = await look.way.db.read(lambda connection: agents.handle(connection, look.me, channel.name))
        speaker = speaker_of(look.way, look.me, handle)
        with contextlib.suppress(TimeoutError):
            key = ConversationKey(opened.channel, opened.chat)
            await asyncio.wait_for(channel.typing(key, speaker), TYPING_PATIENCE)
    return web.Response(status=204)


async def _move(
    look: Look, to: Status, work: Callable[[Connection, Row[Any]], object], **details: str
) -> web.StreamResponse:
    """A move; asking twice for one's own move (a double click, a reload) is no mistake."""

    def unless_done(connection: Connection, opened: Row[Any]) -> Done:
        last = inbox.last_move(connection, opened.id) if opened.status == to else None
        if last and last.agent_id == look.me.id:
            return None
        work(connection, opened)
        of_another = opened.agent_id and opened.agent_id != look.me.id
        return {**details, "person_id": opened.agent_id} if of_another else details

    return await _do(look, unless_done)


async def _once(
    look: Look, once: str, text: str, work: Callable[[Connection, Row[Any]], Done]
) -> web.StreamResponse:
    """Send, unless this form was sent already. A form that came back with other words is a new one."""
    if not once.startswith("form:"):
        return _answer(look, "again", ok=False)

    def unless_sent(connection: Connection, opened: Row[Any]) -> Done:
        sent = inbox.sent_with(connection, opened.id, once)
        return work(connection, opened) if sent is None or sent.text != text else None

    return await _do(look, unless_sent)


async def _do(look: Look, work: Callable[[Connection, Row[Any]], Done]) -> web.StreamResponse:
    """Run `work` in one transaction that holds the conversation, with the row that says who did it, and answer with a
    sentence.
    """
    id_ = look.number("id")

    def checked(connection: Connection) -> None:
        opened = conversations.get(connection, id_, hold=True)
        if opened is None:
            raise Refused("no such conversation")
        if opened.channel not in look.way.channels:
            raise Refused("channel off")
        if is_erased(opened):  # a page that was open before: its words would be the only ones that are left
            raise Refused("erased")
        details = work(connection, opened)
        if details is not None:
            kind = look.request.path.rpartition("/")[2]
            audit.add(connection, kind, look.me.id, conversation_id=id_, now=look.way.clock(), **details)

    try:
        await look.way.db.write(checked)
    except Refused as refused:
        if refused.reason == "no such conversation":
            raise web.HTTPNotFound from None
        code = _REFUSED.get(refused.reason, "changed")
        if code == "not_yours" and not refused.who:
            code = "not_in_hand"
        return _answer(look, code, ok=False, who=refused.who)
    look.way.committed()
    if look.text("next") == "shift" and not wants_json(look.request):
        raise web.HTTPSeeOther("/desk/shift")
    return _answer(look, "", ok=True)


def _answer(look: Look, notice: str, *, ok: bool, who: str | None = None) -> web.Response:
    """The sentence: as data for the script, else on the conversation's page."""
    w = look.words
    if wants_json(look.request):
        sentence = w(f"notice.{notice}", who=who or w("a_colleague")) if notice else ""
        return web.json_response({"ok": ok, "notice": sentence, "once": new_form()})
    tab = look.text("tab")
    query = "&".join(
        [*([f"tab={tab}"] if tab in lists.TABS else []), *([f"notice={notice}"] if notice else [])]
    )
    raise web.HTTPSeeOther(f"/desk/c/{look.number('id')}" + (f"?{query}" if query else ""))


def _check_window(way: Way, opened: Row[Any]) -> None:
    until = window_until(way.channels.get(opened.channel), opened.last_customer_at)
    if until and until <= way.clock():
        raise Refused("window over")


async def _image(look: Look) -> str | None:
    """The uploaded image, decoded and kept as a file; its path. Raises NotAPicture."""
    data = look.upload("image")
    if data:
        return await asyncio.to_thread(_keep, look.way.cache, data)
    kept = look.text("kept")  # of a reply that was held: a form cannot be given its file again
    file = look.way.cache / "replies" / f"{kept}.jpg"
    return str(file) if re.fullmatch(r"[0-9a-f]{32}", kept) and file.is_file() else None


def _keep(cache: Path, data: bytes) -> str:
    image = fit_to_send(data)
    file = cache / "replies" / f"{hashlib.sha256(image).hexdigest()[:32]}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image)
    return str(file)


Act = Callable[[Look], Awaitable[web.StreamResponse]]

#: The last part of the address of each form.
ACTIONS: dict[str, Act] = {
    "take": take,
    "reply": reply,
    "note": note,
    "back": give_back,
    "queue": requeue,
    "mark": mark,
    "pass": hand_on,
    "ask": ask_in,
    "helped": helped,
    "close": close,
    "retry": retry,
    "typing": typing,
    "promise": promise_pages.hint,
}
