"""Several primaries, schedules under a lease, enrolments that wait for approval"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installations",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("share_group", CleanText(), nullable=False),
        sa.Column("authority", CleanText(), nullable=False),
        sa.Column("data_key", CleanText(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installations")),
    )
    op.create_table(
        "primary_processes",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("host", CleanText(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("started_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("serves_until", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_primary_processes")),
    )
    op.create_table(
        "schedules",
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("due_at", Moment(timezone=True), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("holder", CleanText(), nullable=True),
        sa.Column("held_until", Moment(timezone=True), nullable=True),
        sa.Column("done_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_table(
        "enrolment_requests",
        sa.Column("code_hash", CleanText(), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("key_fingerprint", CleanText(), nullable=False),
        sa.Column("sealing_key", sa.LargeBinary(), nullable=False),
        sa.Column("host_name", CleanText(), nullable=False),
        sa.Column("source", CleanText(), nullable=False),
        sa.Column("asked_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("decided_at", Moment(timezone=True), nullable=True),
        sa.Column("is_approved", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_enrolment_requests_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_enrolment_requests")),
    )
    with op.batch_alter_table("enrolment_requests", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_enrolment_requests_gateway_id"), ["gateway_id"], unique=False
        )
    with op.batch_alter_table("gateway_states", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pushed_by", CleanText(), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_gateway_states_pushed_by"), ["pushed_by"], unique=False
        )
    with op.batch_alter_table("gateway_certificates", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("key_fingerprint", CleanText(), nullable=False, server_default="")
        )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "gateways_need_approval", sa.Boolean(), nullable=False, server_default=sa.false()
            )
        )
    with op.batch_alter_table("primary_epochs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lost_since", Moment(timezone=True), nullable=True))


def downgrade() -> None:
    for table, column in (
        ("primary_epochs", "lost_since"),
        ("accounts", "gateways_need_approval"),
        ("gateway_certificates", "key_fingerprint"),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(column)
    with op.batch_alter_table("gateway_states", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gateway_states_pushed_by"))
        batch_op.drop_column("pushed_by")
    for table in ("enrolment_requests", "schedules", "primary_processes", "installations"):
        op.drop_table(table)
