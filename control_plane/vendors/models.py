from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import VendorId


class Vendor(Versioned, Base):
    """A reseller or partner; may stand under another vendor."""

    __tablename__ = "vendors"

    id: Mapped[VendorId] = mapped_column(primary_key=True)
    parent_id: Mapped[VendorId | None] = mapped_column(ForeignKey("vendors.id"), index=True)
    name: Mapped[str]
