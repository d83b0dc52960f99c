"""Rules for how the files hang together: same names, known names, an answer for every topic, code behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from editors.code import WORD
from editors.content import Content
from editors.sentences import Mistake

#: Topic files that hold nothing a customer types.
NOT_TYPED = frozenset({"common", "identity"})
#: Sent by the bot itself, not by a button of a response.
SENT_BY_BOT = frozenset({"share_location", "share_contact", "check_incident", "incident_fixed", "check_promise"})
#: Buttons of a form's questions: the form takes them, no rule has to.
REACHED_IN_A_FORM = frozenset({"inform", "cancel_form"})
#: Nothing to choose between: these are never offered as "do you mean … or …?".
SMALL_TALK = frozenset({"greet", "goodbye", "thank", "affirm", "deny", "ask_bot", "misunderstood", "ask_human"})
#: The short title of a topic.
TITLE = "utter_topic_"
#: Rasa's policies that learn of `stories:`. Each costs every turn time, so there is none while there are only rules.
LEARN_STORIES = {"MemoizationPolicy", "AugmentedMemoizationPolicy", "TEDPolicy", "UnexpecTEDIntentPolicy"}
HOME = Path(__file__).resolve().parent.parent
#: Always there in Rasa.
RASA = frozenset({
    "action_listen", "action_restart", "action_session_start", "action_default_fallback", "action_deactivate_loop",
    "action_extract_slots", "action_back", "nlu_fallback", "requested_slot",
})  # fmt: skip


def answered(content: Content) -> frozenset[str]:
    """Intents after which some rule or story does something."""
    found: set[str] = set()
    for _, _, _, story in content.stories():
        steps = story.get("steps") or []
        for step, after in zip(steps, steps[1:], strict=False):
            if "action" in after:
                found |= {str(each["intent"]) for each in [step, *(step.get("or") or [])] if each.get("intent")}
    return frozenset(found)


def check_files(content: Content) -> Iterator[Mistake]:
    """One topic, one name: domain/, nlu/, stories/ and tests/content/ use the same file names. Nothing twice."""
    domain = set(content.sources["domain"])
    for folder in ("nlu", "stories", "tests/content"):
        for stem in sorted(set(content.sources[folder]) - domain):
            yield content.sources[folder][stem].mistake("no_domain_file", stem=stem)
    for stem in sorted(set(content.sources["stories"]) - set(content.sources["tests/content"]) - NOT_TYPED):
        yield content.sources["stories"][stem].mistake("no_test_file", stem=stem)
    for sources in content.sources.values():
        for source in sources.values():
            if not source.data:
                yield source.mistake("empty_file")
            for path in source.document.twice:
                in_a_list = len(path) > 1 and isinstance(path[-2], int)
                yield source.mistake("key_twice_dash" if in_a_list else "key_twice", *path, key=path[-1])
    for folder in content.sources:
        for file in sorted((content.root / folder).glob("[!.]*")):
            if file.is_file() and file.suffix != ".yml":
                yield Mistake(f"{folder}/{file.name}", 0, "odd_file")


def check_topics(content: Content) -> Iterator[Mistake]:
    """What customers type has an answer and a short title; what is listed can be reached."""
    reached, told = answered(content), set()
    for example in content.examples:
        if example.intent in told:
            continue
        told.add(example.intent)
        if example.intent in content.intents:
            source, line = content.intents[example.intent]
            values = {"intent": example.intent}
            if example.intent not in reached:
                yield Mistake(source.name, line, "no_answer", values)
            if example.intent not in SMALL_TALK and TITLE + example.intent not in content.responses:
                yield Mistake(source.name, line, "no_topic_title", values)
    steps = _all_steps(content)
    payloads = {
        str(button.get("payload") or "").lstrip("/").split("{")[0]
        for response in content.responses.values()
        for one in response.variations
        for button in one.get("buttons") or []
    }
    for intent in sorted(set(content.intents) - told - payloads - content.code.intents - SENT_BY_BOT):
        if f"/{intent}" not in steps:
            source, line = content.intents[intent]
            yield Mistake(source.name, line, "nobody_reaches", {"intent": intent})


def _all_steps(content: Content) -> str:
    return str([source.data for folder in ("stories", "tests/content") for source in content.sources[folder].values()])


def check_stories(content: Content) -> Iterator[Mistake]:
    """Stories and test conversations name only intents, actions, forms and slots that exist."""
    for source, key, number, story in content.stories("stories", "tests/content"):
        title = story.get("rule") or story.get("story") or "?"
        for part in ("condition", "steps"):
            for place, step in enumerate(story.get(part) or []):
                for say, name in _unknown(content, step):
                    yield source.mistake(say, key, number, part, place, story=title, name=name)


def check_read(content: Content) -> Iterator[Mistake]:
    """Rules are followed; stories are examples, and teach nothing where config.yml names nobody who learns of them."""
    config = content.root / "config.yml"
    read = yaml.safe_load((config if config.exists() else HOME / "config.yml").read_text("utf-8"))
    if not LEARN_STORIES & {each["name"] for each in read.get("policies") or []}:
        for source in content.sources["stories"].values():
            if source.data.get("stories"):
                yield source.mistake("stories_not_read", "stories")


def _unknown(content: Content, step: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for branch in step.get("or") or []:
        yield from _unknown(content, branch)
    intent = step.get("intent")
    if intent and intent not in content.intents and intent not in RASA:
        yield "story_intent", intent
    action = step.get("action")
    known = set(content.actions) | set(content.responses) | set(content.forms) | RASA
    if action and action not in known:
        yield "story_action", action
    loop = step.get("active_loop")
    if loop and loop not in content.forms:
        yield "story_form", loop
    for slot in step.get("slot_was_set") or []:
        for name in [slot] if isinstance(slot, str) else slot:
            if name not in content.slots and name not in RASA:
                yield "story_slot", name


def check_actions(content: Content) -> Iterator[Mistake]:
    """Actions have code, code utters responses that exist, no response is forgotten, forms have their check."""
    for action, (source, line) in content.actions.items():
        if action not in content.code.actions:
            yield Mistake(source.name, line, "no_code", {"action": action})
    for action in sorted(content.code.actions - set(content.actions) - RASA):
        yield Mistake("actions/", 0, "undeclared_code", {"action": action})
    for response in sorted(content.code.responses - set(content.responses)):
        yield Mistake("actions/", 0, "code_response", {"response": response})
    for built in sorted(built for built in content.code.built if WORD in built):
        if not any(re.fullmatch(built, name) for name in content.responses):
            yield Mistake("actions/", 0, "code_built", {"response": built.replace(WORD, "…")})
    yield from _forgotten(content)
    for form, (source, slots) in content.forms.items():
        for slot in slots:
            if slot not in content.slots:
                yield source.mistake("form_slot", "forms", form, form=form, slot=slot)


def _forgotten(content: Content) -> Iterator[Mistake]:
    steps = _all_steps(content)
    asked = {f"utter_ask_{slot}" for _, slots in content.forms.values() for slot in slots}
    for name, response in content.responses.items():
        if name.startswith(TITLE):
            if name.removeprefix(TITLE) not in content.intents:
                yield response.mistake("title_of_nothing", intent=name.removeprefix(TITLE))
            continue
        said = name in content.code.responses or name in asked or f"'{name}'" in steps
        if not said and not any(re.fullmatch(built, name) for built in content.code.built):
            yield response.mistake("forgotten")
