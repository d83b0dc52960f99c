"""Promises at the desk: seen while typing, held before sending, settled from the card, and the board of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.desk.look import Look, wants_json
from bot.flow import promises
from bot.model.errors import Refused
from bot.model.promises import Promised
from bot.model.roles import OVERSEERS
from bot.store import audit
from bot.store import promises as store

AHEAD = timedelta(days=7)  # what the board shows as coming
TALLY = timedelta(days=30)  # how far back kept and broken ones are counted

#: Sentences for what bot.flow.promises refuses.
_REFUSED = {
    "not yours": "promise_not_yours",
    "window over": "window_over",
    "no reason": "promise_no_reason",
    "time is over": "promise_no_time",
}


async def hint(look: Look) -> web.StreamResponse:
    """What the reply that is being typed promises, as a piece of the page; empty for nothing."""
    made = await read_promises(look, look.text("text"))
    return web.Response(text=shown(look, made, held=False), content_type="text/html")


async def read_promises(look: Look, text: str) -> list[Promised]:
    """What a reply in this conversation would promise, by the hours of the team that has the case."""
    id_, now = look.number("id"), look.way.clock()
    return await look.way.db.read(lambda connection: promises.found(connection, look.way, id_, text, now=now))


def shown(look: Look, made: Sequence[Promised], *, held: bool) -> str:
    """The hint; `held`: with the question whether to record it."""
    return look.desk.pages.get_template("hint.html").render(
        w=look.words, held=held, **hint_values(look, made)
    )


def hint_values(look: Look, made: Sequence[Promised]) -> dict[str, Any]:
    """What the hint's template needs."""
    first = made[0].due if made else None
    return {
        "made": made,
        "due": f"{first.astimezone(look.way.team.zone):%Y-%m-%dT%H:%M}" if first else "",
        "closed": bool(made and made[0].closed),
    }


def chosen(look: Look, made: Sequence[Promised]) -> list[Promised]:
    """What is to be recorded: what was found, the first with the time that the agent chose. Raises Refused."""
    if look.text("promised") != "yes":
        return []
    due = local_time(look, "due")
    if look.text("due") and (due is None or due <= look.way.clock()):
        raise Refused("time is over")
    if due is None:
        return [one for one in made if one.due]
    first = made[0] if made else Promised(look.text("text")[:300], due, "other", "agent", 1.0, "")
    return [replace(first, due=due), *(one for one in made[1:] if one.due)]


def local_time(look: Look, name: str) -> datetime | None:
    """A form's field with day and hour, where the team is; None for none or a wrong one."""
    try:
        return datetime.fromisoformat(look.text(name)).replace(tzinfo=look.way.team.zone)
    except (ValueError, OverflowError):
        return None


def held(look: Look, made: Sequence[Promised], image: str) -> web.Response:
    """The reply is not sent yet: record the promise, or is it none? As data for the script, else as a page."""
    if wants_json(look.request):
        said = {"ok": False, "notice": look.words("notice.promise_held"), "hint": shown(look, made, held=True)}
        return web.json_response(said)
    return look.page(
        "held.html",
        conversation=look.number("id"),
        text=look.text("text"),
        once=look.text("once"),
        tab=look.text("tab"),
        image=image,
        held=True,
        **hint_values(look, made),
    )


async def settle(look: Look) -> web.StreamResponse:
    """Kept, put off or withdrawn: which one is the last part of the address."""
    id_, what = look.number("id"), look.request.match_info["what"]

    def work(connection: Connection) -> Row[Any]:
        promise, now = _settled(connection, look, id_, what), look.way.clock()
        audit.add(
            connection, f"promise_{what}", look.me.id, conversation_id=promise.conversation_id, now=now, promise=id_
        )
        return promise

    try:
        promise = await look.way.db.write(work)
    except Refused as refused:
        return await _refused(look, refused)
    look.way.committed()
    return _done(look, promise.conversation_id, "")


def _settled(connection: Connection, look: Look, id_: int, what: str) -> Row[Any]:
    now, way = look.way.clock(), look.way
    if what == "kept":
        return promises.kept(connection, id_, look.me, now=now)
    if what == "later":
        return promises.put_off(connection, way, id_, look.me, local_time(look, "due") or now, now=now)
    return promises.withdraw(connection, way, id_, look.me, look.text("text")[:500], now=now)


async def _refused(look: Look, refused: Refused) -> web.StreamResponse:
    id_ = look.number("id")
    promise = await look.way.db.read(lambda connection: store.get(connection, id_))
    if promise is None:
        raise web.HTTPNotFound
    notice = _REFUSED.get(refused.reason, "changed")
    if wants_json(look.request):
        sentence = look.words(f"notice.{notice}", who=refused.who or look.words("a_colleague"))
        return web.json_response({"ok": False, "notice": sentence})
    return _done(look, promise.conversation_id, notice)


def _done(look: Look, conversation_id: int, notice: str) -> web.Response:
    if wants_json(look.request):
        return web.json_response({"ok": True, "notice": ""})
    goal = "/desk/promises" if look.text("back") == "board" else f"/desk/c/{conversation_id}"
    raise web.HTTPSeeOther(goal + (f"?notice={notice}" if notice else ""))


async def board(look: Look) -> web.StreamResponse:
    """Overdue, due today, coming; kept and broken per kind and per person. Agents see their own."""
    now, zone = look.way.clock(), look.way.team.zone
    everyone = look.me.role in OVERSEERS
    only = None if everyone else look.me.id

    def read(connection: Connection) -> tuple[list[Row[Any]], list[Row[Any]]]:
        return store.board(connection, only, now + AHEAD), store.tally(connection, only, now - TALLY)

    rows, tally = await look.way.db.read(read)
    today = now.astimezone(zone).date()
    lists = {"overdue": [], "today": [], "coming": []}  # type: dict[str, list[Row[Any]]]
    for row in rows:
        late, same_day = row.due_at <= now, row.due_at.astimezone(zone).date() == today
        lists["overdue" if late else "today" if same_day else "coming"].append(row)
    code = look.request.query.get("notice", "")
    notice = code if code in {*_REFUSED.values(), "changed"} else ""
    return look.page(
        "promises.html",
        everyone=everyone,
        board=lists,
        by_kind=counted(tally, "kind"),
        by_team=[{**row, "name": team_name(look, row["name"])} for row in counted(tally, "team")],
        by_person=counted(tally, "owner_name"),
        notice=notice,
    )


def team_name(look: Look, key: str) -> str:
    """A team's name; "" stands for the bot, which promises without a case."""
    names = look.way.teams.get(key).name if key else {}
    return names.get(look.words.language) or next(iter(names.values()), "")


def counted(tally: Sequence[Row[Any]], column: str) -> list[dict[str, Any]]:
    """Rows of a table: a name, how many were kept, broken and withdrawn, and the share that was kept."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in tally:
        counts[(getattr(row, column), row.state)] += row.number
    table = []
    for name in sorted({name for name, _ in counts}):
        kept, broken = counts[(name, store.KEPT)], counts[(name, store.BROKEN)]
        share = round(100 * kept / (kept + broken)) if kept + broken else None
        withdrawn = counts[(name, store.WITHDRAWN)]
        table.append({"name": name, "kept": kept, "broken": broken, "withdrawn": withdrawn, "share": share})
    return table
