"""Three clocks, targets and honest waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import tables

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


RUNNING = {"sqlite_where": sa.text("ended_at IS NULL"), "postgresql_where": sa.text("ended_at IS NULL")}


def upgrade() -> None:
    op.create_table(
        "spans",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("clock", sa.String(length=8), nullable=False),
        sa.Column("team", sa.String(length=32), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("began_at", tables.Time(timezone=True), nullable=False),
        sa.Column("began_why", sa.String(length=16), nullable=False),
        sa.Column("ended_at", tables.Time(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_spans_case_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spans")),
    )
    with op.batch_alter_table("spans", schema=None) as batch_op:
        batch_op.create_index("ix_spans_case", ["case_id", "id"], unique=False)
        batch_op.create_index("ix_spans_running", ["case_id"], unique=True, **RUNNING)
        batch_op.create_index("ix_spans_running_team", ["team", "clock"], unique=False, **RUNNING)

    op.create_table(
        "targets",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("team", sa.String(length=32), nullable=False),
        sa.Column("began_at", tables.Time(timezone=True), nullable=False),
        sa.Column("warn_at", tables.Time(timezone=True), nullable=False),
        sa.Column("due_at", tables.Time(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("warned_at", tables.Time(timezone=True), nullable=True),
        sa.Column("warned_agent_id", sa.Integer(), nullable=True),
        sa.Column("broken_at", tables.Time(timezone=True), nullable=True),
        sa.Column("ended_at", tables.Time(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_targets_case_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
    )
    with op.batch_alter_table("targets", schema=None) as batch_op:
        batch_op.create_index("ix_targets_began", ["began_at"], unique=False)
        batch_op.create_index("ix_targets_case", ["case_id"], unique=False, **RUNNING)
        batch_op.create_index("ix_targets_state_due", ["state", "due_at"], unique=False)

    op.create_table(
        "waits",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("team", sa.String(length=32), nullable=False),
        sa.Column("began_at", tables.Time(timezone=True), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("ahead", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("load", sa.Float(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("due_at", tables.Time(timezone=True), nullable=True),
        sa.Column("basis", sa.JSON(), nullable=True),
        sa.Column("offer_at", tables.Time(timezone=True), nullable=True),
        sa.Column("promise_id", sa.Integer(), nullable=True),
        sa.Column("tell_at", tables.Time(timezone=True), nullable=True),
        sa.Column("told_at", tables.Time(timezone=True), nullable=True),
        sa.Column("told_due_at", tables.Time(timezone=True), nullable=True),
        sa.Column("ended_at", tables.Time(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=16), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("kept", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_waits_case_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waits")),
    )
    with op.batch_alter_table("waits", schema=None) as batch_op:
        batch_op.create_index("ix_waits_case", ["case_id", "id"], unique=False)
        batch_op.create_index("ix_waits_team", ["team", "id"], unique=False)
        batch_op.create_index("ix_waits_tell", ["tell_at"], unique=False, **RUNNING)

    # not as a batch: that would copy the table, and delete everything that hangs on its rows
    op.drop_column("cases", "reassured_at")
    # who is in the middle of something goes on with a clock; what is over has no waits that could be trusted
    op.execute(
        "INSERT INTO spans (case_id, clock, team, began_at, began_why) "
        "SELECT cases.id, 'waiting', cases.team, cases.waiting_since, 'asked' FROM cases "
        "JOIN conversations ON conversations.case_id = cases.id "
        "WHERE conversations.status = 'waiting' AND cases.waiting_since IS NOT NULL"
    )
    op.execute(
        "INSERT INTO spans (case_id, clock, team, agent_id, began_at, began_why) "
        "SELECT cases.id, 'person', cases.team, conversations.agent_id, "
        "COALESCE(cases.taken_at, cases.opened_at), 'answered' FROM cases "
        "JOIN conversations ON conversations.case_id = cases.id WHERE conversations.status = 'agent'"
    )


def downgrade() -> None:
    op.add_column("cases", sa.Column("reassured_at", tables.Time(timezone=True), nullable=True))

    with op.batch_alter_table("waits", schema=None) as batch_op:
        batch_op.drop_index("ix_waits_tell", **RUNNING)
        batch_op.drop_index("ix_waits_team")
        batch_op.drop_index("ix_waits_case")

    op.drop_table("waits")
    with op.batch_alter_table("targets", schema=None) as batch_op:
        batch_op.drop_index("ix_targets_state_due")
        batch_op.drop_index("ix_targets_case", **RUNNING)
        batch_op.drop_index("ix_targets_began")

    op.drop_table("targets")
    with op.batch_alter_table("spans", schema=None) as batch_op:
        batch_op.drop_index("ix_spans_running_team", **RUNNING)
        batch_op.drop_index("ix_spans_running", **RUNNING)
        batch_op.drop_index("ix_spans_case")

    op.drop_table("spans")
