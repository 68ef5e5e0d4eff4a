from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned


class Domain(Versioned, Base):
    """A DNS name of one vendor or account; once verified it shows its pages and brand."""

    __tablename__ = "domains"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]  # lower case, punycode, without trailing dot; unique once verified
    # The name again when verified: many may claim one, one may have it.
    verified_name: Mapped[str | None] = mapped_column(unique=True)
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[str | None]  # dns | parent | installation
    challenge: Mapped[str]  # value of the TXT record _spoolhouse-challenge.<name>
    brand_name: Mapped[str] = mapped_column(default="")
    brand_color: Mapped[str] = mapped_column(default="")  # #rrggbb
    brand_side_color: Mapped[str] = mapped_column(default="")  # behind the navigation
    logo_stamp: Mapped[str] = mapped_column(default="")  # of the logo that there is


class DomainLogo(Base):
    """A picture, apart from its domain: that is read with every request."""

    __tablename__ = "domain_logos"

    domain_id: Mapped[str] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True
    )
    media_type: Mapped[str]
    data: Mapped[bytes] = mapped_column(LargeBinary)


class DomainCertificate(Base):
    """A certificate that somebody brought for their domain; its key is sealed."""

    __tablename__ = "domain_certificates"

    domain_id: Mapped[str] = mapped_column(
        ForeignKey("domains.id", ondelete="CASCADE"), primary_key=True
    )
    stamp: Mapped[str]  # SHA-256 of the first certificate
    chain: Mapped[str]  # PEM, the domain's own first
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)  # under the data key
    issuer: Mapped[str]
    added_at: Mapped[datetime]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
