"""Finds customers by name, case number, customer code or phone: words in a table of their own, along an index.

A word is kept in small letters without accents and signs, and found by its beginning. Each caller that writes such a
value keeps its words in the same transaction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, desc, exists, insert, select, union

from bot.store.tables import conversations, search_words

NAME, CASE, PHONE = "name", "case", "phone"
#: Facts whose value finds a customer; of the lines only what is a number, not a place.
CODES = frozenset({"customer_code"})
LINES = frozenset({"fault_line", "line_place"})
LONGEST = 64  # characters of a word
MOST = 8  # words of a query
CANDIDATES = 2000  # customers looked at for one query: beyond that the query is too short to mean anybody
_PREFIX = re.compile(r"^(?:\+|00)39(?=\d{6})")
_w = search_words.c
_KNOWN = select(_w.word).where(_w.customer_id == bindparam("customer"), _w.kind == bindparam("of_kind"))
_KEEP = insert(search_words)


def keep(connection: Connection, customer_id: int, kind: str, words: Collection[str], *, only: bool = True) -> None:
    """A customer is found by these words from now on; `only`: and no longer by the kind's old ones."""
    known = set(connection.execute(_KNOWN, {"customer": customer_id, "of_kind": kind}).scalars())
    if only and known - set(words):
        of = and_(_w.customer_id == customer_id, _w.kind == kind)
        connection.execute(delete(search_words).where(of, _w.word.in_(known - set(words))))
    new = [{"customer_id": customer_id, "kind": kind, "word": word} for word in sorted(set(words) - known)]
    if new:
        connection.execute(_KEEP, new)


def learned(connection: Connection, conversation_id: int, name: str, value: Any) -> None:
    """A fact was learned (or taken back, None): the ones that find a customer are kept."""
    if name not in CODES | LINES:
        return
    customer_id = _customer(connection, conversation_id)
    text = value if isinstance(value, str) else ""
    keep(connection, customer_id, name, [number] if (number := _number(text, line=name in LINES)) else [])


def phone(connection: Connection, conversation_id: int, number: str) -> None:
    """The customer shared a number of their own."""
    customer_id = _customer(connection, conversation_id)
    if found := _number(number, line=True):
        keep(connection, customer_id, PHONE, [found])


def _customer(connection: Connection, conversation_id: int) -> int:
    query = select(conversations.c.customer_id).where(conversations.c.id == conversation_id)
    return int(connection.execute(query).scalar_one())


def words_of(text: str) -> list[str]:
    """The words of a name or a query."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return [word[:LONGEST] for word in re.findall(r"[^\W_]+", bare)]


def case_words(number: str) -> list[str]:
    """A case's number, with and without its letter."""
    joined = "".join(words_of(number))
    return [joined, joined.removeprefix("c")]


def found(query: str) -> Select[Any] | None:
    """Ids of the conversations of the customers that a query means, the newest first; None for too short a query."""
    words = words_of(query)[:MOST]
    joined = _number(query, line=False)
    if len(joined) < 2:
        return None
    whole = select(_w.customer_id).where(_starts(_w.word, joined)).limit(CANDIDATES).subquery()
    first, *others = sorted(words, key=len, reverse=True)
    each = select(_w.customer_id).where(_starts(_w.word, first))
    for word in others:
        other = search_words.alias()
        each = each.where(exists().where(other.c.customer_id == _w.customer_id, _starts(other.c.word, word)))
    means = union(select(whole), select(each.limit(CANDIDATES).subquery())).subquery()
    ids = select(conversations.c.id).join(means, means.c.customer_id == conversations.c.customer_id)
    return ids.order_by(desc(conversations.c.last_message_at))


def _starts(column: ColumnElement[str], beginning: str) -> ColumnElement[bool]:
    """A range, not LIKE: whichever way the database was set up to compare, it is read along the index."""
    return and_(column >= beginning, column < beginning + "\U0010ffff")


def _number(text: str, *, line: bool) -> str:
    """A code or a phone number as one word, the country's prefix left out; "" for a `line` that is no number."""
    joined = "".join(words_of(_PREFIX.sub("", re.sub(r"[\s./()-]", "", text))))[:LONGEST]
    if line and not (joined.isdigit() and len(joined) >= 6):
        return ""
    return joined
