"""A parked row knows that a list of jobs came after it and says that its job is gone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("parked_rows", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gone_epoch", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("gone_at", Moment(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("parked_rows", schema=None) as batch_op:
        batch_op.drop_column("gone_at")
        batch_op.drop_column("gone_epoch")
