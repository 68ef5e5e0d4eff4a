"""Files of people on their way in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people_imports",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("file_name", CleanText(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("heard_at", Moment(timezone=True), nullable=False),
        sa.Column("state", CleanText(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("lines_done", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_imports")),
    )
    with op.batch_alter_table("people_imports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_people_imports_tenant"), ["tenant"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("people_imports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_people_imports_tenant"))
    op.drop_table("people_imports")
