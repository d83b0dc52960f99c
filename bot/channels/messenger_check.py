"""Are the Page and the app set up as they should be? Asks, changes nothing."""

from __future__ import annotations

from dataclasses import replace

from bot.channels.messenger_graph import Graph, MessengerSettings
from bot.channels.messenger_setup import FIELDS
from bot.channels.reading import as_dict, as_id, as_list, as_text
from bot.model.errors import SendError


async def problems(graph: Graph, settings: MessengerSettings, webhook: str) -> list[str]:
    """What is wrong, in sentences. `webhook` is the callback that the app should have. Never raises."""
    try:
        app = as_id((await graph.get("app", fields="id")).get("id"))
        return [*await _page(graph, settings.page_id, app), *await _app(settings, app, webhook)]
    except SendError as error:
        if error.reason == "token":
            return ["the Page's token is refused: MESSENGER_PAGE_TOKEN and MESSENGER_APP_SECRET of the same app"]
        return [f"the platform cannot be asked ({error.reason})"]


async def _page(graph: Graph, page_id: str, app: str) -> list[str]:
    subscribed = await graph.get(f"{page_id}/subscribed_apps")
    mine = [one for each in as_list(subscribed.get("data")) if as_id((one := as_dict(each)).get("id")) == app]
    have = {as_text(field) for one in mine for field in as_list(one.get("subscribed_fields"))}
    if missing := sorted(set(FIELDS) - have):
        return [f"the Page does not send {', '.join(missing)}: run messenger-setup"]
    return []


async def _app(settings: MessengerSettings, app: str, webhook: str) -> list[str]:
    """The app's own webhook; it is asked for as the app, not as the Page."""
    graph = Graph(replace(settings, page_token=f"{app}|{settings.app_secret}"))
    try:
        answer = await graph.get(f"{app}/subscriptions")
    except SendError as error:
        return [f"the app's webhook cannot be asked for ({error.reason}): is MESSENGER_APP_SECRET this app's?"]
    finally:
        await graph.close()
    found = [as_dict(each) for each in as_list(answer.get("data"))]
    page = next((each for each in found if each.get("object") == "page"), None)
    if page is None or as_text(page.get("callback_url")) != webhook:
        now = "not registered" if page is None else "registered for another address"
        return [f"the app's webhook is {now}: enter {webhook} in the app's Messenger settings"]
    if page.get("active") is not True:
        return ["the app's webhook is registered but not active: look into the app's Messenger settings"]
    fields = {as_text(as_dict(each).get("name")) for each in as_list(page.get("fields"))}
    if missing := sorted(set(FIELDS) - fields):
        return [f"the app's webhook does not bring {', '.join(missing)}: subscribe them in the app's settings"]
    return []
