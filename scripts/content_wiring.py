"""Rules for how the files hang together: same names, known names, code behind every action."""

import re
from collections.abc import Iterator
from typing import Any

from content_files import Content

#: Topic files that hold nothing a customer types.
NOT_TYPED = frozenset({"common", "identity"})
#: Sent by the bot itself, not by a button of a response.
SENT_BY_BOT = frozenset({"share_location", "share_contact", "check_incident", "incident_fixed"})
#: Always there in Rasa.
RASA = frozenset({
    "action_listen", "action_restart", "action_session_start", "action_default_fallback", "action_deactivate_loop",
    "action_extract_slots", "action_back", "nlu_fallback", "requested_slot",
})  # fmt: skip

#: The place of a part in a built name.
WORD = r"\w+"


def check_files(content: Content) -> Iterator[str]:
    """One topic, one name: domain/, nlu/, stories/ and tests/content/ use the same file names."""
    domain = set(content.files["domain"])
    for folder in ("nlu", "stories", "tests/content"):
        for stem in sorted(set(content.files[folder]) - domain):
            yield f"{folder}/{stem}.yml: there is no domain/{stem}.yml; the files of a topic have one name."
    for stem in sorted(set(content.files["stories"]) - set(content.files["tests/content"]) - NOT_TYPED):
        yield f"tests/content/{stem}.yml is missing: write the conversations that stories/{stem}.yml must get right."
    for folder in content.files:
        for stem, file in content.files[folder].items():
            if not file:
                yield f"{folder}/{stem}.yml is empty."


def check_stories(content: Content) -> Iterator[str]:
    """Stories and test conversations name only intents, actions, forms and slots that exist."""
    for folder in ("stories", "tests/content"):
        for stem, file in content.files[folder].items():
            for story in [*(file.get("rules") or []), *(file.get("stories") or [])]:
                title = story.get("rule") or story.get("story")
                steps = [*(story.get("condition") or []), *(story.get("steps") or [])]
                for step in steps:
                    for problem in _step(content, step):
                        yield f"{folder}/{stem}.yml, «{title}»: {problem}"


def _step(content: Content, step: dict[str, Any]) -> Iterator[str]:
    for branch in step.get("or") or []:
        yield from _step(content, branch)
    intent = step.get("intent")
    if intent and intent not in content.intents | RASA:
        yield f"no domain file lists the intent {intent}."
    action = step.get("action")
    known = set(content.actions) | set(content.responses) | set(content.forms) | RASA
    if action and action not in known:
        yield f"no domain file lists the action {action}."
    loop = step.get("active_loop")
    if loop and loop not in content.forms:
        yield f"no domain file lists the form {loop}."
    for slot in step.get("slot_was_set") or []:
        for name in [slot] if isinstance(slot, str) else slot:
            if name not in content.slots | RASA:
                yield f"no domain file lists the slot {name}."


def check_actions(content: Content) -> Iterator[str]:
    """Actions have code, code utters responses that exist, no response is forgotten, forms have their check."""
    for action, stem in content.actions.items():
        if action not in content.code.actions:
            yield f"domain/{stem}.yml: no class in actions/ has the name {action}."
    for action in sorted(content.code.actions - set(content.actions) - RASA):
        yield f"actions/ has {action}, which no domain file lists under `actions:`; Rasa would not find it."
    for response in sorted(content.code.responses - set(content.responses)):
        yield f"actions/ utters {response}, which no domain file has."
    for built in sorted(built for built in content.code.built if WORD in built):
        if not any(re.fullmatch(built, name) for name in content.responses):
            yield f"actions/ utters responses such as {built.replace(WORD, '…')}, and no domain file has one."
    yield from _forgotten(content)
    for form, slots in content.forms.items():
        for slot in slots:
            if slot not in content.slots:
                yield f"domain/: the form {form} asks for {slot}, which no domain file lists under `slots:`."


def _forgotten(content: Content) -> Iterator[str]:
    steps = str([content.files["stories"], content.files["tests/content"]])
    asked = {f"utter_ask_{slot}" for slots in content.forms.values() for slot in slots}
    for name, stem in content.response_files.items():
        said = name in content.code.responses or name in asked or f"'{name}'" in steps
        if not said and not any(re.fullmatch(built, name) for built in content.code.built):
            yield f"domain/{stem}.yml: nothing says {name}; use it in a story or an action, or remove it."
    payloads = {
        str(button.get("payload") or "").lstrip("/").split("{")[0]
        for variations in content.responses.values() for one in variations for button in one.get("buttons") or []
    }
    for intent in sorted(content.intents - set(content.examples) - payloads - content.code.intents - SENT_BY_BOT):
        if f"/{intent}" not in steps:
            yield f"domain/: the intent {intent} has neither examples in nlu/ nor a button that leads to it."
