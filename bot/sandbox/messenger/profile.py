"""The Page's profile: greeting, get started, ice breakers, persistent menu; and what a language sees of them.

Limits from the Messenger Profile API's reference.
"""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.messenger.errors import bad_parameter

JSON = dict[str, Any]
PROPERTIES = ("get_started", "greeting", "ice_breakers", "persistent_menu", "whitelisted_domains", "commands")
ICE_BREAKERS, MENU, GREETING, QUESTION, TITLE, PAYLOAD = 4, 20, 160, 80, 30, 1000


def set_profile(profile: JSON, given: JSON) -> None:
    """Check and set some properties. Raises GraphError and then changes nothing."""
    if not given:
        raise bad_parameter("Requires one of the params: " + ",".join(PROPERTIES))
    for name, value in given.items():
        if name not in PROPERTIES:
            raise bad_parameter(f'Unexpected key "{name}"')
        _CHECKS.get(name, _anything)(value)
    if "persistent_menu" in given and "get_started" not in profile | given:
        raise bad_parameter("You must set a Get Started button if you also wish to use persistent menu")
    profile.update(given)


def delete_profile(profile: JSON, fields: Any) -> None:
    """Remove properties. Raises GraphError."""
    if not isinstance(fields, list) or not fields or any(name not in PROPERTIES for name in fields):
        raise bad_parameter("Param fields must be an array of known properties")
    if "get_started" in fields and "persistent_menu" in profile and "persistent_menu" not in fields:
        raise bad_parameter("You must remove the persistent menu before the Get Started button")
    for name in fields:
        profile.pop(name, None)


def for_language(entries: list[JSON], locale: str) -> list[JSON]:
    """The items of the entry for `locale` (it_IT), else the default one; a flat list is for everybody."""
    if entries and "question" in entries[0]:
        return entries
    by_locale = {entry.get("locale", "default"): entry for entry in entries}
    near = [name for name in by_locale if name[:2] == locale[:2]]
    name = locale if locale in by_locale else near[0] if near else "default"
    items: list[JSON] = by_locale.get(name, {}).get("call_to_actions", [])
    return items


def greeting_for(profile: JSON, locale: str, *, first_name: str) -> str:
    """The greeting a person sees before the first message."""
    by_locale = {entry["locale"]: entry["text"] for entry in profile.get("greeting", [])}
    near = [name for name in by_locale if name[:2] == locale[:2]]
    text: str = by_locale.get(near[0] if near else "default", "")
    return text.replace("{{user_first_name}}", first_name).replace("{{user_full_name}}", first_name)


def _anything(value: Any) -> None:
    return None


def _check_get_started(value: Any) -> None:
    _text(value.get("payload") if isinstance(value, dict) else None, "get_started[payload]", PAYLOAD)


def _check_greeting(value: Any) -> None:
    for entry in _entries(value, "greeting"):
        _text(entry.get("text"), "greeting[text]", GREETING)


def _check_ice_breakers(value: Any) -> None:
    if isinstance(value, list) and value and isinstance(value[0], dict) and "question" in value[0]:
        entries = [{"call_to_actions": value}]  # the older, flat form
    else:
        entries = _entries(value, "ice_breakers")
    for entry in entries:
        items = entry.get("call_to_actions")
        if not isinstance(items, list) or not 1 <= len(items) <= ICE_BREAKERS:
            raise bad_parameter("Param ice_breakers must have 1 to 4 questions")
        for item in items:
            _text(item.get("question"), "ice_breakers[question]", QUESTION)
            _text(item.get("payload"), "ice_breakers[payload]", PAYLOAD)


def _check_menu(value: Any) -> None:
    for entry in _entries(value, "persistent_menu"):
        items = entry.get("call_to_actions", [])
        if len(items) > MENU:
            raise bad_parameter("Param persistent_menu[call_to_actions] must have at most 20 items")
        for item in items:
            _text(item.get("title"), "persistent_menu[title]", TITLE)
            kind = item.get("type")
            if kind not in ("postback", "web_url"):
                raise bad_parameter("Param persistent_menu[type] must be postback or web_url")
            _text(item.get("payload" if kind == "postback" else "url"), f"persistent_menu[{kind}]", PAYLOAD)


_CHECKS = {
    "get_started": _check_get_started,
    "greeting": _check_greeting,
    "ice_breakers": _check_ice_breakers,
    "persistent_menu": _check_menu,
}


def _entries(value: Any, name: str) -> list[JSON]:
    """A list with an entry per locale, one of them the default."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise bad_parameter(f"Param {name} must be an array")
    locales = [entry.get("locale", "default") for entry in value]
    if "default" not in locales:
        raise bad_parameter(f"Param {name} must contain the default locale")
    known = all(re.fullmatch(r"default|[a-z]{2}_[A-Z]{2}", str(locale)) for locale in locales)
    if not known or len(set(locales)) != len(locales):
        raise bad_parameter(f"Param {name}[locale] must be valid and given once")
    return value


def _text(value: Any, name: str, longest: int) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise bad_parameter(f"Param {name} must be a string of 1 to {longest} characters")
