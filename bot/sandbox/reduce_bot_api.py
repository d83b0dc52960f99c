"""Make `bot_api.json`: the part of the machine-readable Bot API that the sandbox plays.

    python -m bot.sandbox.reduce_bot_api FULL.json

FULL.json is `api.json` of the repository PaulSonOfLars/telegram-bot-api-spec (MIT). Only the methods in
PLAYED are kept, with the types that their parameters need, and of each field what a judge needs: name, types,
required.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

PLAYED = (
    "answerCallbackQuery",
    "deleteMyCommands",
    "deleteWebhook",
    "editMessageReplyMarkup",
    "getFile",
    "getMe",
    "getMyCommands",
    "getMyDescription",
    "getMyName",
    "getMyShortDescription",
    "getUpdates",
    "getWebhookInfo",
    "sendChatAction",
    "sendDocument",
    "sendMessage",
    "sendPhoto",
    "setMyCommands",
    "setMyDescription",
    "setMyName",
    "setMyShortDescription",
    "setWebhook",
)


def reduce_bot_api(full: dict[str, Any]) -> dict[str, Any]:
    """The methods in PLAYED and the types they need, as `{"source", "methods", "types"}`."""
    methods = {name: _fields(full["methods"][name]) for name in PLAYED}
    types: dict[str, Any] = {}
    wanted = [kind for fields in methods.values() for field in fields.values() for kind in field["types"]]
    while wanted:
        name = re.sub(r"^(Array of )+", "", wanted.pop())
        if name in types or name not in full["types"]:
            continue
        described = full["types"][name]
        types[name] = {"fields": _fields(described), "subtypes": described.get("subtypes", [])}
        wanted += [kind for field in types[name]["fields"].values() for kind in field["types"]]
        wanted += types[name]["subtypes"]
    source = f"PaulSonOfLars/telegram-bot-api-spec (MIT), {full['version']}, {full['release_date']}, reduced"
    return {"source": source, "methods": methods, "types": dict(sorted(types.items()))}


def _fields(described: dict[str, Any]) -> dict[str, Any]:
    return {
        field["name"]: {"types": field["types"], "required": field["required"]}
        for field in described.get("fields", [])
    }


if __name__ == "__main__":
    reduced = reduce_bot_api(json.loads(Path(sys.argv[1]).read_text()))
    target = Path(__file__).with_name("bot_api.json")
    target.write_text(json.dumps(reduced, indent=1, ensure_ascii=False) + "\n")
