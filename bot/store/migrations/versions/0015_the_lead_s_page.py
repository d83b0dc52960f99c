"""What is past is found by its end: the lead's page reads a month of it, not all there ever was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_CLOSED = sa.text("closed_at IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_cases_closed", "cases", ["closed_at"], sqlite_where=_CLOSED, postgresql_where=_CLOSED)
    op.create_index("ix_promises_state_settled", "promises", ["state", "settled_at"])
    op.create_index("ix_waits_began", "waits", ["began_at"])


def downgrade() -> None:
    op.drop_index("ix_waits_began", "waits")
    op.drop_index("ix_promises_state_settled", "promises")
    op.drop_index("ix_cases_closed", "cases")
