"""Customers of the bot to whom somebody owes a promise are found when the time to write to them is about to end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_WARNED = sa.text("ends_warned > 0 AND status IN ('bot', 'closed')")
_NAME = "ix_conversations_warned"


def upgrade() -> None:
    columns = ["channel", "last_customer_at"]
    op.create_index(_NAME, "conversations", columns, sqlite_where=_WARNED, postgresql_where=_WARNED)


def downgrade() -> None:
    op.drop_index(_NAME, "conversations")
