"""Words by which a customer is found: those of what is known already, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.search import CASE, CODES, NAME, case_words, words_of

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

AT_ONCE = 5000


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
    connection = op.get_bind()
    rows: set[tuple[int, str, str]] = set()
    for customer, name in connection.execute(sa.text("SELECT id, name FROM customers WHERE name <> ''")):
        rows |= {(customer, word, NAME) for word in words_of(name)}
    for customer, number in connection.execute(sa.text("SELECT customer_id, number FROM cases")):
        rows |= {(customer, word, CASE) for word in case_words(number)}
    codes = sa.text(
        "SELECT c.customer_id, f.value, f.name FROM facts f JOIN conversations c ON c.id = f.conversation_id "
        "WHERE f.name = 'customer_code'"
    ).columns(customer_id=sa.Integer, value=sa.JSON, name=sa.String)
    for customer, value, name in connection.execute(codes):
        if name in CODES and isinstance(value, str) and words_of(value):
            rows.add((customer, "".join(words_of(value))[:64], name))
    table = sa.table("search_words", sa.column("customer_id"), sa.column("word"), sa.column("kind"))
    values = [{"customer_id": customer, "word": word, "kind": kind} for customer, word, kind in sorted(rows)]
    for start in range(0, len(values), AT_ONCE):
        connection.execute(sa.insert(table), values[start : start + AT_ONCE])


def downgrade() -> None:
    op.drop_table("search_words")
