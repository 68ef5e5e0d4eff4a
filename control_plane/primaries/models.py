from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base


class Installation(Base):
    """What all primaries of one database must have in common; one row."""

    __tablename__ = "installations"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1
    share_group: Mapped[str]  # at the broker: nobody can join what nobody can name
    # Of the keys in <state>/keys: a primary with others would be believed by nobody.
    authority: Mapped[str]  # hex SHA-256 of the authority's certificate
    data_key: Mapped[str]  # hex, derived from the data key
    created_at: Mapped[datetime]


class PrimaryProcess(Base):
    """A running primary, or a keeper of a broker; the name is the one in its certificate."""

    __tablename__ = "primary_processes"

    name: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    kind: Mapped[str]  # primary | broker
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]  # moved on while it lives; by the database's clock
    # It is connected to the broker until then, and pushes to the gateways that are its own.
    serves_until: Mapped[datetime | None]


class Schedule(Base):
    """One thing done by the clock: when it is due, who does it, and the number that fences it."""

    __tablename__ = "schedules"

    name: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]
    fence: Mapped[int] = mapped_column(BigInteger)  # raised whenever somebody takes it
    holder: Mapped[str | None]
    held_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
