"""A person may have a one-time code for printers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("code_id", CleanText(), nullable=True))
        batch_op.add_column(sa.Column("code_hash", CleanText(), nullable=True))
        batch_op.add_column(sa.Column("code_expires_at", Moment(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("code_expires_at")
        batch_op.drop_column("code_hash")
        batch_op.drop_column("code_id")
