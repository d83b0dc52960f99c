"""What agents do at the desk: take, reply, note, give back, close; lists, files, live news. On both databases."""

from __future__ import annotations

import asyncio
import html
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError
from sqlalchemy import Connection, event

from bot.desk import moves
from bot.model.errors import SendError
from bot.store import inbox, lists, messages
from bot.store import tables as t
from tests.desk_support import AS_SCRIPT, DeskWorld, Visitor, png
from tests.flow_support import Platform, with_abilities

NAMES = [f"Persona {chr(65 + n)}" for n in range(20)]


async def form_word(visitor: Visitor, conversation: int) -> str:
    """The word of the reply form on the page."""
    page = await visitor.opens(f"/desk/c/{conversation}")
    found = re.search(r'id="reply-form".*?name="once" value="([^"]+)"', page.text, re.DOTALL)
    assert found
    return html.unescape(found[1])


async def taken(desk: DeskWorld, **more: str) -> tuple[Visitor, int]:
    """Anna has a customer."""
    conversation = await desk.asks(**more)
    anna = await desk.agent()
    assert (await anna.posts(f"/desk/c/{conversation}/take")).status == 303
    return anna, conversation


async def test_of_twenty_who_take_at_once_one_wins_and_the_others_are_told_who(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    people = await asyncio.gather(*(desk.agent(f"p{n}", name) for n, name in enumerate(NAMES)))
    answers = await asyncio.gather(*(p.posts(f"/desk/c/{conversation}/take", **AS_SCRIPT) for p in people))
    said = [json.loads(answer.text) for answer in answers]
    winners = [name for name, one in zip(NAMES, said, strict=True) if one["ok"]]
    found = await desk.flow.conversation()
    assert found and len(winners) == 1 and len(await desk.flow.rows(t.moves)) == 2
    assert all(winners[0] in one["notice"] for one in said if not one["ok"])
    loser = people[NAMES.index(winners[0]) - 1]
    page = await loser.posts(f"/desk/c/{conversation}/take")
    assert page.status == 303  # without the script: the same page, and a sentence on it
    assert f"La segue già {winners[0]}" in (await loser.opens(page.goes_to)).text


async def test_taking_twice_oneself_is_no_mistake(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    again = await anna.posts(f"/desk/c/{conversation}/take", **AS_SCRIPT)
    assert json.loads(again.text)["ok"] and len(await desk.flow.rows(t.moves)) == 2


async def test_the_own_face_in_a_greeting_takes_little_room_at_the_desk(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    assert '<img class="picture portrait" src="/people/' in (await anna.opens(f"/desk/c/{conversation}")).text


async def test_a_reply_is_delivered_with_the_name_and_once_per_form(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    word = await form_word(anna, conversation)
    form = {"text": "Ciao, guardo subito.", "once": word}
    await asyncio.gather(*(anna.posts(f"/desk/c/{conversation}/reply", form) for _ in range(5)))
    await anna.posts(f"/desk/c/{conversation}/reply", form)
    await desk.flow.delivers()
    assert desk.flow.platform.texts()[-1] == "Anna Kessler: Ciao, guardo subito."
    assert await desk.flow.said("agent") == [desk.flow.text("taken", name="Anna Kessler"), "Ciao, guardo subito."]
    # the browser's way back, and other words: nothing that was meant is lost
    await anna.posts(f"/desk/c/{conversation}/reply", {**form, "text": "Altro"})
    assert (await desk.flow.said("agent"))[-1] == "Altro"
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "Ciao, guardo subito." in page and "inviato" in page


async def test_a_reply_with_an_image(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    word = await form_word(anna, conversation)
    path = f"/desk/c/{conversation}/reply"
    refused = await anna.posts(path, {"once": word, "text": "ecco", "image": b"<svg/>"}, **AS_SCRIPT)
    assert not json.loads(refused.text)["ok"] and "immagine" in refused.text
    assert (await anna.posts(path, {"once": word, "text": "ecco", "image": png()})).status == 303
    row = (await desk.flow.rows(t.messages))[-1]
    assert Path(row.image).read_bytes().startswith(b"\xff\xd8\xff")
    shown = await anna.opens(f"/desk/images/{row.id}")
    assert shown.status == 200 and shown.headers["Content-Type"] == "image/jpeg"


async def test_only_images_from_the_own_folder_are_shown(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    for image in ("/etc/passwd", "../../etc/passwd", "https://evil.example/a.jpg", "people/../../x"):
        await desk.flow.db.write(lambda c, image=image: c.execute(t.messages.update().values(image=image)))
        assert (await anna.opens("/desk/images/1")).status == 404, image
    assert (await anna.opens(f"/desk/c/{conversation}")).status == 200


@pytest.mark.parametrize("move", ["reply", "back", "queue", "close"])
async def test_nobody_acts_in_a_colleague_s_conversation(desk: DeskWorld, move: str) -> None:
    _, conversation = await taken(desk)
    bruno = await desk.agent("bruno", "Bruno Sala")
    form = {"text": "mio", "once": "form:x", "outcome": "solved"}
    answer = json.loads((await bruno.posts(f"/desk/c/{conversation}/{move}", form, **AS_SCRIPT)).text)
    assert not answer["ok"] and "Anna Kessler" in answer["notice"]
    assert await desk.flow.status() == "agent" and "mio" not in await desk.flow.said("agent")


async def test_give_back_requeue_close_and_their_second_click(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    base = f"/desk/c/{conversation}"
    await anna.posts(f"{base}/queue", {"text": "serve un tecnico"})
    assert await desk.flow.status() == "waiting"
    assert "serve un tecnico" in (await anna.opens(base)).text
    await anna.posts(f"{base}/take")
    for _ in range(2):
        answer = await anna.posts(f"{base}/close", {"outcome": "informed"}, **AS_SCRIPT)
        assert json.loads(answer.text)["ok"]
    case = await desk.flow.case()
    assert case and case.outcome == "informed" and await desk.flow.status() == "closed"
    assert "Anna Kessler chiude la richiesta: informato" in (await anna.opens(base)).text
    refused = await anna.posts(f"{base}/close", {"outcome": "withdrawn"}, **AS_SCRIPT)
    assert not json.loads(refused.text)["ok"]


async def test_not_solved_is_told_as_what_it_is(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    await anna.posts(f"/desk/c/{conversation}/close", {"outcome": "solved"})
    await desk.flow.delivers()
    await desk.flow.writes("No, non ancora")
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "In attesa di una persona: dice che non è risolto" in page
    assert "risponde il bot" not in page, "it did not: the case was opened again in the same moment"


async def test_a_lead_puts_a_colleague_s_customer_back_into_the_queue(desk: DeskWorld) -> None:
    _, conversation = await taken(desk)
    lead = await desk.agent("capo", "Carla Dini", "lead")
    assert (await lead.posts(f"/desk/c/{conversation}/queue", {"text": "in malattia"})).status == 303
    assert await desk.flow.status() == "waiting"
    assert (await desk.flow.said("note")) == ["Rimessa in coda al posto di Anna Kessler."]


async def test_what_no_database_takes_is_left_out(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna = await desk.agent()
    said = await anna.posts(f"/desk/c/{conversation}/note", {"text": "due\0parole", "once": "form:1"})
    assert said.status == 303 and "dueparole" in (await anna.opens(f"/desk/c/{conversation}")).text
    assert (await desk.visitor().signs_in("nes\0suno")).status == 401


async def test_a_note_is_for_colleagues_only(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna = await desk.agent()
    form = {"text": "attenzione <b>", "once": "form:1"}
    await anna.posts(f"/desk/c/{conversation}/note", form)
    await anna.posts(f"/desk/c/{conversation}/note", form)
    await desk.flow.delivers()
    assert await desk.flow.said("note") == ["attenzione <b>"]
    assert not any("attenzione" in text for text in desk.flow.platform.texts())
    assert "attenzione &lt;b&gt;" in (await anna.opens(f"/desk/c/{conversation}")).text


async def test_a_failed_message_says_why_and_is_tried_again(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    await desk.flow.delivers()
    desk.flow.platform.problems = [SendError("blocked", "https://api/bot-TOKEN", permanent=True)]
    await anna.posts(f"/desk/c/{conversation}/reply", {"text": "ci sei?", "once": await form_word(anna, conversation)})
    await desk.flow.delivers()
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "il cliente ha bloccato il bot" in page and "TOKEN" not in page
    row = re.search(r'name="outgoing" value="(\d+)"', page)
    assert row
    bruno = await desk.agent("bruno", "Bruno Sala")
    for who, right in ((bruno, False), (anna, True)):
        answer = await who.posts(f"/desk/c/{conversation}/retry", {"outgoing": row[1]}, **AS_SCRIPT)
        assert json.loads(answer.text)["ok"] is right
    await desk.flow.delivers()
    assert desk.flow.platform.texts()[-1] == "Anna Kessler: ci sei?"


async def test_a_bot_s_answer_that_was_never_sent_is_shown_as_such(desk: DeskWorld) -> None:
    flow = desk.flow
    conversation = await desk.asks()
    flow.platform.problems = [SendError("limit", retry_after=60)]
    await flow.writes("e allora?")  # the bot's word waits for the platform
    anna = await desk.agent()
    await anna.posts(f"/desk/c/{conversation}/take")
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "unsent" in page and "non inviato: una persona ha preso la parola" in page


async def test_the_card_holds_what_must_not_be_asked_again(desk: DeskWorld) -> None:
    conversation = await desk.asks(text="Buongiorno, a Pavia è tutto fermo")
    anna = await desk.agent()
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    card = page[page.index('id="card"') :]
    for words in ("Buongiorno, a Pavia è tutto fermo", "Ha chiesto una persona", "non chiederlo di nuovo", "Comune"):
        assert words in card, words
    assert re.search(r"<bdi>Pavia</bdi> <a class=\"to\" href=\"#m1\"", card)


async def test_lists_show_the_longest_waiting_first_page_by_page(desk: DeskWorld) -> None:
    flow = desk.flow
    for n in range(7):
        await desk.asks(str(n), f"aiuto {n}", sender={"name": f"Cliente {n}", "language": "it"})
        flow.clock.passes(minutes=1)
    anna = await desk.agent()
    page = (await anna.opens("/desk")).text
    assert re.findall(r"<bdi>(Cliente \d)</bdi>", page) == [f"Cliente {n}" for n in range(7)]
    for tab, names in (("waiting", [0, 1, 2, 3, 4, 5, 6]), ("all", [6, 5, 4, 3, 2, 1, 0])):
        found, after = [], None
        while True:
            one = await flow.db.read(lambda c, tab=tab, after=after: lists.listed(c, tab, 1, after=after, limit=3))
            found += [row.customer_name for row in one.rows]
            after = one.after
            if after is None:
                break
        assert found == [f"Cliente {n}" for n in names], tab


async def test_mine_shows_first_who_is_to_be_answered(desk: DeskWorld) -> None:
    flow = desk.flow
    anna = await desk.agent()
    for n in range(3):
        await anna.posts(f"/desk/c/{await desk.asks(str(n), sender={'name': f'Cliente {n}'})}/take")
        flow.clock.passes(minutes=1)
    await flow.writes("ci siete?", "1", sender={"name": "Cliente 1"})
    page = (await anna.opens("/desk?tab=mine")).text
    assert re.findall(r"<bdi>(Cliente \d)</bdi>", page)[0] == "Cliente 1" and page.count("Da rispondere</span>") == 1
    beside = await flow.db.read(lambda c: lists.counts(c, 1, lead=False, closing=[], now=flow.clock()))
    assert (beside.waiting, beside.mine, beside.to_answer) == (0, 3, 1)
    for cursor in ("x", "WzFd", '"'):
        assert (await anna.opens(f"/desk?tab=mine&after={cursor}")).status == 200


async def test_a_list_is_one_statement_whatever_its_length(desk: DeskWorld) -> None:
    flow = desk.flow
    counted: list[str] = []

    def count(*arguments: object) -> None:
        counted.append(str(arguments[2]))

    def listed(connection: Connection) -> int:
        counted.clear()
        lists.listed(connection, "waiting", 1)
        return len(counted)

    event.listen(flow.db.single, "before_cursor_execute", count)
    try:
        for n in range(4):
            await desk.asks(str(n))
            assert await flow.db.read(listed) == 1
    finally:
        event.remove(flow.db.single, "before_cursor_execute", count)


async def test_files_go_through_the_desk_and_nothing_of_the_platform_does(desk: DeskWorld) -> None:
    kept = desk.files.kept
    kept["jpg-TOKEN"], kept["page-TOKEN"] = [b"\xff\xd8\xff\xe0", b"x" * 1000], [b"", b"<html><script>"]
    sent = [
        {"kind": "photo", "ref": "jpg-TOKEN", "mime": "text/html"},
        {"kind": "document", "ref": "page-TOKEN", "name": '../a"\nb.html', "mime": "image/png"},
        {"kind": "document", "ref": "lost-TOKEN"},
        {"kind": "video", "ref": "jpg-TOKEN", "size": 10**9},
    ]
    conversation = await desk.asks(attachments=sent)
    anna = await desk.agent()
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "/desk/files/1/0" in page and "TOKEN" not in page
    photo, document, lost, huge = [await anna.opens(f"/desk/files/1/{n}") for n in range(4)]
    assert (photo.status, photo.headers["Content-Type"]) == (200, "image/jpeg")
    assert photo.headers["Content-Disposition"].startswith("inline")
    assert (document.status, document.headers["Content-Type"]) == (200, "application/octet-stream")
    assert document.headers["Content-Disposition"].startswith("attachment") and document.text == "<html><script>"
    for one in (photo, document):
        assert one.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in one.headers["Content-Security-Policy"]
    for one in (lost, huge):
        assert one.status == 410 and "TOKEN" not in one.text and "platform.example" not in one.text
    assert (await anna.opens("/desk/files/1/4")).status == 404


async def test_a_file_that_is_larger_than_it_said_is_cut_off(desk: DeskWorld) -> None:
    most = desk.flow.platform.limits.download
    desk.files.kept["big"] = [b"\xff\xd8\xff" + b"x" * (most // 4)] * 6
    await desk.asks(attachments=[{"kind": "photo", "ref": "big", "size": 10}])
    anna = await desk.agent()
    with pytest.raises(ClientPayloadError):
        await anna.opens("/desk/files/1/0")


async def test_typing_is_shown_to_the_customer_now_and_then(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    bruno = await desk.agent("bruno", "Bruno Sala")
    assert (await bruno.posts(f"/desk/c/{conversation}/typing")).status == 204
    desk.flow.clock.passes(seconds=5)
    assert desk.flow.platform.typed == []
    for _ in range(3):
        assert (await anna.posts(f"/desk/c/{conversation}/typing")).status == 204
    desk.flow.clock.passes(seconds=5)
    await anna.posts(f"/desk/c/{conversation}/typing")
    assert desk.flow.platform.typed == [desk.flow.key()] * 2


async def test_a_platform_that_hangs_while_somebody_types_is_no_error(
    desk: DeskWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    anna, conversation = await taken(desk)
    monkeypatch.setattr(moves, "TYPING_PATIENCE", 0.01)
    monkeypatch.setattr(desk.flow.platform, "typing", lambda *_: asyncio.Event().wait())
    assert (await anna.posts(f"/desk/c/{conversation}/typing")).status == 204
    assert "Traceback" not in caplog.text


async def test_a_retry_of_what_no_row_can_be_is_answered_with_a_sentence(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    for made_up in ("²", "9" * 30):
        answer = await anna.posts(f"/desk/c/{conversation}/retry", {"outgoing": made_up}, **AS_SCRIPT)
        assert (answer.status, json.loads(answer.text)["ok"]) == (200, False)


async def test_the_live_stream_tells_what_changed_and_ends_with_the_session(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    latest = await desk.flow.db.read(inbox.latest)
    async with anna.client.get(f"/desk/live?after={latest}") as stream:
        assert stream.content_type == "text/event-stream"
        async with asyncio.timeout(10):
            await stream.content.readuntil(b": still here\n\n")
            await desk.flow.writes("novità?")
            news = json.loads((await stream.content.readuntil(b"}\n")).split(b"data: ")[1])
            assert news["in"] == [conversation] and news["last"] > latest
            await desk.flow.db.write(lambda c: c.execute(t.sessions.delete()))
            await desk.flow.writes("ancora?")
            assert b"event: out" in await stream.content.read()
    again = await anna.client.get(f"/desk/live?after={latest}", allow_redirects=False)
    assert again.status == 401


async def test_who_comes_back_to_the_stream_hears_what_was_missed(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    await desk.flow.writes("novità?")
    async with anna.client.get("/desk/live", headers={"Last-Event-ID": "1"}) as stream, asyncio.timeout(10):
        assert f'"in": [{conversation}]'.encode() in await stream.content.readuntil(b"}\n")


async def test_who_was_away_for_long_is_told_to_look_anew(desk: DeskWorld) -> None:
    anna, conversation = await taken(desk)
    now = desk.flow.clock()
    line = {"conversation_id": conversation, "kind": "message", "at": now}
    await desk.flow.db.write(lambda c: c.execute(t.live.insert(), [line] * (inbox.NEWS + 50)))
    async with anna.client.get("/desk/live", headers={"Last-Event-ID": "1"}) as stream, asyncio.timeout(10):
        event = (await stream.content.readuntil(b"}\n")).decode()
    assert json.loads(event.split("data: ")[1])["all"] is True


async def test_after_the_platform_s_window_nothing_is_promised(desk: DeskWorld) -> None:
    window = timedelta(hours=24)
    platform: Platform = with_abilities("letters", reply_window=window, human_window=7 * window)
    desk.flow.way.channels[platform.name] = platform  # type: ignore[index]
    desk.flow.platform = platform
    anna, conversation = await taken(desk)
    word = await form_word(anna, conversation)
    desk.flow.clock.passes(days=6)
    await anna.signs_in("anna")
    answer = await anna.posts(f"/desk/c/{conversation}/reply", {"text": "a", "once": word}, **AS_SCRIPT)
    assert json.loads(answer.text)["ok"]
    desk.flow.clock.passes(days=2)
    await anna.signs_in("anna")
    answer = await anna.posts(f"/desk/c/{conversation}/reply", {"text": "b", "once": "form:2"}, **AS_SCRIPT)
    assert not json.loads(answer.text)["ok"] and "non lascia più" in json.loads(answer.text)["notice"]
    assert "non lascia più scrivere" in (await anna.opens(f"/desk/c/{conversation}")).text


async def test_a_channel_that_is_off_is_said_and_nothing_is_tried(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna = await desk.agent()
    desk.flow.way.channels.clear()  # type: ignore[attr-defined]
    assert "canale è spento" in (await anna.opens(f"/desk/c/{conversation}")).text
    answer = await anna.posts(f"/desk/c/{conversation}/take", **AS_SCRIPT)
    assert not json.loads(answer.text)["ok"]


async def test_a_long_conversation_is_shown_from_its_end(desk: DeskWorld) -> None:
    conversation = await desk.asks()

    begun, second = desk.flow.clock(), timedelta(seconds=1)

    def fill(connection: Connection) -> None:
        for n in range(150):
            messages.add_line(connection, conversation, f"riga {n}.", now=begun + (n + 1) * second)
        move = {"from_status": "agent", "to_status": "waiting", "who": "agent", "why": "pausa"}
        between = {**move, "conversation_id": conversation, "at": begun + 50.5 * second}
        connection.execute(t.moves.insert(), between)

    await desk.flow.db.write(fill)
    anna = await desk.agent()
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "riga 149." in page and "riga 50." in page and "riga 49." not in page
    older = re.search(r'href="([^"]+before=\d+)"', page)
    assert older
    before = (await anna.opens(html.unescape(older[1]))).text
    assert "riga 49." in before and "riga 50." not in before
    assert (page + before).count("rimette in coda: pausa") == 1, "a move between two pages is on one of them"
