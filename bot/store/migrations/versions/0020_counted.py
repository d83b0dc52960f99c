"""What metrics and the doctor count is found along an index, however much is over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

#: (name, table, column, of which rows)
INDEXES = (
    ("ix_events_aside", "events", "channel", "state = 'aside'"),
    ("ix_outgoing_failed", "outgoing", "created_at", "state = 'failed'"),
    ("ix_cases_open", "cases", "id", "closed_at IS NULL"),
)


def upgrade() -> None:
    for name, table, column, rows in INDEXES:
        op.create_index(name, table, [column], sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table)
