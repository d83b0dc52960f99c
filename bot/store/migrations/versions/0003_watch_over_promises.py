"""Watch over promises."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("promises", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=16), server_default="other", nullable=False))
        batch_op.add_column(sa.Column("made_by", sa.String(length=8), server_default="bot", nullable=False))
        batch_op.add_column(sa.Column("warned_at", tables.Time(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("escalated_at", tables.Time(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("told_at", tables.Time(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("asked_at", tables.Time(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("settled_at", tables.Time(timezone=True), nullable=True))
        batch_op.create_index("ix_promises_state_due", ["state", "due_at"], unique=False)
    # what was shown as due before stays overdue; nobody is written to about it out of the blue
    op.execute(
        "UPDATE promises SET state = 'open', warned_at = due_at, escalated_at = due_at, told_at = due_at "
        "WHERE state = 'due'"
    )
    op.create_table(
        "promise_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("promise_id", sa.Integer(), nullable=False),
        sa.Column("from_state", sa.String(length=10), nullable=False),
        sa.Column("to_state", sa.String(length=10), nullable=False),
        sa.Column("who", sa.String(length=16), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("due_at", tables.Time(timezone=True), nullable=False),
        sa.Column("at", tables.Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["promise_id"], ["promises.id"], name=op.f("fk_promise_changes_promise_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise_changes")),
    )
    with op.batch_alter_table("promise_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_promise_changes_promise_id"), ["promise_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("promise_changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_promise_changes_promise_id"))
    op.drop_table("promise_changes")
    with op.batch_alter_table("promises", schema=None) as batch_op:
        batch_op.drop_index("ix_promises_state_due")
        for name in ("settled_at", "asked_at", "told_at", "escalated_at", "warned_at", "made_by", "kind"):
            batch_op.drop_column(name)
