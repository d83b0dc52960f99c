"""The rows of the lists: each is put into HTML once for all who see it the same way.

Many desks show the same queue and ask for it again whenever something moves; without this, most of the service's time
would go into writing the same fifty rows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from sqlalchemy import Row

from bot.channels.base import Channel
from bot.desk.cards import window_view
from bot.desk.words import Words
from bot.model.queue import WORTH

SOON = timedelta(hours=3)  # a promise this close is shown as pressing
LASTS = 15  # seconds that a row is shown as it was put into words: how often the page's own clocks go on (desk.js)
KEPT = 2_000  # rows at most, some kilobytes each


class Rows:
    """What was rendered in the last moments, by all that a row's looks depend on."""

    def __init__(self, pages: Environment) -> None:
        self._row = pages.get_template("row.html")
        self._kept: dict[tuple[object, ...], Markup] = {}
        self._until = 0.0

    def html(
        self,
        w: Words,
        row: Row[Any],
        me: int,
        *,
        channel: Channel | None,
        here: bool,
        tab: str,
        query: str,
    ) -> Markup:
        """A row of the list `tab` or of what was searched for; `here`: it is the one that is open."""
        self._forget(w.now.timestamp())
        values = (repr(value) if isinstance(value, (list, dict)) else value for value in row)
        key = (w.language, tab, query, here, row.owner_id == me, row.offered_to == me, row.helper_id == me, *values)
        html = self._kept.get(key)
        if html is None:
            item = _view(w, row, me, channel=channel)
            html = self._kept[key] = Markup(self._row.render(w=w, item=item, tab=tab, query=query, here=here))
        return html

    def _forget(self, now: float) -> None:
        if not self._until - LASTS <= now < self._until or len(self._kept) >= KEPT:
            self._kept.clear()
            self._until = now + LASTS


def _view(w: Words, row: Row[Any], me: int, *, channel: Channel | None) -> dict[str, Any]:
    waiting = row.status == "waiting"
    since = row.waiting_since if waiting else row.last_customer_at
    kinds = [w.name("kind", one.get("kind")) for one in row.attachments or ()]
    words = " ".join((row.text or "").split())[:160]
    if not words:
        words = ", ".join(kinds) or (w("location") if row.location else "")
    return {
        "row": row,
        "words": words,
        "clip": bool(kinds and row.text),
        "since": since or row.last_message_at,
        "pressing": waiting and since is not None and w.now - since > timedelta(minutes=15),
        "window": window_view(channel, row.last_customer_at, w.now)
        if row.promise or row.status in ("waiting", "agent")
        else None,
        "marks": [mark for mark in WORTH if mark in (row.marks or ())] if row.status in ("waiting", "agent") else [],
        "aim_late": bool(row.aim_kind and row.aim_due_at <= w.now),
        "aim_soon": bool(row.aim_kind and row.aim_warn_at <= w.now),
        "promise_soon": bool(row.promise and row.promise - w.now < SOON),
        "promise_late": bool(row.promise and row.promise <= w.now),
        "for_me": waiting and row.owner_id == me and row.offered_to != me,
        "offered": waiting and row.offered_to == me,
        "asked": row.status == "agent" and row.helper_id == me and row.owner_id != me,
        "to_answer": row.status == "agent" and row.owner_id == me and not row.answered,
    }
