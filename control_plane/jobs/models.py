"""Jobs as gateways tell of them, their timeline, page counts by source, and usage.

A job is written by its home gateway's facts alone. No foreign keys to queues, users or printers:
a fact about something that is gone by now is still a fact.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base
from shared.ids import AccountId, GatewayId, JobId, PrinterId, QueueId, ReaderId, UserId


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_account_id_received_at", "account_id", "received_at", "id"),
        Index("ix_jobs_account_id_state", "account_id", "state", "received_at"),
        Index("ix_jobs_account_id_owner_id", "account_id", "owner_id", "received_at"),
        Index("ix_jobs_account_id_printer_id", "account_id", "printer_id", "received_at"),
    )

    id: Mapped[JobId] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"))
    gateway_id: Mapped[GatewayId] = mapped_column(ForeignKey("gateways.id"), index=True)  # home
    home_epoch: Mapped[int]
    revision: Mapped[int]
    queue_id: Mapped[QueueId]
    number: Mapped[int]
    title: Mapped[str]
    state: Mapped[int]  # shared.job_states.JobState
    reasons: Mapped[list[str]]
    message: Mapped[str] = mapped_column(default="")
    identity: Mapped[str]
    owner_id: Mapped[UserId | None]
    claimed_name: Mapped[str | None]
    source_protocol: Mapped[str]
    source_address: Mapped[str]
    source_host: Mapped[str | None]
    document_format: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    received_ms: Mapped[int]
    received_at: Mapped[datetime]
    kept_until: Mapped[datetime]
    ticket: Mapped[dict[str, Any]]
    printer_id: Mapped[PrinterId | None]
    released_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    first_byte_ms: Mapped[int | None]
    impressions: Mapped[int | None]  # the best count so far; all of them in job_counts
    color_impressions: Mapped[int | None]
    impressions_source: Mapped[str | None]


class JobEvent(Base):
    """One line of a job's timeline."""

    __tablename__ = "job_events"

    job_id: Mapped[JobId] = mapped_column(primary_key=True)
    home_epoch: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId]
    event: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[int]
    reasons: Mapped[list[str]]
    at: Mapped[datetime]
    message: Mapped[str]
    printer_id: Mapped[PrinterId | None]
    by: Mapped[str]
    by_user_id: Mapped[UserId | None]
    reader_id: Mapped[ReaderId | None]
    first_byte_ms: Mapped[int | None]
    detail: Mapped[dict[str, Any]]


class JobCount(Base):
    """Pages of a job from one source; ``impressions`` None means: not counted."""

    __tablename__ = "job_counts"

    job_id: Mapped[JobId] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)  # document | printer | counter
    account_id: Mapped[AccountId]
    home_epoch: Mapped[int]
    revision: Mapped[int]
    confidence: Mapped[str]
    impressions: Mapped[int | None]
    color_impressions: Mapped[int | None]
    note: Mapped[str]
    at: Mapped[datetime]


class UsageRow(Base):
    """What is charged for one printing of one job; its id makes it exactly once."""

    __tablename__ = "usage_rows"
    __table_args__ = (
        Index("ix_usage_rows_account_id_at", "account_id", "at"),
        Index("ix_usage_rows_job_id", "job_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[AccountId] = mapped_column(ForeignKey("accounts.id"))
    job_id: Mapped[JobId]
    gateway_id: Mapped[GatewayId]
    user_id: Mapped[UserId | None]
    printer_id: Mapped[PrinterId]
    impressions: Mapped[int | None]
    source: Mapped[str]
    confidence: Mapped[str]
    at: Mapped[datetime]
    copies: Mapped[int]
    sides: Mapped[str]
    printer_impressions: Mapped[int | None]
