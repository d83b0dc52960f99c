"""What was done at the desk, in words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from bot.desk.words import Words

#: Kinds of the audit that a filter offers, in the order of a day's work, then people.
KINDS = (
    *("look", "file", "take", "reply", "note", "pass", "ask", "helped", "queue", "mark", "back", "close", "retry"),
    *("promise_kept", "promise_later", "promise_withdrawn", "copy", "erase", "pause", "resume"),
    *("sign_in", "sign_in_failed", "sign_out", "password_wrong"),
    *("teams", "skills", "person_add", "role", "person_out", "person_in", "name", "picture", "password"),
    *("export", "backup", "restore"),
)
#: Detail -> group of words for its values.
_CODES = {"outcome": "outcome", "role": "role", "languages": "language", "mark": "mark", "unmark": "mark"}


def deed(w: Words, row: Row[Any]) -> tuple[str, str]:
    """(what was done, the particulars) of a row of the audit."""
    particulars = [_particular(w, name, value) for name, value in row.details.items() if value is not None]
    return w.name("deed", row.kind), " · ".join(particulars)


def _particular(w: Words, name: str, value: Any) -> str:
    if isinstance(value, list) and len(value) == 2:
        shown = f"{_value(w, name, value[0])} → {_value(w, name, value[1])}"
    else:
        shown = _value(w, name, value)
    return f"{w.name('particular', name)} {shown}".strip()


def _value(w: Words, name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(w, name, one) for one in value) or "–"
    return w.name(_CODES[name], str(value)) if name in _CODES else str(value)
