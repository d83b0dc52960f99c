"""The desk's one screen: the lists, and one conversation with its packet side by side."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection, Row

from bot.desk.cards import packet_view, read_card, window_view
from bot.desk.clocks import clocks_view
from bot.desk.look import Look, whole
from bot.desk.route import read_route, route_view
from bot.desk.timeline import timeline
from bot.model.roles import OVERSEERS, SEE_EVERY_CASE
from bot.model.states import Outcome, Status
from bot.model.windows import notice
from bot.store import cases, inbox, windows
from bot.store import lists as lists_
from bot.store.erasure import is_erased

_OPEN = (Status.WAITING, Status.AGENT)
LONGEST_QUERY = 80  # characters

#: How an agent may close; the other outcomes come with moves of their own.
OUTCOMES = (Outcome.SOLVED, Outcome.INFORMED, Outcome.NOT_OURS, Outcome.NO_ANSWER, Outcome.DUPLICATE)


async def lists(look: Look) -> web.StreamResponse:
    """The lists alone."""
    return await look.way.db.screen(lambda connection: _screen(look, {**_read_lists(connection, look), "open": None}))


async def conversation(look: Look) -> web.StreamResponse:
    """The lists and one conversation. 404 when there is no such conversation."""
    conversation_id, glances = look.number("id"), look.way.glances
    looking = await glances.lookers(conversation_id) if glances else None

    def read(connection: Connection) -> web.Response | None:
        opened = inbox.conversation(connection, conversation_id)
        if opened is None:
            return None
        route = read_route(connection, look, opened, looking)
        data = {**_read_lists(connection, look), **_read_conversation(connection, look, opened), **route}
        return _screen(look, {**data, **_open_view(look, data), **route_view(look, data)})

    screen = await look.way.db.screen(read)
    if screen is None:
        raise web.HTTPNotFound
    return screen


def _screen(look: Look, data: dict[str, Any]) -> web.Response:
    """In the screens' own thread, too: what is put into words in the loop keeps everyone waiting."""
    listed = data["listed"].rows
    if _tab(look) == lists_.CLOSING and not data["query"]:
        # not those that were closed since they were found
        listed = [row for row in listed if row.status in _OPEN or row.promise]
    shown = {
        **data,
        "rows": _rows(look, listed, data),
        "tab": _tab(look),
        "tabs": [tab for tab in _tabs(look) if tab != lists_.CLOSING],
        "paged": "after" in look.request.query,
        "notice": _notice(look, data.get("open")),
        "path": look.request.path,
    }
    return look.page("main.html" if look.part else "desk.html", **shown)


def _rows(look: Look, listed: Sequence[Row[Any]], data: dict[str, Any]) -> list[Markup]:
    w, tab, here = look.words, _tab(look), data["open"].id if data["open"] else None
    return [
        look.desk.rows.html(
            w,
            row,
            look.me.id,
            channel=look.way.channels.get(row.channel),
            here=row.id == here,
            tab=tab,
            query=data["query"],
        )
        for row in listed
    ]


def _tab(look: Look) -> str:
    tabs, tab = _tabs(look), look.request.query.get("tab", "")
    return tab if tab in tabs else tabs[0]


def _tabs(look: Look) -> tuple[str, ...]:
    """Who sees only cases of their own has only that list."""
    return (*lists_.TABS, lists_.CLOSING) if look.me.role in SEE_EVERY_CASE else ("mine",)


def _query(look: Look) -> str:
    """What is searched for; only who sees every case may search among them."""
    return look.request.query.get("q", "").strip()[:LONGEST_QUERY] if look.me.role in SEE_EVERY_CASE else ""


