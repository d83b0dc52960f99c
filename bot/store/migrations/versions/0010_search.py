"""Words by which a customer is found: those of what is known already, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.store.search import CASE, NAME, case_words, words_of

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AT_ONCE = 5000
CODE = "customer_code"
_TEXT = sa.Text()


def upgrade() -> None:
    word = sa.String(length=64).with_variant(sa.String(length=64, collation="C"), "postgresql")
    op.create_table(
        "search_words",
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("word", word, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_search_words_customer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("customer_id", "word", "kind", name=op.f("pk_search_words")),
    )
    op.create_index("ix_search_words_word", "search_words", ["word", "customer_id"])
    _fill()


def _fill() -> None:
    for customers in _parts("SELECT id, id AS customer_id, name AS value FROM customers WHERE name <> ''", "id"):
        _keep((row.customer_id, word, NAME) for row in customers for word in words_of(row.value))
    for cases in _parts("SELECT id, customer_id, number AS value FROM cases WHERE true", "id"):
        _keep((row.customer_id, word, CASE) for row in cases for word in case_words(row.value))
    codes = (
        "SELECT f.id, c.customer_id, f.value FROM facts f JOIN conversations c ON c.id = f.conversation_id "
        f"WHERE f.name = '{CODE}'"
    )
    for facts in _parts(codes, "f.id", value=sa.JSON()):
        said = [(row.customer_id, words_of(row.value)) for row in facts if isinstance(row.value, str)]
        _keep((customer, "".join(words)[:64], CODE) for customer, words in said if words)


def _parts(query: str, key: str, *, value: sa.types.TypeEngine[Any] = _TEXT) -> Iterator[Sequence[sa.Row[Any]]]:
    """The rows, some at a time: all the words of a million customers take more memory than a bot's container has."""
    words = sa.text(f"{query} AND {key} > :last ORDER BY {key} LIMIT {AT_ONCE}")
    part = words.columns(id=sa.Integer(), customer_id=sa.Integer(), value=value)
    last = 0
    while rows := op.get_bind().execute(part, {"last": last}).all():
        yield rows
        last = rows[-1].id


def _keep(words: Iterable[tuple[int, str, str]]) -> None:
    rows = [{"customer_id": customer, "word": word, "kind": kind} for customer, word, kind in words]
    if rows:
        # the same again: a name said twice, a code in two conversations
        insert = "INSERT INTO search_words (customer_id, word, kind) VALUES (:customer_id, :word, :kind)"
        op.get_bind().execute(sa.text(f"{insert} ON CONFLICT DO NOTHING"), rows)


def downgrade() -> None:
    op.drop_table("search_words")
