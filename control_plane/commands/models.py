from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base
from shared.ids import CommandId, GatewayId


class Command(Base):
    """Something asked of a gateway; see shared/messages/commands.py for its life."""

    __tablename__ = "commands"
    __table_args__ = (Index("ix_commands_gateway_id_seq", "gateway_id", "seq", unique=True),)

    id: Mapped[CommandId] = mapped_column(primary_key=True)
    gateway_id: Mapped[GatewayId] = mapped_column(ForeignKey("gateways.id", ondelete="CASCADE"))
    tenant: Mapped[str] = mapped_column(index=True)  # who asked
    seq: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    body: Mapped[dict[str, Any]]
    state: Mapped[str]
    result: Mapped[dict[str, Any]]
    message: Mapped[str]
    asked_by: Mapped[str]
    primary_epoch: Mapped[int]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class PrimaryEpoch(Base):
    """Raised by each restore of a backup: what was asked before is void."""

    __tablename__ = "primary_epochs"

    epoch: Mapped[int] = mapped_column(primary_key=True)
    began_at: Mapped[datetime]
    why: Mapped[str]
    # A restore forgot what was from here to ``began_at``: certificates of that time are unknown.
    lost_since: Mapped[datetime | None]
