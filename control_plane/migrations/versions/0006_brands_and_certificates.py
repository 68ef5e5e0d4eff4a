"""Logos, colours and certificates of domains"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.drop_column("brand_logo_svg")
        for name in ("brand_side_color", "logo_stamp"):
            batch_op.add_column(sa.Column(name, CleanText(), server_default="", nullable=False))
    op.create_table(
        "domain_logos",
        sa.Column("domain_id", CleanText(), nullable=False),
        sa.Column("media_type", CleanText(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["domains.id"],
            name=op.f("fk_domain_logos_domain_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_domain_logos")),
    )
    op.create_table(
        "domain_certificates",
        sa.Column("domain_id", CleanText(), nullable=False),
        sa.Column("stamp", CleanText(), nullable=False),
        sa.Column("chain", CleanText(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", CleanText(), nullable=False),
        sa.Column("added_at", Moment(timezone=True), nullable=False),
        sa.Column("begins_at", Moment(timezone=True), nullable=False),
        sa.Column("ends_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["domain_id"],
            ["domains.id"],
            name=op.f("fk_domain_certificates_domain_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("domain_id", name=op.f("pk_domain_certificates")),
    )


def downgrade() -> None:
    op.drop_table("domain_certificates")
    op.drop_table("domain_logos")
    with op.batch_alter_table("domains", schema=None) as batch_op:
        for name in ("logo_stamp", "brand_side_color"):
            batch_op.drop_column(name)
        batch_op.add_column(
            sa.Column("brand_logo_svg", CleanText(), server_default="", nullable=False)
        )
