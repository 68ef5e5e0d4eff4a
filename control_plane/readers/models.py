from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, GatewayId, PrinterId, ReaderId


class Reader(Versioned, Base):
    """A card reader at a printer."""

    __tablename__ = "readers"
    __table_args__ = (
        UniqueConstraint("account_id", "name"),
        UniqueConstraint("account_id", "id"),
        ForeignKeyConstraint(["account_id", "printer_id"], ["printers.account_id", "printers.id"]),
    )

    id: Mapped[ReaderId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    gateway_id: Mapped[GatewayId] = mapped_column(ForeignKey("gateways.id"))
    printer_id: Mapped[PrinterId]
    mode: Mapped[str]  # print-all | choose
    role: Mapped[str]  # client | server
    address: Mapped[str]
    port: Mapped[int]
    profile: Mapped[str]