def _read_lists(connection: Connection, look: Look) -> dict[str, Any]:
    lead, after, query = look.me.role in OVERSEERS, look.request.query.get("after"), _query(look)
    now, closing = look.way.clock(), _closing(look)
    if query:
        listed = lists_.Listed(lists_.found(connection, query), None)
    elif _tab(look) == lists_.CLOSING:
        near = windows.closing(connection, closing, None if lead else look.me.id)
        listed = lists_.Listed(lists_.chosen(connection, near[: lists_.SHOWN]), None)
    else:
        listed = lists_.listed(connection, _tab(look), look.me.id, after=after, lead=lead)
    counts = lists_.counts(connection, look.me.id, lead=lead, closing=closing, now=now)
    offers, calls = lists_.calls(connection, look.me.id, lead=lead)
    return {
        "listed": listed,
        "query": query,
        "may_search": look.me.role in SEE_EVERY_CASE,
        "closing": counts.closing,
        "offers": offers if look.me.role in SEE_EVERY_CASE else [],
        "calls": calls,
        "overdue": counts.overdue,
        "waiting": counts.waiting if look.me.role in SEE_EVERY_CASE else 0,
        "mine": counts.mine + counts.asked,
        "asked": counts.asked,
        "to_answer": counts.to_answer,
        "latest": counts.latest,
    }


def _closing(look: Look) -> list[windows.Closing]:
    """Where the platforms' windows close soon."""
    now = look.way.clock()
    if look.me.role not in SEE_EVERY_CASE:
        return []
    return [
        windows.Closing(name, now - length, now - length + notice(length))
        for name, channel in look.way.channels.items()
        for length in channel.abilities.windows
    ]


def _read_conversation(connection: Connection, look: Look, opened: Row[Any]) -> dict[str, Any]:
    before = whole(look.request.query.get("before", ""))
    rows, older = inbox.thread(connection, opened.id, before=before)
    moves = cases.moves_of(connection, opened.id)
    if older:
        moves = [move for move in moves if move.at >= rows[0].at]
    newer = inbox.written_at(connection, opened.id, before) if before else None
    if newer:
        moves = [move for move in moves if move.at < newer]  # the others are on the page that begins with it
    return {
        "open": opened,
        "thread": rows,
        "older": rows[0].id if older else None,
        "newer": before is not None,
        "moves": moves,
        "sendings": inbox.deliveries(connection, [row.id for row in rows]),
        "card": read_card(connection, opened),
    }


def _open_view(look: Look, data: dict[str, Any]) -> dict[str, Any]:
    w, opened, card = look.words, data["open"], data["card"]
    channel = look.way.channels.get(opened.channel)
    window = window_view(channel, opened.last_customer_at, w.now)
    return {
        "entries": timeline(w, data["thread"], data["moves"], data["sendings"]),
        "packet": packet_view(w, card["packet"].body) if card and card["packet"] else None,
        "clocks": clocks_view(w, card["clocks"]) if card else None,
        "mode": _mode(look, opened, off=channel is None),
        "once": new_form(),
        "window": window,
        "personas": bool(channel and channel.abilities.personas),
        "outcomes": OUTCOMES,
        "images": shown_images(data["thread"]),
        "may_erase": look.me.role in OVERSEERS,
        "erased": is_erased(opened),
    }


def _mode(look: Look, opened: Row[Any], *, off: bool) -> str:
    """What this person can do here: it decides which controls are shown."""
    if is_erased(opened):
        return "erased"
    if off:
        return "off"
    if opened.status == Status.AGENT:
        return "mine" if opened.agent_id == look.me.id else "other"
    return "waiting" if opened.status == Status.WAITING else "quiet"


def new_form() -> str:
    """A form's own word: what was sent with it is not sent again."""
    return "form:" + secrets.token_urlsafe(12)


def shown_images(rows: list[Row[Any]]) -> dict[int, str]:
    """Where the desk finds the image of each message of ours; pictures of people have a public address."""
    return {
        row.id: f"/{row.image}" if row.image.startswith("people/") else f"/desk/images/{row.id}"
        for row in rows
        if row.image
    }


def _notice(look: Look, opened: Row[Any] | None) -> str:
    """The sentence for a code that an action left in the address; never text from the address itself."""
    code = look.request.query.get("notice", "")
    w = look.words
    if not code.replace("_", "").isalpha() or not w.texts.has(f"notice.{code}"):
        return ""
    who = opened.owner_name if opened and opened.owner_name else w("a_colleague")
    return w(f"notice.{code}", who=who)
