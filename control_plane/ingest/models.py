from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base
from shared.ids import GatewayId


class LaneMark(Base):
    """How far a gateway's lane is committed; locked while rows are applied."""

    __tablename__ = "lane_marks"

    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True
    )
    lane: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str]
    upto_seq: Mapped[int] = mapped_column(BigInteger)
    chain: Mapped[str]  # hex, after upto_seq
    home_epoch: Mapped[int] = mapped_column(default=1, server_default="1")  # the last given out
    changed_at: Mapped[datetime]


class LaneEpoch(Base):
    """Every epoch that a lane has had here; none comes back once it was left."""

    __tablename__ = "lane_epochs"

    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True
    )
    lane: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    previous: Mapped[str | None]
    why: Mapped[str]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    upto_seq: Mapped[int] = mapped_column(BigInteger, default=0)  # where it was left


class GatewayBoot(Base):
    """The starts of an agent that we have seen, in order; two that take turns are two boxes."""

    __tablename__ = "gateway_boots"

    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True
    )
    boot_id: Mapped[str] = mapped_column(primary_key=True)
    ordinal: Mapped[int]
    seen_at: Mapped[datetime]
    # What tells two boxes apart for a person: its version, its clock, how much it has told.
    said: Mapped[dict[str, Any]] = mapped_column(default=dict)


class GatewayHalt(Base):
    """A gateway that is parked until a person chooses, and why."""

    __tablename__ = "gateway_halts"

    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True
    )
    reason: Mapped[str]
    at: Mapped[datetime]


class ParkedRow(Base):
    """A row that could not be applied; parking it was its acknowledgement."""

    __tablename__ = "parked_rows"
    __table_args__ = (
        Index("ix_parked_rows_gateway_id_entity", "gateway_id", "entity", "settled_at"),
    )

    gateway_id: Mapped[GatewayId] = mapped_column(
        ForeignKey("gateways.id", ondelete="CASCADE"), primary_key=True
    )
    lane: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str]
    entity: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    reason: Mapped[str]
    parked_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]  # applied after all, or given up by a person
    # Of a job: a list under this home epoch was applied since, and says that it is gone.
    gone_epoch: Mapped[int | None]
    gone_at: Mapped[datetime | None]
