from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base
from shared.ids import AccountId, UserId, VendorId


class Grant(Base):
    """Lets a vendor's staff look into an account for a time."""

    __tablename__ = "grants"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"), index=True)
    vendor_id: Mapped[VendorId] = mapped_column(ForeignKey("vendors.id"), index=True)
    user_id: Mapped[UserId | None] = mapped_column(ForeignKey("users.id"))  # None: all its staff
    permissions: Mapped[list[str]]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
