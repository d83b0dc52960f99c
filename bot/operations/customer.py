"""`customer copy` and `customer erase`: what a customer may ask for, done by the number of one of their cases."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select

from bot.flow import privacy
from bot.flow.way import Way
from bot.store import cases, erasure
from bot.store.erasure import Obstacle
from bot.store.tables import customers, messages

#: What to do first about what is in the way.
FIRST = {
    "case": "Case {case} is still open: say to the customer what happens, then close it at the desk.",
    "promise": "A promise to this customer is still open{of_case}: mark it as done at the desk, or withdraw it.",
    "unsent": "A message to this customer is on its way: wait until it is sent, or has failed.",
    "unanswered": "The customer wrote just now: wait for the answer.",
}


async def customer(way: Way, options: argparse.Namespace) -> str:
    """Run the command; what is wrong, "" when it is done."""
    found = await way.db.read(lambda connection: _found(connection, options.case))
    if found is None:
        return f"There is no case {options.case}."
    case, erased = found
    if erased:
        return f"The data of this customer was erased: of case {case.number} only times and codes are left."
    if options.verb == "copy":
        return await _copy(way, case.customer_id, options.to)
    return await _erase(way, case.customer_id, sure=options.yes)


def _found(connection: Connection, number: str) -> tuple[Row[Any], bool] | None:
    """The case, and whether its customer was erased."""
    case = cases.by_number(connection, number)
    if case is None:
        return None
    return case, all(erasure.is_erased(row) for row in erasure.of(connection, case.customer_id))


async def _copy(way: Way, customer_id: int, file: Path | None) -> str:
    if file and file.exists():
        return f"There is {file} already: name a new file."
    found = json.dumps(await privacy.copy(way, customer_id, by=None), ensure_ascii=False, indent=2)
    if file is None:
        print(found)
        return ""
    try:
        # new, and readable by its owner from the first byte on: it is full of personal data
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            out.write(found + "\n")
    except OSError as error:
        return f"{file} cannot be written: {error.strerror}."
    return ""


async def _erase(way: Way, customer_id: int, *, sure: bool) -> str:
    found, question = await way.db.read(lambda connection: _question(connection, customer_id))
    if not found and not sure and not await asyncio.to_thread(_confirmed, question):
        return "Nothing was erased."
    found = found or await privacy.erase(way, customer_id, by=None)
    if found:
        return "\n".join(["Nothing was erased.", *map(_sentence, found)])
    print("Erased. Backups hold it until they are deleted.")
    return ""


def _question(connection: Connection, customer_id: int) -> tuple[list[Obstacle], str]:
    """What is in the way; and what would go, to be sure that it is the right one."""
    own = erasure.of(connection, customer_id)
    number = select(func.count()).where(messages.c.conversation_id.in_([row.id for row in own]))
    name = connection.execute(select(customers.c.name).where(customers.c.id == customer_id)).scalar_one()
    where = ", ".join(row.channel for row in own)
    said = connection.execute(number).scalar_one()
    what = f"{name or 'A customer without a name'}, {where}, {said} messages since {own[0].created_at:%Y-%m-%d}"
    return erasure.obstacles(connection, own), f"{what}.\nErase it for good? [y/N] "


def _confirmed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:  # nobody is there to ask
        print()
        return False


def _sentence(one: Obstacle) -> str:
    return FIRST[one.kind].format(case=one.case, of_case=f" (case {one.case})" if one.case else "")
