"""The command line: python -m bot run | check | doctor | replay | engine | backup | restore | move | customer | …

Exit codes: 0 done, 1 could not start, 2 wrong settings or arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path

from bot.app import ROLES, App
from bot.commands import once
from bot.environment import environment
from bot.logs import log_to_stderr
from bot.operations.commands import add_customer_commands, add_engine_commands
from bot.settings import BadSettings, Settings, read_settings
from bot.web import StartFailed

ROOT = Path(__file__).resolve().parent.parent


async def run(settings: Settings, began: float, *, roles: Collection[str] = ROLES) -> int:
    """Serve until SIGINT or SIGTERM; then finish the running turns."""
    ended = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    try:
        async with App(settings, roles=roles) as app:
            if app.credentials:  # now, not when all is ready: who stops a long first start would never see them
                print("\n".join(_log_ins(app)), flush=True)
            ready = asyncio.create_task(app.ready())
            stopping = asyncio.create_task(ended.wait())
            await asyncio.wait({ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.is_set():
                await ready
                gc.freeze()  # all that stays for good: looking through it for garbage would hold everybody up
                _announce(app, time.monotonic() - began)
                await stopping
            ready.cancel()
            print("Stopping: running turns are finished first.", flush=True)
    except StartFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _announce(app: App, seconds: float) -> None:
    """The addresses, and once the first log-ins."""
    own = app.settings.own_url
    lines = [f"\nSportello is ready ({seconds:.0f} s)."]
    if app.sandbox:
        lines.append(f"  phones   {app.sandbox.url}/   two customers' phones; no real platform is connected")
    if app.roles < set(ROLES):
        lines.append(f"  only     {', '.join(sorted(app.roles))}")
    if "desk" in app.roles:
        lines.append(f"  desk     {own}/desk")
    lines.append(f"  health   {own}/readyz")
    if "desk" not in app.roles:
        return print("\n".join(lines), flush=True)
    lines += _log_ins(app) or ["  log-in   as before; forgotten: .venv/bin/python -m bot agent password LOGIN"]
    if not app.sandbox:
        lines += _lacks(app.settings)
    print("\n".join(lines), flush=True)


def _lacks(settings: Settings) -> list[str]:
    """What is not set up, where real customers may write."""
    names = {"telegram": settings.telegram, "messenger": settings.messenger}
    absent = [name for name, configured in names.items() if not configured]
    lines = [f"  off      {', '.join(absent)}: no settings"] if absent else []
    if not settings.engine_urls and not any(name.startswith("BACKEND_URL_") for name in settings.systems):
        lines.append("  systems  none of the company's: shops, prices, bills … are the demo's; see docs/backends.md")
    return lines


def _log_ins(app: App) -> list[str]:
    return [f"  log-in   {one.login} / {one.password}   ({one.name}; shown only now)" for one in app.credentials]


def _parser() -> argparse.ArgumentParser:
    """The commands with their options; what each does is in bot/commands.py and bot/operations/."""
    parser = argparse.ArgumentParser(prog="python -m bot", description="Sportello, customer care in chats.")
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="start everything")
    running.add_argument("--only", nargs="+", choices=ROLES, default=ROLES, help="these parts, not all")
    commands.add_parser("messenger-setup", help="set up the Page: menu, ice breakers, subscription; repeatable")
    commands.add_parser("check", help="is everything set up as it should be? asks the platforms; 1 if not")
    commands.add_parser("doctor", help="what is stuck, and why; 1 if something is")
    replay = commands.add_parser("replay", help="a set-aside update again, after a fix")
    replay.add_argument("event", type=int, nargs="+", help="the event's number, as `doctor` and the log say it")
    commands.add_parser("backup", help="all rows into one file, while running").add_argument("file", type=Path)
    restore = commands.add_parser("restore", help="a backup into the configured database; stop the bot first")
    restore.add_argument("file", type=Path)
    restore.add_argument("--overwrite", action="store_true", help="delete what the database holds now")
    move = commands.add_parser("move", help="everything into another, empty database; stop the bot first")
    move.add_argument("--to", required=True, metavar="URL", help="postgresql://user@host/name, password in PGPASSWORD")
    add_engine_commands(commands)
    add_customer_commands(commands)
    agent = commands.add_parser("agent", help="people at the desk").add_subparsers(dest="verb", required=True)
    agent.add_parser("list", help="who there is")
    add = agent.add_parser("add", help="a new person; prints the password")
    add.add_argument("login")
    add.add_argument("name", help="as customers see it: Anna K.")
    add.add_argument("--role", choices=("agent", "lead", "editor", "admin"), default="agent")
    agent.add_parser("password", help="a new password; prints it").add_argument("login")
    picture = agent.add_parser("picture", help="the face customers see")
    picture.add_argument("login")
    picture.add_argument("file", type=Path)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run the command."""
    began, options = time.monotonic(), _parser().parse_args(arguments)
    try:
        settings = read_settings(environment(ROOT), ROOT)
    except BadSettings as error:
        print(error, file=sys.stderr)
        return 2
    os.umask(0o077)  # what is written is full of personal data: for this user alone
    log_to_stderr(settings.secrets(), as_json=settings.json_logs)
    if options.command == "run":
        return asyncio.run(run(settings, began, roles=options.only))
    return asyncio.run(once(settings, options))


if __name__ == "__main__":
    sys.exit(main())
