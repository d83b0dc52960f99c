"""Reading what strangers sent: typed looks into JSON that give an empty value where the type is wrong."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

#: Levels of nesting that are looked at. Platforms need about 15; deeper ones would break whoever walks them.
MAX_DEPTH = 64


class TooDeep(ValueError):
    """A value is nested deeper than `MAX_DEPTH`."""


def as_dict(value: object) -> dict[str, Any]:
    """The value if it is an object, otherwise {}."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is an array, otherwise []."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """The value if it is a string, otherwise ""."""
    return value if isinstance(value, str) else ""


def as_id(value: object) -> str:
    """An identifier, which platforms give as a number or as a string; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value)


def as_int(value: object) -> int | None:
    """The value if it is a whole number (True is none)."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(value: object, *, unit: float = 1.0) -> datetime | None:
    """The time (UTC) of a count of `unit` seconds since 1970, given as number or text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return datetime.fromtimestamp(float(value) * unit, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def degrees(latitude: object, longitude: object) -> tuple[float, float] | None:
    """A position on Earth, from numbers or from text ("45.46"); None when it is not one."""
    try:
        position = float(str(latitude)), float(str(longitude))
    except ValueError:
        return None
    return position if abs(position[0]) <= 90 and abs(position[1]) <= 180 else None


def whole(text: str) -> str:
    """The text without what no database and no platform takes: halves of characters, and NUL."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")


def tidy(value: Any, *, depth: int = 0) -> Any:
    """The same JSON value, safe to store: whole texts, finite numbers. Raises TooDeep."""
    if depth > MAX_DEPTH:
        raise TooDeep
    match value:
        case str():
            return whole(value)
        case dict():
            return {whole(key): tidy(item, depth=depth + 1) for key, item in value.items()}
        case list():
            return [tidy(item, depth=depth + 1) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
    return value
