"""Who may come in to the desk, and what a stranger cannot do."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from aiohttp import web
from PIL import Image
from sqlalchemy import select

from bot.desk import app, desk_app, first_agents
from bot.store import agents
from bot.store.tables import sessions
from tests.desk_support import AS_SCRIPT, PASSWORD, DeskWorld, png

# what PostgreSQL could do differently is in test_desk_work.py
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PAGES = ("/desk", "/desk/c/1", "/desk/me", "/desk/people")
PARTS = ("/desk/live", "/desk/files/1/0", "/desk/images/1")
FORMS = ("/desk/c/1/take", "/desk/c/1/reply", "/desk/c/1/close", "/desk/logout", "/desk/me/password")


async def test_the_signed_out_are_led_to_the_sign_in_and_see_nothing(desk: DeskWorld) -> None:
    await desk.asks(text="segreto")
    stranger = desk.visitor()
    for path in PAGES:
        answer = await stranger.opens(path)
        assert (answer.status, answer.goes_to) == (303, f"/desk/login?next={path}"), path
        assert (await stranger.opens(path, **{"Desk-Part": "yes"})).status == 401
    for path in PARTS:
        assert (await stranger.opens(path)).status == 401, path
    for path in FORMS:
        assert (await stranger.posts(path)).goes_to == "/desk/login"
    assert await desk.flow.status() == "waiting"


async def test_sign_in_leads_on_and_sign_out_ends_the_session(desk: DeskWorld) -> None:
    await desk.person("anna", "Anna Kessler")
    anna = desk.visitor()
    answer = await anna.signs_in("Anna ", goal="/desk/c/7?tab=mine")
    assert (answer.status, answer.goes_to) == (303, "/desk/c/7?tab=mine")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Anna Kessler" in (await anna.opens("/desk")).text
    token = anna.client.session.cookie_jar.filter_cookies(anna.client.make_url("/desk"))["desk_session"].value
    assert token not in str(await desk.flow.rows(sessions))
    assert (await anna.posts("/desk/logout")).status == 303
    assert await desk.flow.rows(sessions) == []
    assert (await anna.opens("/desk", Cookie=f"desk_session={token}")).status == 303


async def test_a_session_ends_when_nobody_uses_it(desk: DeskWorld) -> None:
    anna = await desk.agent()
    desk.flow.clock.passes(hours=11)
    assert (await anna.opens("/desk")).status == 200
    desk.flow.clock.passes(hours=11)
    # what a forgotten page asks for by itself does not keep the session alive
    assert (await anna.opens("/desk", **{"Desk-Part": "yes"})).status == 200
    desk.flow.clock.passes(hours=2)
    assert (await anna.opens("/desk")).status == 303


async def test_a_wrong_password_says_no_more_than_an_unknown_login(desk: DeskWorld) -> None:
    await desk.person("anna", "Anna Kessler")
    wrong = await desk.visitor().signs_in("anna", "sbagliata-davvero")
    unknown = await desk.visitor().signs_in("nessuno", "sbagliata-davvero")
    assert wrong.status == unknown.status == 401
    assert "non corretti" in wrong.text and "non corretti" in unknown.text


async def test_too_many_wrong_passwords_lock_a_login_for_a_while(desk: DeskWorld) -> None:
    await desk.person("anna", "Anna Kessler")
    visitor = desk.visitor()
    tries = [(await visitor.signs_in("anna", f"sbagliata-{n}")).status for n in range(10)]
    assert tries == [401] * 8 + [429] * 2
    assert (await visitor.signs_in("anna")).status == 429  # the right one too: else a guess would show
    desk.flow.clock.passes(minutes=16)
    assert (await visitor.signs_in("anna")).status == 303


async def test_a_session_ends_after_a_week_however_much_it_is_used(desk: DeskWorld) -> None:
    anna = await desk.agent()
    for _ in range(16):
        desk.flow.clock.passes(hours=10)
        assert (await anna.opens("/desk")).status == 200
    async with anna.client.get("/desk/live") as stream, asyncio.timeout(10):
        await stream.content.readuntil(b": still here\n\n")
        desk.flow.clock.passes(hours=10)
        await desk.flow.writes("novità?")
        assert b"event: out" in await stream.content.read(), "a page left open is told nothing more, either"
    assert (await anna.opens("/desk")).status == 303


async def test_a_stranger_s_form_is_small(desk: DeskWorld, caplog: Any) -> None:
    """Millions of fields fit into what a picture may be: reading them would hold everybody up."""
    stranger = desk.visitor()
    await stranger.opens("/desk/login")
    url, form = "/desk/login", {"Content-Type": "application/x-www-form-urlencoded"}
    async with stranger.client.post(url, data=b"a&" * 20_000, headers=form) as answer:
        assert answer.status == 413
    kind = ("Content-Type", f"{form['Content-Type']}; charset=none")
    for odd in (kind, ("Origin", "http://["), ("Cookie", "desk_knock=\udcff")):
        async with stranger.client.post(url, data=b"a=1", headers={**form, odd[0]: odd[1]}) as answer:
            assert answer.status in (400, 403), odd
    assert not caplog.records


async def test_forms_from_elsewhere_are_refused(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna = await desk.agent()
    path = f"/desk/c/{conversation}/take"
    assert (await anna.posts(path, {"csrf": "wrong"})).status == 403
    assert (await anna.posts(path, {"csrf": ""})).status == 403
    assert (await anna.posts(path, Origin="https://evil.example")).status == 403
    assert (await anna.posts(path, Origin="null")).status == 403
    assert (await desk.visitor().posts("/desk/login", {"login": "anna", "password": PASSWORD})).status == 403
    assert await desk.flow.status() == "waiting"
    assert (await anna.posts(path)).status == 303


async def test_another_session_s_word_does_not_do(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna, bruno = await desk.agent(), await desk.agent("bruno", "Bruno Sala")
    assert (await anna.posts(f"/desk/c/{conversation}/take", {"csrf": bruno.csrf})).status == 403


async def test_every_answer_has_the_headers_that_protect_it(desk: DeskWorld) -> None:
    await desk.asks()
    anna = await desk.agent()
    for path in ("/desk", "/desk/c/1", "/desk/login", "/desk/nothing", "/desk/static/desk.js"):
        headers = (await anna.opens(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
    assert (await anna.opens("/desk")).headers["Cache-Control"] == "no-store"


async def test_what_customers_write_stays_text(desk: DeskWorld) -> None:
    evil = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'{{ 7*7 }}'
    conversation = await desk.asks(text=evil, sender={"name": evil, "language": "it"})
    anna = await desk.agent()
    for path in ("/desk", f"/desk/c/{conversation}", f"/desk/c/{conversation}?notice=<script>&tab=<script>"):
        text = (await anna.opens(path)).text
        assert "<script>alert" not in text and "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text and "{{ 7*7 }}" in text


async def test_pages_speak_the_browser_s_language(desk: DeskWorld) -> None:
    visitor = desk.visitor()
    assert 'lang="it"' in (await visitor.opens("/desk/login")).text
    assert 'lang="it"' in (await visitor.opens("/desk/login", **{"Accept-Language": "fr, it;q=0.8, en;q=0.5"})).text
    english = (await visitor.opens("/desk/login", **{"Accept-Language": "en-GB,en;q=0.9"})).text
    assert 'lang="en"' in english and "Sign in" in english


async def test_the_first_start_makes_the_people_once(desk: DeskWorld) -> None:
    made = await first_agents(desk.flow.way, demo=True)
    assert made and [one.role for one in made] == ["admin", "agent", "agent"]
    assert await first_agents(desk.flow.way, demo=True) is None
    assert (await desk.visitor().signs_in(made[1].login, made[1].password)).status == 303
    picture = await desk.visitor().opens("/people/2-1.jpg")
    assert picture.status == 200 and picture.headers["Content-Type"] == "image/jpeg"
    assert (await desk.visitor().opens("/people/99-1.jpg")).status == 404


async def test_an_admin_adds_and_deactivates_people(desk: DeskWorld) -> None:
    boss = await desk.agent("boss", "Elena Conti", "admin")
    page = await boss.posts("/desk/people/add", {"name": "Carla Dini", "login": "carla", "role": "agent"})
    password = page.text.split("<code>")[1].split("</code>")[0]
    carla = desk.visitor()
    assert (await carla.signs_in("carla", password)).status == 303
    conversation = await desk.asks()
    await carla.posts(f"/desk/c/{conversation}/take")
    assert await desk.flow.status() == "agent"
    assert (await boss.posts("/desk/people/2/out")).status == 303
    assert (await carla.opens("/desk")).status == 303
    assert (await carla.signs_in("carla", password)).status == 401
    assert await desk.flow.status() == "waiting"  # nobody's customer is left with someone who is gone
    assert (await boss.posts("/desk/people/1/out")).status == 400  # the last admin


async def test_only_admins_manage_people(desk: DeskWorld) -> None:
    anna = await desk.agent()
    assert (await anna.opens("/desk/people")).status == 403
    for path in ("add", "1/password", "1/out", "1/name", "1/picture"):
        form = {"name": "X Y", "login": "xy", "role": "admin"}
        assert (await anna.posts(f"/desk/people/{path}", form)).status == 403, path
    assert len(await desk.flow.db.read(agents.everyone)) == 1


async def test_one_s_own_password_and_picture(desk: DeskWorld) -> None:
    anna, elsewhere = await desk.agent(), desk.visitor()
    await elsewhere.signs_in("anna")
    new = "un'altra password"
    assert (await anna.posts("/desk/me/password", {"now": "no", "new": new, "repeat": new})).status == 400
    assert (await anna.posts("/desk/me/password", {"now": PASSWORD, "new": "corta", "repeat": "corta"})).status == 400
    assert (await anna.posts("/desk/me/password", {"now": PASSWORD, "new": new, "repeat": new})).status == 303
    assert (await elsewhere.opens("/desk")).status == 303 and (await anna.opens("/desk")).status == 200
    assert (await desk.visitor().signs_in("anna", new)).status == 303
    assert (await anna.posts("/desk/me/picture", {"picture": png()})).status == 303
    data = await desk.flow.db.read(lambda c: agents.picture(c, 1))
    assert data and Image.open(io.BytesIO(data)).size == (512, 512)


@pytest.mark.parametrize(
    "upload",
    [b"", b"GIF89a nonsense", b"x" * (8 * 1024 * 1024 + 1), png(6000, 5000), b"<svg/>"],
    ids=["nothing", "nonsense", "8 MB", "30 megapixels", "SVG"],
)
async def test_pictures_that_are_none_or_too_large_are_refused(desk: DeskWorld, upload: bytes) -> None:
    anna = await desk.agent()
    answer = await anna.posts("/desk/me/picture", {"picture": upload})
    assert answer.status == 400 and "problem" in answer.text
    row = await desk.flow.db.read(lambda c: agents.get(c, 1))
    assert row and row.picture_version == 1


async def test_mistakes_are_answered_with_a_sentence(desk: DeskWorld, caplog: Any) -> None:
    anna = await desk.agent()
    for path in ("/desk/nothing", "/desk/c/999", "/desk/c/99999999999999999999", "/desk/files/5/0"):
        answer = await anna.opens(path)
        assert answer.status == 404 and "Questa pagina non c&#39;è" in answer.text, path
    said = await anna.posts("/desk/c/999/take", **AS_SCRIPT)
    assert said.status == 404 and '"ok": false' in said.text
    assert not caplog.records


async def test_a_browser_that_goes_in_the_middle_of_its_form_is_no_error(
    desk: DeskWorld, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    anna, answered = await desk.agent(), asyncio.Queue[int]()
    token = anna.client.session.cookie_jar.filter_cookies(anna.client.make_url("/desk"))["desk_session"].value
    sorry = app._sorry

    def noted(request: Any, status: int) -> Any:
        answered.put_nowait(status)
        return sorry(request, status)

    monkeypatch.setattr(app, "_sorry", noted)
    served = web.Application()
    served.add_subapp("/desk", desk_app(desk.flow.way, secure_cookies=False))
    runner = web.AppRunner(served)  # as it is run: the tests' own server ends a request with its connection
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection(*runner.addresses[0])
    kind = "Content-Type: application/x-www-form-urlencoded"
    lines = ("POST /desk/here HTTP/1.1", "Host: x", f"Cookie: desk_session={token}", kind, "Content-Length: 1000")
    writer.write("\r\n".join([*lines, "", "csrf="]).encode())
    await writer.drain()
    writer.close()
    async with asyncio.timeout(10):
        assert await answered.get() == 400
    await runner.cleanup()
    assert not caplog.records


@pytest.mark.parametrize(
    "path",
    ["/desk/c/1?before=²", "/desk/audit?before=²", "/desk/audit?person=²", "/desk/live?after=²"],
)
async def test_an_address_with_digits_of_another_kind_shows_what_there_is(desk: DeskWorld, path: str) -> None:
    await desk.asks()
    lead = await desk.agent("lea", "Lea Lead", "lead")
    async with lead.client.get(path) as answer:
        assert answer.status == 200


async def test_no_password_and_no_session_word_is_kept_in_clear(desk: DeskWorld) -> None:
    await desk.agent()
    person = await desk.flow.db.read(lambda c: agents.by_login(c, "anna"))
    assert person and person.password_hash.startswith("$argon2id$")
    tokens = await desk.flow.db.read(lambda c: c.execute(select(sessions.c.token_hash)).scalars().all())
    assert all(len(token) == 64 for token in tokens)
