"""How often a platform was asked in vain for a customer's name, so that it is asked again, and not for ever."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("name_asked", sa.Integer(), nullable=True))
    op.add_column("conversations", sa.Column("name_asked_at", sa.DateTime(timezone=True), nullable=True))
    nameless = "customer_id IN (SELECT id FROM customers WHERE name = '')"
    op.execute(f"UPDATE conversations SET name_asked = 1, name_asked_at = created_at WHERE {nameless}")


def downgrade() -> None:
    op.drop_column("conversations", "name_asked_at")
    op.drop_column("conversations", "name_asked")
