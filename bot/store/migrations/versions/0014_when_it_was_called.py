"""When a row was called and since when its arrival is in doubt, so that the platform can be asked for what it has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("called_at", "doubt_since"):
        op.add_column("outgoing", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("doubt_since", "called_at"):
        op.drop_column("outgoing", name)
