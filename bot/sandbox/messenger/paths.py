"""Who may call the Graph API, and what each path answers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.sandbox.courier import on_loopback
from bot.sandbox.messenger.errors import GraphError, bad_parameter, slow_down
from bot.sandbox.messenger.profile import delete_profile, set_profile
from bot.sandbox.messenger.send import keep_attachment, send
from bot.sandbox.shelf import NotFetched, fetch

if TYPE_CHECKING:
    from bot.sandbox.messenger.server import Messenger

JSON = dict[str, Any]
PERSONA_NAME = 50
PERSONA_PICTURE = 8 * 1024 * 1024  # bytes
PROFILE_CALLS, PROFILE_SPAN = 10, 600  # calls in seconds
_PERSON_FIELDS = ("id", "name", "first_name", "last_name", "profile_pic", "locale", "timezone", "gender")


def check_caller(side: Messenger, request: web.Request, given: JSON) -> None:
    """The token (query, body or header), and the proof where one came. Both are taken out of `given`."""
    header = request.headers.get("Authorization", "").removeprefix("Bearer ").removeprefix("OAuth ")
    token = str(given.pop("access_token", "") or header)
    proof = given.pop("appsecret_proof", None)
    if not token:
        raise GraphError(2500, "An active access token must be used")
    app_token = f"{side.app_id}|{side.app_secret}"
    if not any(hmac.compare_digest(token.encode(), good.encode()) for good in (side.page_token, app_token)):
        raise GraphError(190, "Invalid OAuth access token - Cannot parse access token", status=401)
    if proof is not None:
        right = hmac.new(side.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(str(proof).encode(), right.encode()):
            raise GraphError(
                100, "Invalid appsecret_proof provided in the API argument", kind="GraphMethodException"
            )


async def answer(side: Messenger, verb: str, path: str, given: JSON) -> Any:
    """The answer of one path. Raises GraphError."""
    node, _, edge = path.partition("/")
    if node in ("me", side.page_id):
        played = _PAGE.get((verb, edge))
    elif node in ("app", side.app_id):
        played = _APP.get((verb, edge))
    elif node in side.personas and not edge:
        return _persona(side, verb, node)
    elif node in side.customers and not edge and verb == "GET":
        return _person(side, node, given)
    else:
        played = None
    if played is None:
        raise GraphError(
            100,
            f"Unsupported {verb.lower()} request. Object with ID '{node}' does not exist, cannot be loaded "
            "due to missing permissions, or does not support this operation",
            subcode=33,
            kind="GraphMethodException",
        )
    return await played(side, given)


async def _page(side: Messenger, given: JSON) -> JSON:
    return {"id": side.page_id, "name": side.page_name}


async def _app(side: Messenger, given: JSON) -> JSON:
    return {"id": side.app_id, "name": "Sportello (sandbox)", "link": side.base_url()}


def _persona(side: Messenger, verb: str, persona_id: str) -> JSON:
    if verb == "DELETE":
        del side.personas[persona_id]
        return {"success": True}
    persona = side.personas[persona_id]
    return {key: persona[key] for key in ("id", "name", "profile_picture_url")}


async def _new_persona(side: Messenger, given: JSON) -> JSON:
    name, picture = given.get("name"), given.get("profile_picture_url")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= PERSONA_NAME:
        raise bad_parameter("Param name must be a string of 1 to 50 characters")
    if not isinstance(picture, str) or not picture:
        raise bad_parameter("The parameter profile_picture_url is required")
    assert side.session is not None
    try:
        file = await fetch(side.session, picture)
    except NotFetched:
        raise bad_parameter("Failed to fetch the file from the url", subcode=2018008) from None
    if len(file.data) > PERSONA_PICTURE or not file.mime.startswith("image/"):
        raise bad_parameter("Param profile_picture_url must be an image of at most 8 MB")
    shown = side.shelf.path(side.shelf.put(file)) if on_loopback(picture) else ""
    persona_id = str(secrets.randbelow(9 * 10**15) + 10**15)
    persona = {"id": persona_id, "name": name, "profile_picture_url": picture, "picture": shown}
    side.personas[persona_id] = persona
    return {"id": persona_id}


async def _personas(side: Messenger, given: JSON) -> JSON:
    everyone = [_persona(side, "GET", persona_id) for persona_id in side.personas]
    ids = list(side.personas)
    after = str(given.get("after", ""))
    start = ids.index(after) + 1 if after in ids else 0
    page = everyone[start : start + 25]
    answer: JSON = {"data": page}
    if start + 25 < len(everyone):
        last = page[-1]["id"]
        next_page = f"{side.base_url()}/graph/v26.0/{side.page_id}/personas?after={last}"
        answer["paging"] = {"cursors": {"before": page[0]["id"], "after": last}, "next": next_page}
    return answer


async def _get_profile(side: Messenger, given: JSON) -> JSON:
    wanted = [name for name in str(given.get("fields", "")).split(",") if name]
    found = {name: side.profile[name] for name in wanted if name in side.profile}
    return {"data": [found] if found else []}


async def _set_profile(side: Messenger, given: JSON) -> JSON:
    _check_profile_rate(side)
    set_profile(side.profile, given)
    _tell_phones(side)
    return {"result": "success"}


async def _delete_profile(side: Messenger, given: JSON) -> JSON:
    _check_profile_rate(side)
    fields = given.get("fields")
    delete_profile(side.profile, fields.split(",") if isinstance(fields, str) else fields)
    _tell_phones(side)
    return {"result": "success"}


def _tell_phones(side: Messenger) -> None:
    for listener in side.listeners:
        listener()


def _check_profile_rate(side: Messenger) -> None:
    now = side.clock.now()
    recent = [
        call
        for call in side.calls
        if call.method in ("POST messenger_profile", "DELETE messenger_profile")
        and (now - call.at).total_seconds() < PROFILE_SPAN
    ]
    if side.limits_rate and len(recent) >= PROFILE_CALLS:
        raise slow_down()


async def _subscribe_page(side: Messenger, given: JSON) -> JSON:
    fields = given.get("subscribed_fields")
    fields = fields.split(",") if isinstance(fields, str) else fields
    if not isinstance(fields, list) or not fields or not all(isinstance(name, str) for name in fields):
        raise bad_parameter("Param subscribed_fields must be an array")
    side.webhook.fields = [name.strip() for name in fields]
    return {"success": True}


async def _subscribed(side: Messenger, given: JSON) -> JSON:
    if not side.webhook.fields:
        return {"data": []}
    return {"data": [{**await _app(side, given), "subscribed_fields": side.webhook.fields}]}


async def _unsubscribe_page(side: Messenger, given: JSON) -> JSON:
    side.webhook.fields = []
    return {"success": True}


async def _subscribe_app(side: Messenger, given: JSON) -> JSON:
    """The app's own webhook: the address is checked at once, as the platform does."""
    address = given.get("callback_url")
    if given.get("object") != "page" or not isinstance(address, str):
        raise bad_parameter("Params object and callback_url are required")
    if not on_loopback(address) or not await side.webhook.verify(address, str(given.get("verify_token", ""))):
        raise GraphError(2200, "(#2200) Callback verification failed: the response does not match challenge")
    side.webhook.callback_url = lambda: address
    return {"success": True}


