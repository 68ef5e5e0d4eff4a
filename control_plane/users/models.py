from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import UserId


class User(Versioned, Base):
    """A person of one vendor or account."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("tenant", "username"),
        Index("ix_users_tenant_display_name", "tenant", "display_name", "id"),
    )

    id: Mapped[UserId] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    username: Mapped[str]  # canonical, see shared.secrets
    display_name: Mapped[str]
    email: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    pin_hash: Mapped[str | None]
    # A one-time code for printers: these three are set together, or none of them.
    code_id: Mapped[str | None]
    code_hash: Mapped[str | None]
    code_expires_at: Mapped[datetime | None]
    language: Mapped[str | None]
    time_zone: Mapped[str | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    is_operator: Mapped[bool] = mapped_column(default=False)
    last_sign_in_at: Mapped[datetime | None]


class OneTimeLink(Base):
    """A link that lets somebody set a password, once; only a POST consumes it."""

    __tablename__ = "one_time_links"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]  # setup | recovery
    tenant: Mapped[str]
    user_id: Mapped[UserId | None] = mapped_column(index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
