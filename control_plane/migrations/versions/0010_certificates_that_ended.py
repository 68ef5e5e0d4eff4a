"""Certificates of gateways that were erased are refused as long as they would be valid"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ended_certificates",
        sa.Column("serial", CleanText(), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("ended_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_ended_certificates")),
    )


def downgrade() -> None:
    op.drop_table("ended_certificates")