async def _app_subscriptions(side: Messenger, given: JSON) -> JSON:
    fields = [{"name": name, "version": "v26.0"} for name in side.webhook.fields]
    address = side.webhook.callback_url()
    return {"data": [{"object": "page", "callback_url": address, "active": True, "fields": fields}]}


async def _upload(side: Messenger, given: JSON) -> JSON:
    message = given.get("message")
    attachment = message.get("attachment", {}) if isinstance(message, dict) else {}
    if attachment.get("type") not in ("image", "audio", "video", "file"):
        raise bad_parameter("Param message[attachment] needs a type and a payload")
    payload = attachment.get("payload", {})
    key = await keep_attachment(side, attachment["type"], payload, given.get("filedata"))
    return {"attachment_id": side.reusable(key)}


def _person(side: Messenger, psid: str, given: JSON) -> JSON:
    customer = side.customers[psid]
    if customer.hides_profile:
        raise bad_parameter("No profile available for this user.", subcode=2018218)
    first, _, last = customer.name.partition(" ")
    known: JSON = {
        "id": psid,
        "name": customer.name,
        "first_name": first,
        "last_name": last,
        "profile_pic": "",
        "locale": customer.locale,
        "timezone": 1,
    }
    wanted = str(given.get("fields", "first_name,last_name,profile_pic")).split(",")
    for name in wanted:
        if name not in _PERSON_FIELDS:
            raise bad_parameter(f"Tried accessing nonexisting field ({name})")
    return {**{name: known[name] for name in wanted if known.get(name)}, "id": psid}


_PAGE = {
    ("GET", ""): _page,
    ("POST", "messages"): send,
    ("POST", "message_attachments"): _upload,
    ("POST", "personas"): _new_persona,
    ("GET", "personas"): _personas,
    ("GET", "messenger_profile"): _get_profile,
    ("POST", "messenger_profile"): _set_profile,
    ("DELETE", "messenger_profile"): _delete_profile,
    ("POST", "subscribed_apps"): _subscribe_page,
    ("GET", "subscribed_apps"): _subscribed,
    ("DELETE", "subscribed_apps"): _unsubscribe_page,
}
_APP = {
    ("GET", ""): _app,
    ("POST", "subscriptions"): _subscribe_app,
    ("GET", "subscriptions"): _app_subscriptions,
}
