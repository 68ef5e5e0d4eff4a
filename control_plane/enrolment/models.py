from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base
from shared.ids import GatewayId, SiteId


class GatewayCode(Base):
    """A one-time code that lets a box become a gateway; kept as its hash."""

    __tablename__ = "gateway_codes"

    code_hash: Mapped[str] = mapped_column(primary_key=True)  # hex SHA-256 of the secret
    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), index=True
    )
    tenant: Mapped[str]  # as the gateway's when the code was made: it must still be so
    site_id: Mapped[SiteId | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class GatewayCertificate(Base):
    """A certificate that we issued to a gateway."""

    __tablename__ = "gateway_certificates"

    serial: Mapped[str] = mapped_column(primary_key=True)  # hex
    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), index=True
    )
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    why: Mapped[str]  # enrolment | renewal
    key_fingerprint: Mapped[str] = mapped_column(default="")  # hex SHA-256 of its public key


class EndedCertificate(Base):
    """A certificate of a gateway that was erased: refused as long as it would be valid."""

    __tablename__ = "ended_certificates"

    serial: Mapped[str] = mapped_column(primary_key=True)  # hex
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime]


class EnrolmentRequest(Base):
    """A box with a right code that waits for somebody's approval; it asks again until then."""

    __tablename__ = "enrolment_requests"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), index=True
    )
    key_fingerprint: Mapped[str]  # hex SHA-256 of the public key that asks; another is another box
    sealing_key: Mapped[bytes] = mapped_column(LargeBinary)
    host_name: Mapped[str]
    source: Mapped[str]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    is_approved: Mapped[bool | None]
