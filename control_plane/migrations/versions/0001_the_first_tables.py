"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control_plane.database import CleanText, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915
    op.create_table(
        "api_keys",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("key_hash", CleanText(), nullable=False),
        sa.Column("hint", CleanText(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=True),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_tenant"), ["tenant"], unique=False)

    op.create_table(
        "audit_chains",
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("head", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_audit_chains")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event", CleanText(), nullable=False),
        sa.Column("outcome", CleanText(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("recorded_at", Moment(timezone=True), nullable=False),
        sa.Column("actor_kind", CleanText(), nullable=False),
        sa.Column("actor_id", CleanText(), nullable=True),
        sa.Column("actor_name", CleanText(), nullable=False),
        sa.Column("subject_kind", CleanText(), nullable=False),
        sa.Column("subject_id", CleanText(), nullable=True),
        sa.Column("source", CleanText(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous", CleanText(), nullable=False),
        sa.Column("hash", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("tenant", "seq", name=op.f("uq_audit_events_tenant_seq")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_events_tenant_actor_id", ["tenant", "actor_id", "seq"], unique=False
        )
        batch_op.create_index(
            "ix_audit_events_tenant_event", ["tenant", "event", "seq"], unique=False
        )
        batch_op.create_index(
            "ix_audit_events_tenant_subject_id", ["tenant", "subject_id", "seq"], unique=False
        )

    op.create_table(
        "domains",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("verified_name", CleanText(), nullable=True),
        sa.Column("verified_at", Moment(timezone=True), nullable=True),
        sa.Column("verified_by", CleanText(), nullable=True),
        sa.Column("challenge", CleanText(), nullable=False),
        sa.Column("brand_name", CleanText(), nullable=False),
        sa.Column("brand_color", CleanText(), nullable=False),
        sa.Column("brand_logo_svg", CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domains")),
        sa.UniqueConstraint("verified_name", name=op.f("uq_domains_verified_name")),
    )
    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_domains_tenant"), ["tenant"], unique=False)

    op.create_table(
        "feed_rows",
        sa.Column("stream", CleanText(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_seq", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", Moment(timezone=True), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "kind", "id", name=op.f("pk_feed_rows")),
    )
    with op.batch_alter_table("feed_rows", schema=None) as batch_op:
        batch_op.create_index(
            "ix_feed_rows_stream_changed_seq", ["stream", "changed_seq"], unique=False
        )

    op.create_table(
        "feed_streams",
        sa.Column("stream", CleanText(), nullable=False),
        sa.Column("feed_epoch", CleanText(), nullable=False),
        sa.Column("changed_seq", sa.BigInteger(), nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_feed_streams")),
    )
    with op.batch_alter_table("feed_streams", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_feed_streams_changed_at"), ["changed_at"], unique=False
        )

    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("caller", CleanText(), nullable=False),
        sa.Column("key", CleanText(), nullable=False),
        sa.Column("request_hash", CleanText(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "caller", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_keys_created_at", ["created_at"], unique=False)

    op.create_table(
        "job_counts",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("source", CleanText(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("home_epoch", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("confidence", CleanText(), nullable=False),
        sa.Column("impressions", sa.Integer(), nullable=True),
        sa.Column("color_impressions", sa.Integer(), nullable=True),
        sa.Column("note", CleanText(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "source", name=op.f("pk_job_counts")),
    )
    op.create_table(
        "job_events",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("home_epoch", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("event", CleanText(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("message", CleanText(), nullable=False),
        sa.Column("printer_id", sa.String(length=36), nullable=True),
        sa.Column("by", CleanText(), nullable=False),
        sa.Column("by_user_id", sa.String(length=36), nullable=True),
        sa.Column("reader_id", sa.String(length=36), nullable=True),
        sa.Column("first_byte_ms", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(
            "job_id", "home_epoch", "revision", "event", name=op.f("pk_job_events")
        ),
    )
    op.create_table(
        "one_time_links",
        sa.Column("token_hash", CleanText(), nullable=False),
        sa.Column("purpose", CleanText(), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("used_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_one_time_links")),
    )
    with op.batch_alter_table("one_time_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_one_time_links_user_id"), ["user_id"], unique=False)

    op.create_table(
        "primary_epochs",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("began_at", Moment(timezone=True), nullable=False),
        sa.Column("why", CleanText(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_primary_epochs")),
    )
    op.create_table(
        "roles",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("built_in", CleanText(), nullable=True),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("tenant", "name", name=op.f("uq_roles_tenant_name")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("key", CleanText(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", Moment(timezone=True), nullable=False),
        sa.Column("blocked_until", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_failures")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("username", CleanText(), nullable=False),
        sa.Column("display_name", CleanText(), nullable=False),
        sa.Column("email", CleanText(), nullable=False),
        sa.Column("password_hash", CleanText(), nullable=True),
        sa.Column("pin_hash", CleanText(), nullable=True),
        sa.Column("language", CleanText(), nullable=True),
        sa.Column("time_zone", CleanText(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("last_sign_in_at", Moment(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("tenant", "username", name=op.f("uq_users_tenant_username")),
    )
    op.create_table(
        "vendors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["vendors.id"], name=op.f("fk_vendors_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendors")),
    )
    with op.batch_alter_table("vendors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_vendors_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("vendor_id", sa.String(length=36), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("short_name", CleanText(), nullable=False),
        sa.Column("language", CleanText(), nullable=False),
        sa.Column("time_zone", CleanText(), nullable=False),
        sa.Column("retention_seconds", sa.Integer(), nullable=False),
        sa.Column("titles_visible_to_vendor", sa.Boolean(), nullable=False),
        sa.Column("claimed_allowed", sa.Boolean(), nullable=False),
        sa.Column("offline_limit_seconds", sa.Integer(), nullable=True),
        sa.Column("card_needs_pin", sa.Boolean(), nullable=False),
        sa.Column("hash_key_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendors.id"], name=op.f("fk_accounts_vendor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint(
            "vendor_id", "short_name", name=op.f("uq_accounts_vendor_id_short_name")
        ),
    )
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_accounts_vendor_id"), ["vendor_id"], unique=False)

    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("role_id", CleanText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["roles.id"], name=op.f("fk_user_roles_role_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_roles")),
    )
    with op.batch_alter_table("user_roles", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_roles_role_id"), ["role_id"], unique=False)

    op.create_table(
        "web_sessions",
        sa.Column("token_hash", CleanText(), nullable=False),
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("csrf_token", CleanText(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("seen_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("address", CleanText(), nullable=False),
        sa.Column("user_agent", CleanText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_web_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_sessions")),
        sa.UniqueConstraint("id", name=op.f("uq_web_sessions_id")),
    )
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "account_secrets",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("fk_account_secrets_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "purpose", "version", name=op.f("pk_account_secrets")
        ),
    )
    op.create_table(
        "cards",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("card_hash", CleanText(), nullable=False),
        sa.Column("last4", CleanText(), nullable=False),
        sa.Column("hash_key_version", sa.Integer(), nullable=False),
        sa.Column("form_version", sa.Integer(), nullable=False),
        sa.Column("sealed_number", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.Column("last_used_at", Moment(timezone=True), nullable=True),
        sa.Column("last_used_printer_id", CleanText(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_cards_account_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_cards_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
    )
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.create_index("ix_cards_account_id_last4", ["account_id", "last4"], unique=False)
        batch_op.create_index(batch_op.f("ix_cards_user_id"), ["user_id"], unique=False)
        batch_op.create_index(
            "uq_cards_account_id_card_hash",
            ["account_id", "card_hash"],
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )

    op.create_table(
        "grants",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("vendor_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("reason", CleanText(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_grants_account_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_grants_user_id")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendors.id"], name=op.f("fk_grants_vendor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_grants_account_id"), ["account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_grants_vendor_id"), ["vendor_id"], unique=False)

    op.create_table(
        "groups",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_groups_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_groups_account_id_name")),
    )
    op.create_table(
        "licences",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("devices", sa.Integer(), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_licences_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_licences")),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sites_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_sites_account_id_id")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_sites_account_id_name")),
    )
    op.create_table(
        "usage_rows",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("printer_id", sa.String(length=36), nullable=False),
        sa.Column("impressions", sa.Integer(), nullable=True),
        sa.Column("source", CleanText(), nullable=False),
        sa.Column("confidence", CleanText(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("sides", CleanText(), nullable=False),
        sa.Column("printer_impressions", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_usage_rows_account_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_rows")),
    )
    with op.batch_alter_table("usage_rows", schema=None) as batch_op:
        batch_op.create_index("ix_usage_rows_account_id_at", ["account_id", "at"], unique=False)
        batch_op.create_index("ix_usage_rows_job_id", ["job_id"], unique=False)

    op.create_table(
        "gateways",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=True),
        sa.Column("services", sa.JSON(), nullable=False),
        sa.Column("trusted_hosts", sa.JSON(), nullable=False),
        sa.Column("enrolled_at", Moment(timezone=True), nullable=True),
        sa.Column("sealing_key", sa.LargeBinary(), nullable=True),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_gateways_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateways")),
    )
    with op.batch_alter_table("gateways", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gateways_tenant"), ["tenant"], unique=False)

    op.create_table(
        "group_members",
        sa.Column("group_id", CleanText(), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_group_members_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_members")),
    )
    with op.batch_alter_table("group_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_members_user_id"), ["user_id"], unique=False)

    op.create_table(
        "commands",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("state", CleanText(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("message", CleanText(), nullable=False),
        sa.Column("asked_by", CleanText(), nullable=False),
        sa.Column("primary_epoch", sa.Integer(), nullable=False),
        sa.Column("issued_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("changed_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_commands_gateway_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
    )
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.create_index("ix_commands_gateway_id_seq", ["gateway_id", "seq"], unique=True)
        batch_op.create_index(batch_op.f("ix_commands_tenant"), ["tenant"], unique=False)

    op.create_table(
        "gateway_accounts",
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("since", Moment(timezone=True), nullable=False),
        sa.Column("ended_at", Moment(timezone=True), nullable=True),
        sa.Column("forgotten_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_gateway_accounts_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_gateway_accounts_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gateway_id", "account_id", name=op.f("pk_gateway_accounts")),
    )
    with op.batch_alter_table("gateway_accounts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gateway_accounts_account_id"), ["account_id"], unique=False
        )

    op.create_table(
        "gateway_boots",
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("boot_id", CleanText(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("seen_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_gateway_boots_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gateway_id", "boot_id", name=op.f("pk_gateway_boots")),
    )
    op.create_table(
        "gateway_certificates",
        sa.Column("serial", CleanText(), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("issued_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.Column("why", CleanText(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_gateway_certificates_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_gateway_certificates")),
    )
    with op.batch_alter_table("gateway_certificates", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gateway_certificates_gateway_id"), ["gateway_id"], unique=False
        )

    op.create_table(
        "gateway_codes",
        sa.Column("code_hash", CleanText(), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("tenant", CleanText(), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("used_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_gateway_codes_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_gateway_codes")),
    )
    with op.batch_alter_table("gateway_codes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_gateway_codes_gateway_id"), ["gateway_id"], unique=False
        )

    op.create_table(
        "gateway_halts",
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("reason", CleanText(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_gateway_halts_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_gateway_halts")),
    )
    op.create_table(
        "gateway_states",
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("presence", CleanText(), nullable=False),
        sa.Column("presence_at", Moment(timezone=True), nullable=True),
        sa.Column("last_seen_at", Moment(timezone=True), nullable=True),
        sa.Column("boot_id", CleanText(), nullable=True),
        sa.Column("received", sa.JSON(), nullable=False),
        sa.Column("running", sa.JSON(), nullable=False),
        sa.Column("health", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_gateway_states_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_gateway_states")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("home_epoch", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("queue_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", CleanText(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("message", CleanText(), nullable=False),
        sa.Column("identity", CleanText(), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=True),
        sa.Column("claimed_name", CleanText(), nullable=True),
        sa.Column("source_protocol", CleanText(), nullable=False),
        sa.Column("source_address", CleanText(), nullable=False),
        sa.Column("source_host", CleanText(), nullable=True),
        sa.Column("document_format", CleanText(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", CleanText(), nullable=False),
        sa.Column("received_ms", sa.Integer(), nullable=False),
        sa.Column("received_at", Moment(timezone=True), nullable=False),
        sa.Column("kept_until", Moment(timezone=True), nullable=False),
        sa.Column("ticket", sa.JSON(), nullable=False),
        sa.Column("printer_id", sa.String(length=36), nullable=True),
        sa.Column("released_at", Moment(timezone=True), nullable=True),
        sa.Column("ended_at", Moment(timezone=True), nullable=True),
        sa.Column("first_byte_ms", sa.Integer(), nullable=True),
        sa.Column("impressions", sa.Integer(), nullable=True),
        sa.Column("color_impressions", sa.Integer(), nullable=True),
        sa.Column("impressions_source", CleanText(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_jobs_account_id")),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name=op.f("fk_jobs_gateway_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_jobs_account_id_owner_id", ["account_id", "owner_id", "received_at"], unique=False
        )
        batch_op.create_index(
            "ix_jobs_account_id_printer_id",
            ["account_id", "printer_id", "received_at"],
            unique=False,
        )
        batch_op.create_index(
            "ix_jobs_account_id_received_at", ["account_id", "received_at", "id"], unique=False
        )
        batch_op.create_index(
            "ix_jobs_account_id_state", ["account_id", "state", "received_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_jobs_gateway_id"), ["gateway_id"], unique=False)

    op.create_table(
        "lane_epochs",
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("lane", CleanText(), nullable=False),
        sa.Column("epoch", CleanText(), nullable=False),
        sa.Column("previous", CleanText(), nullable=True),
        sa.Column("why", CleanText(), nullable=False),
        sa.Column("began_at", Moment(timezone=True), nullable=False),
        sa.Column("ended_at", Moment(timezone=True), nullable=True),
        sa.Column("upto_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_lane_epochs_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gateway_id", "lane", "epoch", name=op.f("pk_lane_epochs")),
    )
    op.create_table(
        "lane_marks",
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("lane", CleanText(), nullable=False),
        sa.Column("epoch", CleanText(), nullable=False),
        sa.Column("upto_seq", sa.BigInteger(), nullable=False),
        sa.Column("chain", CleanText(), nullable=False),
        sa.Column("changed_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_lane_marks_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gateway_id", "lane", name=op.f("pk_lane_marks")),
    )
    op.create_table(
        "parked_rows",
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("lane", CleanText(), nullable=False),
        sa.Column("epoch", CleanText(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", CleanText(), nullable=False),
        sa.Column("entity", CleanText(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("reason", CleanText(), nullable=False),
        sa.Column("parked_at", Moment(timezone=True), nullable=False),
        sa.Column("settled_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_id"],
            ["gateways.id"],
            name=op.f("fk_parked_rows_gateway_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gateway_id", "lane", "epoch", "seq", name=op.f("pk_parked_rows")),
    )
    with op.batch_alter_table("parked_rows", schema=None) as batch_op:
        batch_op.create_index(
            "ix_parked_rows_gateway_id_entity", ["gateway_id", "entity", "settled_at"], unique=False
        )

    op.create_table(
        "printers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("uri", CleanText(), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=True),
        sa.Column("profile", CleanText(), nullable=False),
        sa.Column("location", CleanText(), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "site_id"],
            ["sites.account_id", "sites.id"],
            name=op.f("fk_printers_account_id_site_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_printers_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_printers_gateway_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_printers")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_printers_account_id_id")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_printers_account_id_name")),
    )
    op.create_table(
        "terminals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("printer_id", sa.String(length=36), nullable=False),
        sa.Column("reader_id", sa.String(length=36), nullable=True),
        sa.Column("paired_at", Moment(timezone=True), nullable=False),
        sa.Column("revoked_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_terminals_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_terminals_gateway_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminals")),
    )
    with op.batch_alter_table("terminals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_terminals_account_id"), ["account_id"], unique=False)

    op.create_table(
        "queues",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("path", CleanText(), nullable=False),
        sa.Column("type", CleanText(), nullable=False),
        sa.Column("printer_id", sa.String(length=36), nullable=True),
        sa.Column("identity", CleanText(), nullable=False),
        sa.Column("user_ids", sa.JSON(), nullable=False),
        sa.Column("group_ids", sa.JSON(), nullable=False),
        sa.Column("ticket_defaults", sa.JSON(), nullable=False),
        sa.Column("retention_seconds", sa.Integer(), nullable=True),
        sa.Column("raw_port", sa.Integer(), nullable=True),
        sa.Column("keep_after_printing", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "printer_id"],
            ["printers.account_id", "printers.id"],
            name=op.f("fk_queues_account_id_printer_id"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_queues_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queues")),
        sa.UniqueConstraint("account_id", "path", name=op.f("uq_queues_account_id_path")),
    )
    op.create_table(
        "readers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", CleanText(), nullable=False),
        sa.Column("gateway_id", sa.String(length=36), nullable=False),
        sa.Column("printer_id", sa.String(length=36), nullable=False),
        sa.Column("mode", CleanText(), nullable=False),
        sa.Column("role", CleanText(), nullable=False),
        sa.Column("address", CleanText(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("profile", CleanText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "printer_id"],
            ["printers.account_id", "printers.id"],
            name=op.f("fk_readers_account_id_printer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_readers_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.id"], name=op.f("fk_readers_gateway_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readers")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_readers_account_id_id")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_readers_account_id_name")),
    )
    op.create_table(
        "terminal_codes",
        sa.Column("id", CleanText(), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("code_hash", CleanText(), nullable=False),
        sa.Column("printer_id", sa.String(length=36), nullable=False),
        sa.Column("reader_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.Column("used_at", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "printer_id"],
            ["printers.account_id", "printers.id"],
            name=op.f("fk_terminal_codes_account_id_printer_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_terminal_codes_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["readers.id"], name=op.f("fk_terminal_codes_reader_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminal_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_terminal_codes_code_hash")),
    )
    with op.batch_alter_table("terminal_codes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_terminal_codes_account_id"), ["account_id"], unique=False
        )


def downgrade() -> None:  # noqa: PLR0915
    with op.batch_alter_table("terminal_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_terminal_codes_account_id"))

    op.drop_table("terminal_codes")
    op.drop_table("readers")
    op.drop_table("queues")
    with op.batch_alter_table("terminals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_terminals_account_id"))

    op.drop_table("terminals")
    op.drop_table("printers")
    with op.batch_alter_table("parked_rows", schema=None) as batch_op:
        batch_op.drop_index("ix_parked_rows_gateway_id_entity")

    op.drop_table("parked_rows")
    op.drop_table("lane_marks")
    op.drop_table("lane_epochs")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_gateway_id"))
        batch_op.drop_index("ix_jobs_account_id_state")
        batch_op.drop_index("ix_jobs_account_id_received_at")
        batch_op.drop_index("ix_jobs_account_id_printer_id")
        batch_op.drop_index("ix_jobs_account_id_owner_id")

    op.drop_table("jobs")
    op.drop_table("gateway_states")
    op.drop_table("gateway_halts")
    with op.batch_alter_table("gateway_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gateway_codes_gateway_id"))

    op.drop_table("gateway_codes")
    with op.batch_alter_table("gateway_certificates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gateway_certificates_gateway_id"))

    op.drop_table("gateway_certificates")
    op.drop_table("gateway_boots")
    with op.batch_alter_table("gateway_accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gateway_accounts_account_id"))

    op.drop_table("gateway_accounts")
    with op.batch_alter_table("commands", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_commands_tenant"))
        batch_op.drop_index("ix_commands_gateway_id_seq")

    op.drop_table("commands")
    with op.batch_alter_table("group_members", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_members_user_id"))

    op.drop_table("group_members")
    with op.batch_alter_table("gateways", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gateways_tenant"))

    op.drop_table("gateways")
    with op.batch_alter_table("usage_rows", schema=None) as batch_op:
        batch_op.drop_index("ix_usage_rows_job_id")
        batch_op.drop_index("ix_usage_rows_account_id_at")

    op.drop_table("usage_rows")
    op.drop_table("sites")
    op.drop_table("licences")
    op.drop_table("groups")
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grants_vendor_id"))
        batch_op.drop_index(batch_op.f("ix_grants_account_id"))

    op.drop_table("grants")
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_cards_account_id_card_hash",
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_cards_user_id"))
        batch_op.drop_index("ix_cards_account_id_last4")

    op.drop_table("cards")
    op.drop_table("account_secrets")
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_web_sessions_user_id"))

    op.drop_table("web_sessions")
    with op.batch_alter_table("user_roles", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_roles_role_id"))

    op.drop_table("user_roles")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_accounts_vendor_id"))

    op.drop_table("accounts")
    with op.batch_alter_table("vendors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_vendors_parent_id"))

    op.drop_table("vendors")
    op.drop_table("users")
    op.drop_table("sign_in_failures")
    op.drop_table("roles")
    op.drop_table("primary_epochs")
    with op.batch_alter_table("one_time_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_one_time_links_user_id"))

    op.drop_table("one_time_links")
    op.drop_table("job_events")
    op.drop_table("job_counts")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_keys_created_at")

    op.drop_table("idempotency_keys")
    with op.batch_alter_table("feed_streams", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_feed_streams_changed_at"))

    op.drop_table("feed_streams")
    with op.batch_alter_table("feed_rows", schema=None) as batch_op:
        batch_op.drop_index("ix_feed_rows_stream_changed_seq")

    op.drop_table("feed_rows")
    with op.batch_alter_table("domains", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_domains_tenant"))

    op.drop_table("domains")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_events_tenant_subject_id")
        batch_op.drop_index("ix_audit_events_tenant_event")
        batch_op.drop_index("ix_audit_events_tenant_actor_id")

    op.drop_table("audit_events")
    op.drop_table("audit_chains")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_tenant"))

    op.drop_table("api_keys")
