"""Accounts are closed and erased; what was asked of the API is kept as a keyed hash"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_CLOSE = "accounts.close"
_ROLES = sa.table(
    "roles",
    sa.column("id", CleanText()),
    sa.column("tenant", CleanText()),
    sa.column("built_in", CleanText()),
    sa.column("permissions", sa.JSON()),
)


def upgrade() -> None:
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        for name in ("closed_at", "kept_until", "erase_at"):
            batch_op.add_column(sa.Column(name, Moment(timezone=True), nullable=True))
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_users_tenant_display_name"),
            ["tenant", "display_name", "id"],
            unique=False,
        )
    # A plain hash of a body lets who reads it try what the body was.
    op.execute("DELETE FROM idempotency_keys")
    _let_owners_close({True: set(), False: {_CLOSE}})


def downgrade() -> None:
    _let_owners_close({True: {_CLOSE}, False: set()})
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_users_tenant_display_name"))
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        for name in ("erase_at", "kept_until", "closed_at"):
            batch_op.drop_column(name)


def _let_owners_close(change: dict[bool, set[str]]) -> None:
    """Give the permission to the built-in owners of vendors, or take it (True) from them."""
    connection = op.get_bind()
    owners = sa.select(_ROLES.c.id, _ROLES.c.permissions).where(
        _ROLES.c.built_in == "owner", _ROLES.c.tenant.startswith("vendor:")
    )
    for role_id, permissions in connection.execute(owners).all():
        given = sorted((set(permissions) | change[False]) - change[True])
        connection.execute(_ROLES.update().where(_ROLES.c.id == role_id).values(permissions=given))
