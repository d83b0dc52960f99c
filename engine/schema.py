"""What Rasa 3.6.21 finds out anew in every turn though it never changes: found out once.

- It calls `jsonschema.validate` at each action, which first proves that the constant schema is a schema: 25 of the
  35 ms of a turn with one action. Of each event only its own kind's rules are tried, not those of all kinds.
- It looks through all classes of events for each event that it reads: a tenth of a turn's processor time.
- It copies every slot for each state that it looks back at, and Python asks each of them anew how it is copied: a
  twelfth of a turn's processor time.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import Event
from rasa.shared.core.slots import Slot


def check_schema_once() -> None:
    """Let remote actions use validators made here. Called once, before the engine serves."""
    schema = RemoteAction.action_response_format_spec()
    kind = validator_for(schema)
    kind.check_schema(schema)
    whole = kind(schema)
    items = schema["properties"]["events"]["items"]
    by_name = {each["properties"]["event"]["const"]: kind({**items, "oneOf": [each]}) for each in items["oneOf"]}
    frame = kind({**schema, "properties": {**schema["properties"], "events": {"type": "array"}}})

    def is_event(event: Any) -> bool:
        name = event.get("event") if isinstance(event, dict) else None
        return isinstance(name, str) and name in by_name and by_name[name].is_valid(event)

    def validate(_: RemoteAction, result: dict[str, Any]) -> bool:
        fine = frame.is_valid(result) and all(is_event(event) for event in result.get("events", []))
        error = None if fine else best_match(whole.iter_errors(result))
        if error is not None:
            raise error
        return True

    RemoteAction._validate_action_result = validate


def find_kinds_of_events_once() -> None:
    """Let Rasa remember which class a kind of event is. Called once, before the engine serves."""
    if not hasattr(Event.resolve_by_type, "cache_info"):
        Event.resolve_by_type = staticmethod(cache(Event.resolve_by_type))


def copy_slots_plainly() -> None:
    """Let slots be copied as Python would, without asking. Called once, before the engine serves."""

    def copied(self: Slot) -> Slot:
        other = self.__class__.__new__(self.__class__)
        other.__dict__.update(self.__dict__)
        return other

    Slot.__copy__ = copied
