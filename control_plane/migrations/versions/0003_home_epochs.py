"""Home epochs are given out by the primary"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("lane_marks", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("home_epoch", sa.Integer(), server_default="1", nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("lane_marks", schema=None) as batch_op:
        batch_op.drop_column("home_epoch")
