"""By which version of the teams' file a target and a wait were counted: they move once when opening hours change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("targets", "waits"):
        op.add_column(table, sa.Column("hours", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    for table in ("waits", "targets"):
        op.drop_column(table, "hours")
