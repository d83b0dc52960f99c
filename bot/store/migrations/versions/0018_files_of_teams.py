"""Which version of teams.yml a file holds is told by its text alone: there may be one on each of several machines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("team_files", "on_disk")


def downgrade() -> None:
    op.add_column("team_files", sa.Column("on_disk", sa.Boolean(), server_default=sa.true(), nullable=False))
