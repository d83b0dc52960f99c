"""Which ends of the platform's window were warned of; a case's open promises along an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OPEN = sa.text("status IN ('waiting', 'agent')")


def upgrade() -> None:
    # plain ALTER TABLE: a table made anew would take with it, on SQLite, all rows that hang on it
    op.add_column("conversations", sa.Column("ends_warned", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_conversations_window",
        "conversations",
        ["channel", "last_customer_at"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_promises_conversation", "promises", ["conversation_id", "state", "due_at"])
    op.drop_index("ix_promises_conversation_id", "promises")


def downgrade() -> None:
    op.create_index("ix_promises_conversation_id", "promises", ["conversation_id"])
    op.drop_index("ix_promises_conversation", "promises")
    op.drop_index("ix_conversations_window", "conversations")
    op.drop_column("conversations", "ends_warned")
