"""Which buttons have an answer that needs no engine, and which: written beside the model when it is trained.

    python -m engine.answers models/model.tar.gz     reads domain/ and stories/ of this folder

An answer is fixed when its rule is "this intent, then this response" and the response names no slot but the language.
A rule whose action only chooses among such responses says which one will do: `metadata: {without_engine: utter_…}`.
The service gets them from the engine while it runs, and says them when no engine does (bot/engines.py).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SUFFIX = ".answers.json"
#: A slot's place in a text; a doubled brace is a brace.
PLACE = re.compile(r"(?<!\{)\{[^{}]+\}(?!\})")

#: A response with anything else (a channel's own words, data) is not the same for everyone.
KEYS = {"text", "buttons", "image", "condition", "id", "metadata"}


def file_beside(model: Path) -> Path:
    """Where the answers of a model are."""
    return model.with_name(model.name.removesuffix(".tar.gz") + SUFFIX)


def fixed_answers(root: Path) -> dict[str, dict[str, Any]]:
    """Payload -> language ("" for all others) -> message, of the content in `root`."""
    responses: dict[str, Any] = {}
    for each in _read(root / "domain"):
        responses |= each.get("responses") or {}
    found = {}
    for rule in (rule for each in _read(root / "stories") for rule in each.get("rules") or ()):
        intent, response = _answer_of(rule)
        messages = _by_language(responses.get(response) or [])
        if intent and messages:
            found[f"/{intent}"] = messages
    return found


def _read(folder: Path) -> Iterator[dict[str, Any]]:
    yaml = YAML(typ="safe")
    return (yaml.load(file.read_text("utf-8")) or {} for file in sorted(folder.rglob("*.yml")))


def _answer_of(rule: dict[str, Any]) -> tuple[str, str]:
    """The intent and the response of a rule, empty when it has a condition, entities or other steps."""
    steps = rule.get("steps") or []
    if rule.get("condition") or len(steps) != 2 or set(steps[0]) != {"intent"} or set(steps[1]) != {"action"}:
        return "", ""
    response = (rule.get("metadata") or {}).get("without_engine") or steps[1]["action"]
    return str(steps[0]["intent"]), str(response) if str(response).startswith("utter_") else ""


def _by_language(variations: list[dict[str, Any]]) -> dict[str, Any]:
    """One message a language; none at all when one of them depends on anything else."""
    messages: dict[str, Any] = {}
    for variation in variations:
        conditions = variation.get("condition") or []
        others = [each for each in conditions if (each.get("type"), each.get("name")) != ("slot", "language")]
        message = {key: variation[key] for key in ("text", "buttons", "image") if variation.get(key)}
        if others or len(conditions) > 1 or set(variation) - KEYS:
            return {}
        if PLACE.search(json.dumps(list(_texts(message)))):
            return {}
        messages.setdefault(str(conditions[0]["value"]) if conditions else "", _unescaped(message))
    return messages if "" in messages else {}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _unescaped(value: Any) -> Any:
    """As Rasa fills a response: doubled braces become one."""
    if isinstance(value, str):
        return value.replace("{{", "{").replace("}}", "}")
    if isinstance(value, dict):
        return {key: _unescaped(each) for key, each in value.items()}
    return [_unescaped(each) for each in value]


if __name__ == "__main__":
    file_beside(Path(sys.argv[1])).write_text(json.dumps(fixed_answers(Path.cwd()), ensure_ascii=False), "utf-8")
