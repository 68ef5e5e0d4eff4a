"""Accounts let people enrol their cards at a terminal; a card tells where that was"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("unknown_cards", CleanText(), nullable=False, server_default="refuse")
        )
        batch_op.add_column(sa.Column("card_sealing_key", CleanText(), nullable=True))
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.add_column(sa.Column("enrolled_printer_id", CleanText(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_column("enrolled_printer_id")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_column("card_sealing_key")
        batch_op.drop_column("unknown_cards")
