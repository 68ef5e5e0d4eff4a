"""What the boxes said that use one gateway's identity"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gateway_boots", schema=None) as batch_op:
        batch_op.add_column(sa.Column("said", sa.JSON(), server_default="{}", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("gateway_boots", schema=None) as batch_op:
        batch_op.drop_column("said")
