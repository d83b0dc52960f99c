"""Rules for what the bot says (the responses of domain/), by the channels' own limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import bot.channels
from bot.channels.base import Abilities, Limits, fit
from bot.flow.texts import Texts
from bot.model.replies import QuickReply, Reply
from editors.content import Content, Response, language_of
from editors.sentences import Mistake
from editors.wiring import REACHED_IN_A_FORM, TITLE, answered

#: A longer answer is not read on a phone; more buttons are not looked at.
LONGEST, BUTTONS = 300, 8
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
#: A variable in a text; doubled braces are none.
VARIABLE = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")


@cache
def platforms() -> dict[str, tuple[Limits, Abilities]]:
    """Every channel of the registry with its limits: a new one is checked from its first day."""
    found = [each for each in vars(bot.channels).values() if isinstance(getattr(each, "limits", None), Limits)]
    return {each.name: (each.limits, each.abilities) for each in found}


@cache
def way_to_a_person(language: str) -> QuickReply:
    """The button that the bot puts under every answer: it takes a place too."""
    return QuickReply(Texts(company="").say("talk_to_us", language), "/ask_human")


def check_answers(content: Content) -> Iterator[Mistake]:
    """Both languages, the same facts in both, short texts, buttons that fit and lead somewhere."""
    yield from content.repeated
    reached = answered(content)
    for response in content.responses.values():
        italian, english = response.of("it"), response.of("en")
        if italian is None:
            yield response.mistake("no_italian")
        if english is None:
            yield response.mistake("no_english")
        for number, variation in enumerate(response.variations):
            yield from _text(content, response, number, variation)
            for button, one in enumerate(variation.get("buttons") or []):
                at = (number, "buttons", button)
                yield from _button(content, response, at, one, reached)
            yield from _on_platforms(response, number, variation)
        if italian and english:
            yield from _same_facts(response, italian, english)


def _text(content: Content, response: Response, number: int, variation: dict[str, Any]) -> Iterator[Mistake]:
    text = str(variation.get("text") or "")
    at = (number, "text")
    if not text.strip() and not variation.get("custom"):
        yield response.mistake("empty_text", *at)
    if text[:1] in ("“", "„") and text.rstrip()[-1:] in ("”", "“"):
        yield response.mistake("curly", *at)
    if len(text) > LONGEST:
        yield response.mistake("long_text", *at, start=text[:40], length=len(text), most=LONGEST)
    if len(EMOJI.findall(text)) > 1:
        yield response.mistake("emoji", *at, start=text[:40])
    if text.count("!") > 1:
        yield response.mistake("shouts", *at, start=text[:40])
    titles = [str(button.get("title") or "") for button in variation.get("buttons") or []]
    for name in VARIABLE.findall(" ".join([text, *titles])):
        if name not in content.slots and name not in content.code.variables:
            yield response.mistake("unknown_variable", *at, variable="{" + name + "}")
    if len(titles) > BUTTONS:
        yield response.mistake("many_buttons", number, "buttons", count=len(titles), most=BUTTONS)
    for title in sorted({title for title in titles if titles.count(title) > 1}):
        last = len(titles) - 1 - titles[::-1].index(title)
        yield response.mistake("title_twice", number, "buttons", last, title=title)


def _on_platforms(response: Response, number: int, variation: dict[str, Any]) -> Iterator[Mistake]:
    """What `fit` makes of the answer on each platform, with the way to a person that the bot adds."""
    text = str(variation.get("text") or "")
    buttons = tuple(_quick_reply(one) for one in variation.get("buttons") or [])
    language = language_of(variation)
    person = way_to_a_person(language if language in ("it", "en") else "it")
    if response.name.startswith(TITLE):
        buttons = (QuickReply(text, "/" + response.name.removeprefix(TITLE)),)  # "do you mean …?" makes it a button
    for platform, (limits, abilities) in platforms().items():
        lost = [q for q in buttons if q.title and not _shown((q,), limits, abilities)]
        for one in lost:
            at = (number, "buttons", buttons.index(one), "title")
            say = "title_long" if not _shown((QuickReply(one.title, "/x"),), limits, abilities) else "payload_long"
            most = limits.title if say == "title_long" else limits.payload
            yield response.mistake(
                say, *at, title=one.title, length=len(one.title), platform=platform.capitalize(), most=most
            )
        if buttons and not lost and all(q.title for q in buttons) and not _shown((*buttons, person), limits, abilities):
            yield response.mistake(
                "buttons_lost", number, "buttons", count=len(buttons), most=limits.quick_replies - 1,
                platform=platform.capitalize(),
            )  # fmt: skip
        if text and len(fit(Reply(text), limits, abilities)) > 1:
            yield response.mistake("split_text", number, "text", platform=platform.capitalize(), most=limits.text)


def _quick_reply(button: dict[str, Any]) -> QuickReply:
    payload = str(button.get("payload") or "").replace("{{", "{").replace("}}", "}")
    return QuickReply(str(button.get("title") or ""), payload)


def _shown(quick_replies: tuple[QuickReply, ...], limits: Limits, abilities: Abilities) -> bool:
    """Whether all of them are buttons there, not numbered lines."""
    return len(fit(Reply("x", quick_replies), limits, abilities)[-1].quick_replies) == len(quick_replies)


def _button(
    content: Content, response: Response, at: tuple[str | int, ...], button: dict[str, Any], reached: frozenset[str]
) -> Iterator[Mistake]:
    title, payload = str(button.get("title") or ""), str(button.get("payload") or "")
    if not title:
        yield response.mistake("no_title", *at)
    match = re.fullmatch(r"/(\w+)(\{.*\})?", payload)
    at = (*at, "payload")
    if not match and not VARIABLE.search(payload):
        yield response.mistake("payload_shape", *at, title=title, payload=payload)
    if not match:
        return
    if match[1] == "ask_human":
        yield response.mistake("person_button", *at, title=title)
    elif match[1] not in content.intents:
        yield response.mistake("leads_nowhere", *at, title=title, intent=match[1])
    elif match[1] not in reached | REACHED_IN_A_FORM:
        yield response.mistake("leads_to_silence", *at, title=title, intent=match[1])
    if match[2]:
        yield from _payload_entities(content, response, at, title, match[2])


def _payload_entities(
    content: Content, response: Response, at: tuple[str | int, ...], title: str, data: str
) -> Iterator[Mistake]:
    if not (data.startswith("{{") and data.endswith("}}")):
        yield response.mistake("single_braces", *at, title=title)
        return
    try:
        entities = json.loads(data[1:-1])
    except ValueError:
        yield response.mistake("no_json", *at, title=title, data=data)
        return
    for entity in sorted(set(entities) - set(content.entities)):
        yield response.mistake("unknown_entity", *at, title=title, entity=entity)


def _same_facts(response: Response, italian: dict[str, Any], english: dict[str, Any]) -> Iterator[Mistake]:
    facts = [set(VARIABLE.findall(str(one.get("text") or ""))) for one in (italian, english)]
    for lacking, other, say in ((italian, facts[1] - facts[0], "it"), (english, facts[0] - facts[1], "en")):
        if other:
            names = ", ".join("{" + name + "}" for name in sorted(other))
            yield response.mistake(f"lacks_{say}", response.variations.index(lacking), "text", names=names)
    payloads = [[button.get("payload") for button in one.get("buttons") or []] for one in (italian, english)]
    if payloads[0] != payloads[1]:
        yield response.mistake("different_buttons", response.variations.index(english), "buttons")
