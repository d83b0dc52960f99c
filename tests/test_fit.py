"""fit(): whatever a reply is, each part is within the platform's limits and nothing of it is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.base import Abilities, Limits, fit
from bot.channels.messenger import MessengerChannel
from bot.channels.telegram import TelegramChannel
from bot.model.replies import QuickReply, Reply, Speaker, chosen

PLAIN = Limits(text=120, caption=40, quick_replies=3, title=20, payload=64)
NO_PERSONAS = Abilities(ask_location=True, ask_contact=True, personas=False, echoes=False, edits=False)
PERSONAS = Abilities(ask_location=False, ask_contact=False, personas=True, echoes=True, edits=False)
ANNA = Speaker(1, "Anna Verdi", "anna.jpg", "")

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.builds(
    lambda text, times: text * times,
    st.text(CHARACTERS | st.sampled_from(" .\n!😀x"), max_size=90),
    st.integers(1, 9),
)
quick_replies = st.builds(
    QuickReply,
    title=st.text("abcdeè 😀", min_size=1, max_size=30).filter(str.strip),
    payload=st.text("/abcè", max_size=40),
    kind=st.sampled_from(["text", "text", "text", "location", "contact"]),
)
replies = st.builds(
    Reply,
    text=texts,
    quick_replies=st.lists(quick_replies, max_size=8).map(tuple),
    image=st.none() | st.just("map.png"),
)
limits = st.builds(
    Limits,
    text=st.integers(60, 200),
    caption=st.integers(0, 100),
    quick_replies=st.integers(0, 6),
    title=st.integers(1, 30),
    payload=st.sampled_from([0, 20, 64]),
    utf16=st.booleans(),
)
speakers = st.none() | st.builds(
    Speaker,
    id=st.just(1),
    name=st.text("Anna 😀Verdi", min_size=1, max_size=60).filter(str.strip),
    picture=st.just("a.jpg"),
    picture_url=st.just(""),
)


def length(text: str, limits: Limits) -> int:
    return len(text.encode("utf-16-le")) // 2 if limits.utf16 else len(text)


@given(replies, limits, st.sampled_from([NO_PERSONAS, PERSONAS]), speakers)
def test_every_part_is_within_the_limits_and_nothing_is_lost(
    reply: Reply, limits: Limits, abilities: Abilities, speaker: Speaker | None
) -> None:
    parts = fit(reply, limits, abilities, speaker=speaker)

    for part in parts:
        assert part.text or part.image
        assert length(part.text, limits) <= (limits.caption if part.image else limits.text)
        assert len(part.quick_replies) <= limits.quick_replies
        for q in part.quick_replies:
            assert length(q.title, limits) <= limits.title
            assert not limits.payload or len(q.payload.encode()) <= limits.payload
    assert all(not part.quick_replies for part in parts[:-1])
    assert [part.image for part in parts if part.image] == ([reply.image] if reply.image else [])

    lead = named_lead(speaker, limits) if speaker and not abilities.personas else ""
    for part in parts:
        if part.text:
            assert part.text.startswith(lead) or part.text == lead.removesuffix(": ")
    said = "".join(part.text.removeprefix(lead) for part in parts if part.text != lead.removesuffix(": "))
    assert squeezed(said).startswith(squeezed(reply.text))
    shown = {q for part in parts for q in part.quick_replies}
    possible = [q for q in reply.quick_replies if abilities.ask_location or q.kind == "text"]
    for q in possible:
        assert q in shown or squeezed(f"{reply.quick_replies.index(q) + 1}. {q.title}") in squeezed(said)


def named_lead(speaker: Speaker, limits: Limits) -> str:
    name = " ".join(speaker.name.split())
    while length(name, limits) > limits.text // 3:
        name = name[:-1]
    return name.rstrip() + ": "


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@given(texts)
def test_pieces_of_a_real_platform_say_the_whole_text(text: str) -> None:
    for channel in (TelegramChannel, MessengerChannel):
        parts = fit(Reply(text * 20), channel.limits, channel.abilities)
        assert squeezed("".join(part.text for part in parts)) == squeezed(text * 20)


def test_a_long_text_is_cut_at_the_end_of_a_sentence() -> None:
    text = "Il negozio apre alle nove. La domenica resta chiuso. " * 4
    assert [part.text[-1] for part in fit(Reply(text), PLAIN, PERSONAS)] == ["."] * 2


def test_a_numbered_line_is_not_cut_after_its_number() -> None:
    offered = tuple(QuickReply(f"Una scelta piuttosto lunga {n}", f"/choice_{n}") for n in range(1, 10))
    parts = fit(Reply("Scegli.", offered), PLAIN, PERSONAS)
    lines = [line for part in parts for line in part.text.splitlines()]
    assert lines[1:] == [f"{n}. Una scelta piuttosto lunga {n}" for n in range(1, 10)]


@pytest.mark.parametrize("text", ["Una frase che si ripete. " * 20, "senzaspazi" * 50])
def test_every_piece_says_who_is_speaking(text: str) -> None:
    parts = fit(Reply(text), PLAIN, NO_PERSONAS, speaker=ANNA)
    assert len(parts) > 3
    assert all(part.text.startswith("Anna Verdi: ") and len(part.text) <= PLAIN.text for part in parts)


def test_a_caption_and_a_picture_alone_say_who_is_speaking() -> None:
    [captioned] = fit(Reply("Ecco la mappa.", image="map.png"), PLAIN, NO_PERSONAS, speaker=ANNA)
    assert captioned.text == "Anna Verdi: Ecco la mappa."
    [alone] = fit(Reply("", image="map.png"), PLAIN, NO_PERSONAS, speaker=ANNA)
    assert alone.text == "Anna Verdi"


def test_where_personas_exist_the_text_stays_as_written() -> None:
    assert [part.text for part in fit(Reply("Buongiorno"), PLAIN, PERSONAS, speaker=ANNA)] == ["Buongiorno"]


def test_a_number_means_the_button_it_stands_for_even_when_one_before_it_cannot_be_asked() -> None:
    offered = (
        QuickReply("Dove sono", "/share_location", kind="location"),
        *(QuickReply(f"Scelta {n}", f"/choice_{n}") for n in range(5)),
    )
    [part] = fit(Reply("Dove?", offered), PLAIN, PERSONAS)
    for line in part.text.splitlines()[1:]:
        number, title = line.split(". ")
        button = chosen(number, offered)
        assert button and button.title == title


def test_a_button_that_asks_for_the_position_stays_a_button_beside_a_list() -> None:
    offered = (
        *(QuickReply(f"Scelta {n}", f"/choice_{n}") for n in range(5)),
        QuickReply("Dove sono", "/share_location", kind="location"),
    )
    [part] = fit(Reply("Dove?", offered), PLAIN, NO_PERSONAS)
    assert [q.kind for q in part.quick_replies] == ["location"]
    assert "Dove sono" not in part.text


@pytest.mark.parametrize("channel", [TelegramChannel, MessengerChannel])
def test_buttons_without_a_text_are_not_lost(channel: type[TelegramChannel] | type[MessengerChannel]) -> None:
    [part] = fit(Reply("", (QuickReply("Orari", "/store_hours"),)), channel.limits, channel.abilities)
    assert part.text and part.quick_replies


def test_half_a_character_does_not_stop_a_reply() -> None:
    [part] = fit(Reply("ecco \ud83d qui"), TelegramChannel.limits, TelegramChannel.abilities)
    assert part.text == "ecco \ufffd qui"
