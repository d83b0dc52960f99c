"""The order of the queue: from when a waiting counts, and what puts a case ahead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WAITS = "counts_since IS NOT NULL"
_INDEXES = (
    ("ix_cases_helped", "cases", ["helper_id"], "helper_id IS NOT NULL"),
    ("ix_cases_queue", "cases", ["counts_since", "waiting_since", "id"], _WAITS),
    ("ix_cases_leads", "cases", ["counts_since", "waiting_since", "id"], "lead_since IS NOT NULL"),
    ("ix_cases_team", "cases", ["team", "waiting_since"], _WAITS),
    ("ix_conversations_held", "conversations", ["agent_id"], "agent_id IS NOT NULL"),
)


def upgrade() -> None:
    # plain ALTER TABLE: a table made anew would take with it, on SQLite, all rows that hang on it
    op.add_column("cases", sa.Column("counts_since", tables.Time(timezone=True), nullable=True))
    op.add_column("cases", sa.Column("marks", sa.JSON(), server_default="[]", nullable=False))
    # who waits now must not fall out of the list, which is read along counts_since
    op.execute(
        "UPDATE cases SET counts_since = waiting_since WHERE waiting_since IS NOT NULL AND id IN "
        "(SELECT case_id FROM conversations WHERE status = 'waiting')"
    )
    for name, table, columns, where in _INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name, table, _, _ in reversed(_INDEXES):
        op.drop_index(name, table)
    op.drop_column("cases", "marks")
    op.drop_column("cases", "counts_since")
