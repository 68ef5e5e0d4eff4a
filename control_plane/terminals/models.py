from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base
from shared.ids import AccountId, GatewayId, PrinterId, ReaderId, TerminalId


class TerminalCode(Base):
    """A one-time code that pairs a screen with a printer; kept as its hash."""

    __tablename__ = "terminal_codes"
    __table_args__ = (
        ForeignKeyConstraint(["account_id", "printer_id"], ["printers.account_id", "printers.id"]),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"), index=True)
    code_hash: Mapped[str] = mapped_column(unique=True)
    printer_id: Mapped[PrinterId]
    reader_id: Mapped[ReaderId | None] = mapped_column(ForeignKey("readers.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Terminal(Base):
    """A paired screen; its end revokes the token that the gateway gave it."""

    __tablename__ = "terminals"

    id: Mapped[TerminalId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"), index=True)
    gateway_id: Mapped[GatewayId] = mapped_column(ForeignKey("gateways.id"))
    name: Mapped[str]
    printer_id: Mapped[PrinterId]
    reader_id: Mapped[ReaderId | None]
    paired_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
