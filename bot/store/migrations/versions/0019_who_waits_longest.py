"""Unanswered events in the order in which they came: a few of many are read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NEW = sa.text("state = 'new'")


def upgrade() -> None:
    op.create_index("ix_events_waiting", "events", ["id"], sqlite_where=NEW, postgresql_where=NEW)


def downgrade() -> None:
    op.drop_index("ix_events_waiting", table_name="events")
