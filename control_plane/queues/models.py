from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base, Versioned
from shared.ids import AccountId, PrinterId, QueueId


class Queue(Versioned, Base):
    """What people print to."""

    __tablename__ = "queues"
    __table_args__ = (
        UniqueConstraint("account_id", "path"),
        ForeignKeyConstraint(["account_id", "printer_id"], ["printers.account_id", "printers.id"]),
    )

    id: Mapped[QueueId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    path: Mapped[str]
    type: Mapped[str]  # direct | pull
    printer_id: Mapped[PrinterId | None]
    identity: Mapped[str]  # sign-in | sign-in-over-tls | claimed
    user_ids: Mapped[list[str]]
    group_ids: Mapped[list[str]]
    ticket_defaults: Mapped[dict[str, Any]]
    retention_seconds: Mapped[int | None]
    raw_port: Mapped[int | None]
    keep_after_printing: Mapped[bool] = mapped_column(default=False)
