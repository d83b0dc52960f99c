"""A published client, written by others for the real Graph API, must find the sandbox's one no different."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.sandbox import Sandbox
from bot.sandbox.samples import drawn

HERE = Path(__file__).parent / "sandbox_npm"
PNG = drawn("Sara", size=(60, 60))


@pytest.fixture
def client_modules(request: pytest.FixtureRequest) -> Path:
    """The folder with the installed client, kept in the cache as long as the lock file stays the same."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("the outside check needs Node.js and npm (Debian: apt-get install nodejs npm)")
    lock = (HERE / "package-lock.json").read_bytes()
    assert request.config.cache is not None
    folder = Path(request.config.cache.mkdir(f"sandbox_npm_{hashlib.sha256(lock).hexdigest()[:12]}"))
    return folder


async def run(*command: str, cwd: Path, **environment: str) -> str:
    """The command's output; its complaints when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, complaints = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaints.decode()
    return out.decode()


@pytest.fixture
async def picture_url() -> AsyncIterator[str]:
    """A picture of an agent, served where the platform can fetch it."""

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    app = web.Application()
    app.router.add_get("/sara.png", picture)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/sara.png"
    await runner.cleanup()


async def test_published_client_finds_what_it_expects(client_modules: Path, picture_url: str) -> None:
    if not (client_modules / "installed").exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, client_modules)
        await run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=client_modules)
        (client_modules / "installed").touch()

    async with Sandbox(port=0, bot_url=lambda: "http://127.0.0.1:9") as sandbox:
        side = sandbox.messenger
        giulia = side.customer("Giulia Neri", "it")
        await giulia.says("ciao")
        out = await run(
            "node",
            str(HERE / "drive.js"),
            cwd=client_modules,
            NODE_PATH=str(client_modules / "node_modules"),
            ORIGIN=sandbox.messenger_settings.graph_url,
            TOKEN=side.page_token,
            SECRET=side.app_secret,
            PSID=giulia.psid,
            PICTURE=picture_url,
            PNG=base64.b64encode(PNG).decode(),
        )
        told: dict[str, Any] = json.loads(out)
        shown = giulia.screen()

    assert told["page"] == {"id": side.page_id, "name": side.page_name}
    for sent in ("text", "quick", "asPersona", "image", "upload", "buttons"):
        assert told[sent]["recipientId"] == giulia.psid and told[sent]["messageId"], sent
    assert told["typing"] == {"recipientId": giulia.psid}
    assert told["seenPersona"]["name"] == "Sara Conti"
    assert [persona["id"] for persona in told["personas"]] == [told["persona"]["id"]]
    for done in ("started", "menu", "greeting", "breakers"):
        assert told[done] == {"result": "success"}, done
    started, menu, breakers = told["profile"]
    assert started == {"payload": "/start"}
    assert menu[0]["callToActions"][0]["payload"] == "/ask_human"
    assert breakers == [{"question": "Orari?", "payload": "/store_hours"}]
    assert (told["person"]["firstName"], told["person"]["lastName"]) == ("Giulia", "Neri")
    assert told["deleted"] == {"success": True}

    for refused, code in {
        "tooLong": 100,
        "stranger": 100,
        "goneTag": 100,
        "gonePersona": 100,
        "wrongToken": 190,
        "wrongProof": 100,
    }.items():
        assert told[refused].startswith(f"Messenger API - {code} "), (refused, told[refused])

    assert [bubble.text for bubble in shown if bubble.kind == "text"] == [
        "ciao",
        "Buongiorno dal banco",
        "Come posso aiutarti?",
        "Sono Sara",
        "Risolto?",
    ]
    assert shown[3].sender == "Sara Conti" and shown[3].picture
    assert [bool(bubble.image) for bubble in shown if bubble.kind == "photo"] == [True, True]
