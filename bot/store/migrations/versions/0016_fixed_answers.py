"""What may be said while no engine answers, for processes that start just then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import tables

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fixed_answers",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("at", tables.Time(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixed_answers")),
    )


def downgrade() -> None:
    op.drop_table("fixed_answers")
