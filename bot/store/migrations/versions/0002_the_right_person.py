"""The right person: who is there, what they know, whom a case is offered to and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store import tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OFFERED = sa.text("offered_to IS NOT NULL")


def upgrade() -> None:
    _new_tables()
    # plain ALTER TABLE: a table made anew would take with it, on SQLite, all rows that hang on it
    for column in (
        sa.Column("teams", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("languages", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("topics", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("capacity", sa.Integer(), server_default="6", nullable=False),
        sa.Column("paused_at", tables.Time(timezone=True), nullable=True),
    ):
        op.add_column("agents", column)
    for column in (
        sa.Column("team", sa.String(length=32), server_default="", nullable=False),
        sa.Column("offered_to", sa.Integer(), nullable=True),
        sa.Column("offered_at", tables.Time(timezone=True), nullable=True),
        sa.Column("offer_until", tables.Time(timezone=True), nullable=True),
        sa.Column("lead_since", tables.Time(timezone=True), nullable=True),
        sa.Column("helper_id", sa.Integer(), nullable=True),
        sa.Column("wish", sa.String(length=8), nullable=True),
    ):
        op.add_column("cases", column)
    op.create_index(
        "ix_cases_offered", "cases", ["offered_to"], sqlite_where=_OFFERED, postgresql_where=_OFFERED
    )


def _new_tables() -> None:
    op.create_table(
        "team_files",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("on_disk", sa.Boolean(), nullable=False),
        sa.Column("at", tables.Time(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_files")),
    )
    op.create_table(
        "presence",
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", tables.Time(timezone=True), nullable=False),
        sa.Column("used_at", tables.Time(timezone=True), nullable=False),
        sa.Column("offered_at", tables.Time(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_presence_agent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_presence")),
    )
    op.create_index(op.f("ix_presence_seen_at"), "presence", ["seen_at"])
    op.create_table(
        "attention",
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", tables.Time(timezone=True), nullable=False),
        sa.Column("typed_at", tables.Time(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_attention_agent_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_attention_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", "agent_id", name=op.f("pk_attention")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("by_agent_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(length=200), server_default="", nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("at", tables.Time(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_decisions_case_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_case_id"), "decisions", ["case_id"])


def downgrade() -> None:
    op.drop_index("ix_cases_offered", "cases")
    for column in ("wish", "helper_id", "lead_since", "offer_until", "offered_at", "offered_to", "team"):
        op.drop_column("cases", column)
    for column in ("paused_at", "capacity", "topics", "languages", "teams"):
        op.drop_column("agents", column)
    for table in ("decisions", "attention", "presence", "team_files"):
        op.drop_table(table)
