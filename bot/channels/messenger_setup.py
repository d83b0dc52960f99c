"""What is set up once on the Page: subscription, "get started", greeting, ice breakers, persistent menu.

The profile API takes 10 calls in 10 minutes: the present state is read first and only differences are sent.
"""

from __future__ import annotations

from typing import Any

from bot.channels.messenger_graph import Graph
from bot.channels.reading import as_dict, as_id, as_list, as_text

FIELDS = (
    "messages",
    "messaging_postbacks",
    "messaging_referrals",
    "messaging_optins",
    "message_deliveries",
    "message_echoes",
    "message_edits",
    "message_reactions",
    "message_reads",
    "messaging_handovers",
    "standby",
)

#: The questions of ice breakers (four at most) and of the menu: payload -> Italian, English (30 characters).
_QUESTIONS = {
    "/store_hours": ("Orari dei negozi", "Store opening hours"),
    "/request_pin": ("Come ottengo il PIN?", "How do I get my PIN?"),
    "/line_status": ("La mia linea non funziona", "My line is not working"),
    "/ask_human": ("Parla con una persona", "Talk to a person"),
}

_GREETING = (
    "Ciao! Sono l'assistente automatico: rispondo subito alle domande di ogni giorno, "
    "e se serve ti passo una persona.",
    "Hello! I am the automated assistant: I answer everyday questions at once, "
    "and bring in a person when needed.",
)

_LOCALES = {"default": 0, "en_GB": 1, "en_US": 1}  # Italian for everyone who did not choose English

STATIC_PAYLOADS = frozenset({"/greet", *_QUESTIONS})


def wanted_profile() -> dict[str, Any]:
    """The Page's messenger profile as it should be."""
    return {
        "get_started": {"payload": "/greet"},
        "greeting": [{"locale": name, "text": _GREETING[n]} for name, n in _LOCALES.items()],
        "ice_breakers": [
            {
                "locale": name,
                "call_to_actions": [{"question": q[n], "payload": p} for p, q in _QUESTIONS.items()],
            }
            for name, n in _LOCALES.items()
        ],
        "persistent_menu": [
            {
                "locale": name,
                "composer_input_disabled": False,
                "call_to_actions": [
                    {"type": "postback", "title": q[n], "payload": p} for p, q in _QUESTIONS.items()
                ],
            }
            for name, n in _LOCALES.items()
        ],
    }


async def set_up(graph: Graph, page_id: str, app_id: str) -> list[str]:
    """Make the Page as it should be; the names of what was changed. Raises SendError."""
    changed = []
    subscribed = await graph.get(f"{page_id}/subscribed_apps")
    apps = [as_dict(app) for app in as_list(subscribed.get("data"))]
    mine = [app for app in apps if as_id(app.get("id")) == app_id]
    have = {as_text(field) for app in mine for field in as_list(app.get("subscribed_fields"))}
    if not have.issuperset(FIELDS):
        fields = ",".join(dict.fromkeys([*FIELDS, *sorted(have - {""})]))  # what others subscribed stays
        await graph.post(f"{page_id}/subscribed_apps", {"subscribed_fields": fields})
        changed.append("subscribed_apps")
    wanted = wanted_profile()
    answer = await graph.get("me/messenger_profile", fields=",".join(wanted))
    present = as_dict(next(iter(as_list(answer.get("data"))), {}))
    differing = {name: value for name, value in wanted.items() if not _holds(present.get(name), value)}
    if differing:
        await graph.post("me/messenger_profile", differing)
        changed += differing
    return changed


def _holds(present: Any, wanted: Any) -> bool:
    """Whether `present` says the same: the platform adds fields of its own and keeps no order of locales."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(_holds(present.get(k), v) for k, v in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(present, list) or len(present) != len(wanted):
            return False
        return all(_holds(p, w) for p, w in zip(_by_locale(present), _by_locale(wanted), strict=True))
    return bool(present == wanted) or (wanted is False and present is None)


def _by_locale(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: str(as_dict(item).get("locale", "")))
