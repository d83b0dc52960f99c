"""Which rows to send are the bot's answers, and of which that failed for good somebody knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_LOST = sa.text("state = 'failed' AND answer AND lost_at IS NULL")


def upgrade() -> None:
    # plain ALTER TABLE: a table made anew would take with it, on SQLite, all rows that hang on it
    op.add_column("outgoing", sa.Column("answer", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("outgoing", sa.Column("lost_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_outgoing_lost", "outgoing", ["conversation_id"], sqlite_where=_LOST, postgresql_where=_LOST
    )


def downgrade() -> None:
    op.drop_index("ix_outgoing_lost", "outgoing")
    op.drop_column("outgoing", "lost_at")
    op.drop_column("outgoing", "answer")
