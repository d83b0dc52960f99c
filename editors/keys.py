"""Rules for the words that files are built of: what stands under a word that Rasa does not know is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from editors.content import Content, Source
from editors.sentences import Mistake

_STORIES = "version rules stories".split()
#: What may stand at the top of a file, by folder.
TOPS = {
    "domain": "version session_config intents entities slots responses forms actions".split(),
    "nlu": "version nlu".split(),
    "stories": _STORIES,
    "tests/content": _STORIES,
}
VARIATION = "text buttons condition image custom channel metadata".split()
BUTTON = "title payload type".split()
BLOCK = "intent metadata examples".split()
STORY = "rule story steps condition metadata conversation_start wait_for_user_input".split()
STEP = "intent entities action user active_loop slot_was_set or bot checkpoint metadata".split()


def check_keys(content: Content) -> Iterator[Mistake]:
    """Every word that is none of these, with the one that was meant."""
    for folder, sources in content.sources.items():
        for source in sources.values():
            yield from _unknown(source, source.data, TOPS[folder])
            for number, block in enumerate(source.data.get("nlu") or []):
                yield from _unknown(source, block, BLOCK, "nlu", number)
    for response in content.responses.values():
        for number, variation in enumerate(response.variations):
            at = ("responses", response.name, number)
            yield from _unknown(response.source, variation, VARIATION, *at)
            for place, button in enumerate(variation.get("buttons") or []):
                yield from _unknown(response.source, button, BUTTON, *at, "buttons", place)
    for source, key, number, story in content.stories("stories", "tests/content"):
        yield from _unknown(source, story, STORY, key, number)
        for place, step in enumerate(story.get("steps") or []):
            yield from _unknown(source, step, STEP, key, number, "steps", place)


def _unknown(source: Source, found: Mapping[str, Any], known: list[str], *path: str | int) -> Iterator[Mistake]:
    for key in found:
        if str(key) not in known:
            meant = get_close_matches(str(key), known, 1, 0.6) or known
            yield source.mistake("unknown_key", *path, str(key), key=key, known=", ".join(f"{one}:" for one in meant))
