from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, GatewayId, PrinterId, SiteId


class Printer(Versioned, Base):
    """An output device of an account."""

    __tablename__ = "printers"
    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        UniqueConstraint("account_id", "id"),
        ForeignKeyConstraint(["account_id", "site_id"], ["sites.account_id", "sites.id"]),
    )

    id: Mapped[PrinterId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    uri: Mapped[str]
    site_id: Mapped[SiteId | None]
    profile: Mapped[str]
    location: Mapped[str]
    gateway_id: Mapped[GatewayId | None] = mapped_column(ForeignKey("gateways.id"))
    enabled: Mapped[bool] = mapped_column(default=True)
