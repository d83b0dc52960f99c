"""Rules of stories/ that cannot both hold. Rasa says so only when it trains, and names no line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from editors.content import Content, Source
from editors.sentences import Mistake

#: What a rule knows when it decides: conditions, then everything that happened in it so far.
Context = tuple[str, ...]
FORMS_OWN = "requested_slot"


def check_contradictions(content: Content) -> Iterator[Mistake]:
    """Equal conditions with different actions; conditions that Rasa never looks at; rules without an action."""
    decided: dict[Context, tuple[str, str, Source, int]] = {}
    stories = sorted(content.stories(), key=lambda found: found[1])  # rules first: a story has to obey them
    for source, key, number, story in stories:
        title = str(story.get("rule") or story.get("story") or "?")
        steps = story.get("steps") or []
        if not any("action" in step for step in steps):
            yield source.mistake("rule_without_action", key, number, story=title)
        yield from _without_effect(content, source, key, number, story)
        for place, context, action in _decisions(content, story, whole=key == "rules"):
            line = source.document.line(key, number, "steps", place)
            before = decided.setdefault(context, (action, title, source, line))
            if before[0] != action:
                yield Mistake(source.name, line, "contradiction", {
                    "story": title, "action": action, "other": before[1], "before": before[0],
                    "there": f"{before[2].name}:{before[3]}",
                })  # fmt: skip
            elif key == "rules" and before[1:] != (title, source, line) and place == _last(steps):
                yield Mistake(source.name, line, "rule_twice", {
                    "story": title, "other": before[1], "there": f"{before[2].name}:{before[3]}",
                })  # fmt: skip


def _last(steps: list[dict[str, Any]]) -> int:
    return max(place for place, step in enumerate(steps) if "action" in step)


def _decisions(
    content: Content, story: dict[str, Any], *, whole: bool
) -> Iterator[tuple[int, Context, str]]:
    """Each action with what is known before it. Of a story only what follows a message is compared with rules."""
    conditions = _conditions(content, story)
    past: list[tuple[str, ...]] = [()]
    for place, step in enumerate(story.get("steps") or []):
        if "action" in step:
            for each in past:
                context = (*conditions, *each) if whole else each[-1:]
                if whole or (each and each[-1].startswith("intent ") and not _in_a_form(each)):
                    yield place, context, str(step["action"])
        names = _names(content, step)
        past = [(*each, name) for each in past for name in names] if names else past


def _in_a_form(past: tuple[str, ...]) -> bool:
    loops = [name for name in past if name.startswith("loop ")]
    return bool(loops) and loops[-1] != "loop None"


def _conditions(content: Content, story: dict[str, Any]) -> tuple[str, ...]:
    found = {"start"} if story.get("conversation_start") else set()
    for condition in story.get("condition") or []:
        found |= set(_names(content, condition))
    return tuple(sorted(found))


def _names(content: Content, step: dict[str, Any]) -> list[str]:
    """What a step adds to what is known; several where it says "or"."""
    if step.get("or"):
        return [name for branch in step["or"] for name in _names(content, branch)]
    if "intent" in step:
        entities = ",".join(sorted(str(each) for each in step.get("entities") or []))
        return [f"intent {step['intent']} {entities}".strip()]
    if "action" in step:
        return [f"action {step['action']}"]
    if "active_loop" in step:
        return [f"loop {step['active_loop']}"]
    slots = [(name, value) for name, value in _slots(step) if name == FORMS_OWN or _counts(content, name)]
    return [" ".join(f"slot {name}={value}" for name, value in sorted(slots, key=str))] if slots else []


def _slots(step: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for slot in step.get("slot_was_set") or []:
        yield from [(slot, "set")] if isinstance(slot, str) else slot.items()


def _counts(content: Content, slot: str) -> bool:
    """Does Rasa look at this slot when it decides?"""
    return bool((content.slots.get(slot) or {}).get("influence_conversation", True))


def _without_effect(
    content: Content, source: Source, key: str, number: int, story: dict[str, Any]
) -> Iterator[Mistake]:
    for place, condition in enumerate(story.get("condition") or []):
        for name, _ in _slots(condition):
            if name in content.slots and not _counts(content, name):
                title = story.get("rule") or "?"
                yield source.mistake("no_effect", key, number, "condition", place, story=title, name=name)
