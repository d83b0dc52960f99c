"""What asks the company's systems whether a promise was kept, when next, and what they said last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # plain ALTER TABLE: a table made anew would take with it, on SQLite, all rows that hang on it
    op.add_column("promises", sa.Column("check_text", sa.Text(), server_default="", nullable=False))
    op.add_column("promises", sa.Column("check_at", sa.DateTime(timezone=True)))
    op.add_column("promises", sa.Column("answer", sa.String(length=8), server_default="", nullable=False))
    op.add_column("promises", sa.Column("answered_at", sa.DateTime(timezone=True)))
    op.create_index("ix_promises_check", "promises", ["state", "check_at"])


def downgrade() -> None:
    op.drop_index("ix_promises_check", "promises")
    for name in ("answered_at", "answer", "check_at", "check_text"):
        op.drop_column("promises", name)
