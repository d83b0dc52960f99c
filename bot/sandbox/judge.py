"""The Bot API's specification as judge: is this call one the platform documents?

Stricter than the real server in one point: the real one ignores parameters it does not know, this one refuses
them, because an unknown parameter is a mistake that would otherwise never be seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_ARRAY = "Array of "
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no", ""}
_MAX_INTEGER = 2**53  # the specification promises that no identifier needs more


class BadRequest(Exception):
    """What the platform answers with 400; the description comes without "Bad Request: "."""


@cache
def specification() -> dict[str, Any]:
    """The reduced Bot API: `{"source", "methods": {name: fields}, "types": {name: fields and subtypes}}`."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("bot_api.json").read_text())
    return loaded


def judge(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters in their own types. `given` holds strings (forms, queries), JSON values, or uploads.

    Raises BadRequest naming the first parameter that is missing, unknown or of a wrong type.
    """
    fields: dict[str, Any] = specification()["methods"][method]
    for name in given:
        if name not in fields and not name.startswith("attach://"):
            raise BadRequest(f'unknown parameter "{name}" in {method}')
    typed: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in given:
            if field["required"]:
                raise BadRequest(_missing(name))
            continue
        typed[name] = _as_any(given[name], field["types"], where=name, outer=True)
    return typed


def _missing(name: str) -> str:
    if name in ("text", "caption"):
        return "message text is empty"
    if name == "chat_id":
        return "chat_id is empty"
    return f'parameter "{name}" is required'


def _as_any(value: Any, kinds: list[str], *, where: str, outer: bool = False) -> Any:
    """`value` as the first of `kinds` it fits; the complaint of the closest one otherwise."""
    complaints = []
    for kind in sorted(kinds, key=lambda kind: kind == "String"):  # "12" for Integer or String is an integer
        try:
            return _as(value, kind, where=where, outer=outer)
        except BadRequest as complaint:
            complaints.append(complaint)
    raise max(complaints, key=lambda complaint: str(complaint).count("."))


def _as(value: Any, kind: str, *, where: str, outer: bool) -> Any:
    if kind == "InputFile":
        if isinstance(value, str):
            raise BadRequest(f'a file was expected in "{where}"')
        return value
    if kind == "String":
        return _string(value, where)
    if outer and isinstance(value, str):
        value = _from_text(value, kind, where)
    if kind == "Integer":
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_INTEGER:
            raise BadRequest(f'an integer was expected in "{where}"')
        return value
    if kind == "Boolean":
        if not isinstance(value, bool):
            raise BadRequest(f'a boolean was expected in "{where}"')
        return value
    if kind.startswith(_ARRAY):
        if not isinstance(value, list):
            raise BadRequest(f'an array was expected in "{where}"')
        inner = kind.removeprefix(_ARRAY)
        return [_as(item, inner, where=f"{where}.{n}", outer=False) for n, item in enumerate(value)]
    return _as_object(value, kind, where)


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise BadRequest(f'a string was expected in "{where}"')
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise BadRequest("strings must be encoded in UTF-8")
    return value


def _from_text(text: str, kind: str, where: str) -> Any:
    """A form's string as the value it stands for."""
    if kind == "Boolean":
        lowered = text.strip().lower()
        if lowered in _TRUE | _FALSE:
            return lowered in _TRUE
        raise BadRequest(f'a boolean was expected in "{where}"')
    try:
        return json.loads(text)
    except ValueError:
        raise BadRequest(f'can\'t parse "{where}": it is not JSON') from None


def _as_object(value: Any, kind: str, where: str) -> Any:
    if kind == "KeyboardButton" and isinstance(value, str):
        value = {"text": value}  # documented: a simple text button may be given as its text
    described = specification()["types"][kind]
    if described["subtypes"]:
        return _as_any(value, described["subtypes"], where=where)
    if not isinstance(value, dict):
        raise BadRequest(f'an object ({kind}) was expected in "{where}"')
    fields = described["fields"]
    for name in value:
        if name not in fields:
            raise BadRequest(f'unknown field "{where}.{name}" in {kind}')
    for name, field in fields.items():
        if name not in value and field["required"]:
            raise BadRequest(f'field "{where}.{name}" of {kind} is required')
    return {
        name: _as_any(inner, fields[name]["types"], where=f"{where}.{name}") for name, inner in value.items()
    }
