from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, GatewayId, SiteId


class Gateway(Versioned, Base):
    """A server that runs services near the customer; a vendor's may serve its accounts."""

    __tablename__ = "gateways"

    id: Mapped[GatewayId] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    site_id: Mapped[SiteId | None] = mapped_column(ForeignKey("sites.id"))
    services: Mapped[dict[str, Any]]  # name to a plain shared.messages.records.ServiceSetting
    trusted_hosts: Mapped[list[str]]
    enrolled_at: Mapped[datetime | None]
    sealing_key: Mapped[bytes | None] = mapped_column(LargeBinary)  # its X25519 public key
    revoked_at: Mapped[datetime | None]


class GatewayState(Base):
    """How a gateway is, as it last said itself; apart, since it changes every minute."""

    __tablename__ = "gateway_states"

    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True
    )
    presence: Mapped[str] = mapped_column(default="gone")  # here | gone
    presence_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    boot_id: Mapped[str | None]
    received: Mapped[dict[str, Any]] = mapped_column(default=dict)  # stream to cursor
    running: Mapped[dict[str, Any]] = mapped_column(default=dict)  # stream to cursor, errors
    health: Mapped[dict[str, Any]] = mapped_column(default=dict)
    pushed_by: Mapped[str | None] = mapped_column(index=True)  # the primary that brings it changes


class GatewayAccount(Base):
    """An account that a gateway serves, or served: its late facts still count."""

    __tablename__ = "gateway_accounts"

    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[AccountId] = mapped_column(
        ForeignKey("accounts.id"), primary_key=True, index=True
    )
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    forgotten_at: Mapped[datetime | None]  # when the gateway said that it wiped everything
