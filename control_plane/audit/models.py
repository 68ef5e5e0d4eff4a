from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.database import Base


class AuditChain(Base):
    """The end of one tenant's chain; locked while a row is linked."""

    __tablename__ = "audit_chains"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[str]  # hash of the newest row


class AuditEvent(Base):
    """Something somebody did or tried. Rows are only ever added."""

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint("tenant", "seq"),
        Index("ix_audit_events_tenant_event", "tenant", "event", "seq"),
        Index("ix_audit_events_tenant_subject_id", "tenant", "subject_id", "seq"),
        Index("ix_audit_events_tenant_actor_id", "tenant", "actor_id", "seq"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[str]  # printer.created, sign-in.refused, card.tapped ...
    outcome: Mapped[str]  # ok | refused
    at: Mapped[datetime]  # when it happened
    recorded_at: Mapped[datetime]  # when we heard of it
    actor_kind: Mapped[str]  # user | api-key | cli | gateway | system
    actor_id: Mapped[str | None]
    actor_name: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str | None]
    source: Mapped[str]  # address or device
    detail: Mapped[dict[str, Any]]
    previous: Mapped[str]
    hash: Mapped[str]
