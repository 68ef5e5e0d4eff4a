from __future__ import annotations

from datetime import datetime

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
    brand_logo_svg: Mapped[str] = mapped_column(default="")
