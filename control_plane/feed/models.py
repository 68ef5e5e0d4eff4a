from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base


class FeedStream(Base):
    """A stream's counter. Its row is locked while a number is taken, until the commit."""

    __tablename__ = "feed_streams"

    stream: Mapped[str] = mapped_column(primary_key=True)  # account:<id> | gateway:<id>
    feed_epoch: Mapped[str]  # changes when a backup is restored: versions begin to mean other rows
    changed_seq: Mapped[int] = mapped_column(BigInteger)
    horizon: Mapped[int] = mapped_column(BigInteger)  # tombstones up to here are gone
    # By it a primary finds what another process changed, without reading every stream.
    changed_at: Mapped[datetime] = mapped_column(index=True)


class FeedRow(Base):
    """One replicated thing, as gateways have it; deleted ones stay as tombstones."""

    __tablename__ = "feed_rows"
    __table_args__ = (Index("ix_feed_rows_stream_changed_seq", "stream", "changed_seq"),)

    stream: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    changed_seq: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[datetime]
    deleted: Mapped[bool]
    data: Mapped[dict[str, Any]]  # empty where deleted
