from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, SiteId


class Site(Versioned, Base):
    """A place: printers, readers, terminals and the gateways that serve them."""

    __tablename__ = "sites"
    __table_args__ = (UniqueConstraint("account_id", "name"), UniqueConstraint("account_id", "id"))

    id: Mapped[SiteId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    networks: Mapped[list[str]]  # CIDR
