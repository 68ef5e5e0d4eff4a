"""The audit: every change and every sign-in, added once and chained per tenant.

Each row carries the hash of the row before it and of itself; the chain's row is locked while a
row is linked, so the order of the chain is the order of commits. ``record`` comes last in a
transaction, after the feed's lock: every writer takes the two locks in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane import bulk, tenants
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
from shared.ids import AccountId, CardId, GatewayId, PrintTokenId, new_id
from shared.messages import codec
from shared.messages.events import AuditRecorded

Told = tuple[GatewayId, AuditRecorded]

_HASHED: Final = (
    "id", "tenant", "seq", "event", "outcome", "actor_kind", "actor_id", "actor_name",
    "subject_kind", "subject_id", "source", "detail", "previous",
)  # fmt: skip

list_events = repository.list_events
find_event = repository.find_event
list_after = repository.list_after


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
    """Add one row to a tenant's chain; inside ``together``, at its end."""
    now = utc_now()
    row = AuditEvent(
        id=event_id or new_id(),
        tenant=str(tenant),
        seq=0,
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
        previous="",
        hash="",
    )
    waiting = _waiting(session)
    if waiting:
        waiting[-1].append(row)
    else:
        _link(session, row)
        session.flush()
    return row


@contextmanager
def together(session: Session) -> Iterator[None]:
    """Link what is recorded inside at the end, one chain after the other in one order.

    For transactions that speak of many tenants: two of them that locked the same chains as they
    came would wait for each other. What fails inside takes its rows with it.
    """
    waiting = _waiting(session)
    waiting.append([])
    try:
        yield
        rows = waiting[-1]
        is_whole = len(waiting) == 1
        chains = repository.lock_chains(session, {row.tenant for row in rows}) if is_whole else {}
    except BaseException:
        waiting.pop()
        raise
    rows = waiting.pop()
    if waiting:
        waiting[-1].extend(rows)
        return
    for row in rows:
        chain = chains[row.tenant]
        chain.seq += 1
        row.seq, row.previous = chain.seq, chain.head
        row.hash = chain.head = link_hash(row)
    if rows:
        repository.move_chains(session, list(chains.values()))
        session.add_all(rows)
        session.flush()


def _waiting(session: Session) -> list[list[AuditEvent]]:
    """Rows that are not linked yet, one list for each ``together`` that is open."""
    found: list[list[AuditEvent]] = session.info.setdefault("audit rows that wait", [])
    return found


def _link(session: Session, row: AuditEvent) -> None:
    link = repository.next_link(session, tenants.from_text(row.tenant))
    row.seq, row.previous = link.seq, link.head
    row.hash = link.head = link_hash(row)
    session.add(row)


def _to_millisecond(moment: datetime) -> datetime:
    """What is hashed is what any database gives back."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def link_hash(row: AuditEvent) -> str:
    """SHA-256 over the canonical JSON of everything in the row but the hash itself."""
    names = (*_HASHED, "at", "recorded_at")
    return hash_of({name: getattr(row, name) for name in names})


def hash_of(row: Mapping[str, Any]) -> str:
    plain = {name: row[name] for name in _HASHED}
    plain |= {"at": to_wire(row["at"]), "recorded_at": to_wire(row["recorded_at"])}
    return hashlib.sha256(codec.dumps(plain)).hexdigest()


class ForeignAuditError(SpoolhouseError):
    """A gateway speaks for an account that it never served: parked, never written."""

    def __init__(self) -> None:
        super().__init__("this gateway does not serve this account")


def on_gateway_audit(session: Session, told: Sequence[Told]) -> None:
    """Add what gateways saw; a fact that is known by its id already is left as it is.

    Raises:
        ForeignAuditError: A gateway speaks for an account that it never served.
    """
    by_tenant = _by_tenant(session, told)
    known = repository.known_ids(session, [fact.id for _, fact in told])
    rows, used = list[dict[str, Any]](), dict[tuple[AccountId, CardId], AuditRecorded]()
    now = utc_now()
    for tenant, facts in by_tenant.items():
        for gateway_id, fact in facts:
            if (tenant, fact.id) in known:
                continue
            known.add((tenant, fact.id))
            rows.append(_gateway_row(tenant, gateway_id, fact, now))
            _note_use(session, fact, used)
    cards.mark_all_used(session, used.values())
    session.flush()
    # From here on nobody else links a row of these tenants: last, and for as short as can be.
    others = {row.tenant for rows in _waiting(session) for row in rows}
    chains = repository.lock_chains(session, {*by_tenant, *others})
    for row in rows:
        chain = chains[row["tenant"]]
        chain.seq += 1
        row |= {"seq": chain.seq, "previous": chain.head}
        row["hash"] = chain.head = hash_of(row)
    repository.move_chains(session, [chains[tenant] for tenant in by_tenant])
    bulk.insert(session, AuditEvent, rows)


def _by_tenant(session: Session, told: Sequence[Told]) -> dict[str, list[Told]]:
    """Whose chain each fact belongs to, in one order of locks for all."""
    speakers = {gateway_id for gateway_id, _ in told}
    served = set(gateways.ever_served(session, speakers))
    # What concerns no account (a stranger at a terminal) is told to whoever owns the gateway.
    lone = {gateway_id for gateway_id, fact in told if not fact.account_id}
    homes = gateways.tenants_of(session, lone) if lone else {}
    found: dict[str, list[Told]] = {}
    for gateway_id, fact in told:
        if fact.account_id is None:
            owner = homes.get(gateway_id, str(INSTALLATION))
        elif (gateway_id, fact.account_id) in served:
            owner = str(tenants.account(fact.account_id))
        else:
            raise ForeignAuditError
        found.setdefault(owner, []).append((gateway_id, fact))
    return dict(sorted(found.items()))


def lock_speakers(session: Session, ids: Collection[GatewayId]) -> None:
    """Lock every chain that these gateways may add to, for who cannot do so at once."""
    served = {str(tenants.account(account)) for _, account in gateways.ever_served(session, ids)}
    homes = set(gateways.tenants_of(session, ids).values())
    repository.lock_chains(session, served | homes)


def _note_use(
    session: Session, fact: AuditRecorded, used: dict[tuple[AccountId, CardId], AuditRecorded]
) -> None:
    """Remember the newest use of a card, and of a token."""
    if fact.account_id is None or fact.outcome != "ok":
        return
    if fact.card_id:
        card = fact.account_id, fact.card_id
        if card not in used or used[card].at < fact.at:
            used[card] = fact
    if fact.event == "token.used":
        token_id = PrintTokenId(str(fact.detail.get("token_id", "")))
        tokens.mark_used(session, fact.account_id, token_id, at=fact.at)


def _gateway_row(
    tenant: str, gateway_id: GatewayId, fact: AuditRecorded, now: datetime
) -> dict[str, Any]:
    """Everything of a row but its place in the chain."""
    named = {
        name: value
        for name in ("user_id", "card_id", "printer_id", "reader_id", "job_id")
        if (value := getattr(fact, name))
    }
    subject_kind, subject_id = _subject(fact)
    return {
        "id": fact.id,
        "tenant": tenant,
        "event": clean_text(fact.event),
        "outcome": clean_text(fact.outcome),
        "at": _to_millisecond(fact.at),
        "recorded_at": _to_millisecond(now),
        "actor_kind": "gateway",
        "actor_id": gateway_id,
        "actor_name": "",
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "source": clean_text(fact.source),
        "detail": {"gateway_id": gateway_id, **named, **fact.detail},
    }


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
