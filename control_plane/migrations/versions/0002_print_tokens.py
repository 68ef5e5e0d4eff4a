"""Print tokens"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "print_tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("queue_id", sa.String(length=36), nullable=True),
        sa.Column("expires_at", Moment(timezone=True), nullable=True),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.Column("last_used_at", Moment(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_print_tokens_account_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_print_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_print_tokens_token_hash")),
    )
    with op.batch_alter_table("print_tokens", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_print_tokens_account_id"), ["account_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_print_tokens_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("print_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_print_tokens_user_id"))
        batch_op.drop_index(batch_op.f("ix_print_tokens_account_id"))

    op.drop_table("print_tokens")
