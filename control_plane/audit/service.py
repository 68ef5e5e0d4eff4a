"""The audit: every change and every sign-in, added once and chained per tenant.

Each row carries the hash of the row before it and of itself; the chain's row is locked while a
row is linked, so the order of the chain is the order of commits. ``record`` comes last in a
transaction, after the feed's lock: every writer takes the two locks in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import repository
from control_plane.audit.actor import Actor
from control_plane.audit.models import AuditEvent
from control_plane.cards import repository as cards
from control_plane.database import clean_text, utc_now
from control_plane.errors import SpoolhouseError
from control_plane.gateways import repository as gateways
from control_plane.tenants import INSTALLATION, Tenant
from control_plane.tokens import repository as tokens
from shared.clock import to_wire
from shared.ids import GatewayId, PrintTokenId, new_id
from shared.messages import codec
from shared.messages.events import AuditRecorded

list_events = repository.list_events
find_event = repository.find_event


def record(
    session: Session,
    tenant: Tenant,
    event: str,
    by: Actor,
    *,
    outcome: str = "ok",
    subject_kind: str = "",
    subject_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
    at: datetime | None = None,
    event_id: str | None = None,
) -> AuditEvent:
    """Add one row to a tenant's chain."""
    now = utc_now()
    link = repository.next_link(session, tenant)
    row = AuditEvent(
        id=event_id or new_id(),
        tenant=str(tenant),
        seq=link.seq,
        event=event,
        outcome=outcome,
        at=_to_millisecond(at or now),
        recorded_at=_to_millisecond(now),
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=clean_text(by.name),
        subject_kind=subject_kind,
        subject_id=subject_id,
        source=clean_text(by.source),
        detail=dict(detail or {}),
        previous=link.head,
        hash="",
    )
    row.hash = link_hash(row)
    link.head = row.hash
    session.add(row)
    session.flush()
    return row


def _to_millisecond(moment: datetime) -> datetime:
    """What is hashed is what any database gives back."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def link_hash(row: AuditEvent) -> str:
    """SHA-256 over the canonical JSON of everything in the row but the hash itself."""
    names = (
        "id", "tenant", "seq", "event", "outcome", "actor_kind", "actor_id", "actor_name",
        "subject_kind", "subject_id", "source", "detail", "previous",
    )  # fmt: skip
    plain = {name: getattr(row, name) for name in names}
    plain |= {"at": to_wire(row.at), "recorded_at": to_wire(row.recorded_at)}
    return hashlib.sha256(codec.dumps(plain)).hexdigest()


class ForeignAuditError(SpoolhouseError):
    """A gateway speaks for an account that it never served: parked, never written."""

    def __init__(self) -> None:
        super().__init__("this gateway does not serve this account")


def on_gateway_audit(
    session: Session, gateway_id: GatewayId, facts: Sequence[AuditRecorded]
) -> None:
    """Add what gateways saw; a fact that is known by its id already is left as it is."""
    by_tenant: dict[str, list[AuditRecorded]] = {}
    gateway = gateways.get_by_id(session, gateway_id)
    # What concerns no account (a stranger at a terminal) is told to whoever owns the gateway.
    home = gateway.tenant if gateway is not None else str(INSTALLATION)
    for fact in facts:
        owner = str(tenants.account(fact.account_id)) if fact.account_id else home
        by_tenant.setdefault(owner, []).append(fact)
    for text in sorted(by_tenant):  # One order of locks for all.
        tenant = tenants.from_text(text)
        if tenant.account_id and not gateways.find_service(session, gateway_id, tenant.account_id):
            raise ForeignAuditError
        known = repository.known_ids(session, tenant, [fact.id for fact in by_tenant[text]])
        for fact in by_tenant[text]:
            if fact.id not in known:
                known.add(fact.id)
                _record_fact(session, tenant, gateway_id, fact)


def _record_fact(
    session: Session, tenant: Tenant, gateway_id: GatewayId, fact: AuditRecorded
) -> None:
    if fact.account_id and fact.card_id and fact.outcome == "ok":
        cards.mark_used(
            session, fact.account_id, fact.card_id, at=fact.at, printer_id=fact.printer_id
        )
    if fact.account_id and fact.event == "token.used" and fact.outcome == "ok":
        token_id = PrintTokenId(str(fact.detail.get("token_id", "")))
        tokens.mark_used(session, fact.account_id, token_id, at=fact.at)
    subject_kind, subject_id = _subject(fact)
    detail = {
        "gateway_id": gateway_id,
        **{
            name: getattr(fact, name)
            for name in ("user_id", "card_id", "printer_id", "reader_id", "job_id")
            if getattr(fact, name)
        },
        **fact.detail,
    }
    record(
        session,
        tenant,
        fact.event,
        Actor("gateway", gateway_id, "", fact.source),
        outcome=fact.outcome,
        subject_kind=subject_kind,
        subject_id=subject_id,
        detail=detail,
        at=fact.at,
        event_id=fact.id,
    )


def _subject(fact: AuditRecorded) -> tuple[str, str | None]:
    for kind in ("job", "card", "user", "reader", "printer"):
        if subject_id := getattr(fact, f"{kind}_id"):
            return kind, subject_id
    return "", None


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row of a chain that is not what it was."""

    tenant: str
    seq: int
    what: str


def verify(session: Session) -> Iterator[tuple[str, int, Broken | None]]:
    """Walk every chain: its tenant, its length, and where it is broken (None: nowhere)."""
    for chain in repository.chains(session):
        yield chain.tenant, chain.seq, _verify_chain(session, chain.tenant, chain.seq, chain.head)


def _verify_chain(session: Session, tenant: str, length: int, head: str) -> Broken | None:
    previous, seq = "", 0
    for row in repository.all_in_order(session, tenants.from_text(tenant)):
        seq += 1
        if row.seq != seq:
            return Broken(tenant, seq, f"row {seq} is missing")
        if row.previous != previous:
            return Broken(tenant, seq, f"row {seq} does not follow the one before it")
        if row.hash != link_hash(row):
            return Broken(tenant, seq, f"row {seq} was changed")
        previous = row.hash
    if (seq, previous) != (length, head):
        return Broken(tenant, seq + 1, f"the chain should end at row {length}, and ends at {seq}")
    return None
