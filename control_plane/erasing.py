"""Erases everything of a tenant, children first, in steps that hold no lock for long.

What belongs to a tenant is read off the tables themselves: whose column says so, or whose parent
does and takes it along (ON DELETE CASCADE). A new table needs no line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, CursorResult, Table, delete, select, tuple_
from sqlalchemy.orm import Session

from control_plane.commands.service import command_stream
from control_plane.database import Base
from control_plane.gateways.models import Gateway, GatewayAccount
from control_plane.ingest.models import ParkedRow
from control_plane.tenants import Tenant
from shared.messages.records import account_stream, gateway_stream

# The audit stays whole until the end: a chain with a hole would look like a forged one.
_AT_ONCE: Final = frozenset({"audit_events", "audit_chains", "accounts", "vendors"})


def erase_some(session: Session, tenant: Tenant, limit: int) -> int:
    """Erase at most so many rows; fewer than that: nothing is left but ``erase_rest``."""
    gone = _erase_parked(session, tenant)
    for table, mine in _tables(session, tenant):
        if table.name not in _AT_ONCE and gone < limit:
            gone += _delete(session, table, mine, limit - gone)
    return gone


def erase_rest(session: Session, tenant: Tenant) -> None:
    """Erase what is left, the tenant itself last."""
    for table, mine in _tables(session, tenant):
        session.execute(delete(table).where(mine))
    session.expire_all()


def _tables(session: Session, tenant: Tenant) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """List the tables that can hold rows of a tenant, children first, with which rows."""
    streams = _streams(session, tenant)
    children_first = reversed(Base.metadata.sorted_tables)
    # Streams are named after gateways, which are found as long as they are there.
    for table in sorted(children_first, key=lambda table: "stream" not in table.c):
        mine = _mine(table, tenant, streams)
        if mine is not None:
            yield table, mine


def _mine(table: Table, tenant: Tenant, streams: Sequence[str]) -> ColumnElement[bool] | None:
    columns = table.c
    if table.name == f"{tenant.kind.value}s":
        return columns.id == tenant.id
    if "account_id" in columns and tenant.account_id:
        return columns.account_id == tenant.account_id
    if "tenant" in columns:
        return columns.tenant == str(tenant)
    return columns.stream.in_(streams) if "stream" in columns else None


def _streams(session: Session, tenant: Tenant) -> Sequence[str]:
    own = session.scalars(select(Gateway.id).where(Gateway.tenant == str(tenant)))
    found = [name(gateway_id) for gateway_id in own for name in (gateway_stream, command_stream)]
    return [*found, account_stream(tenant.account_id)] if tenant.account_id else found


def _delete(session: Session, table: Table, mine: ColumnElement[bool], limit: int) -> int:
    key = table.primary_key.columns
    some = select(*key).where(mine).limit(limit)
    done = session.execute(delete(table).where(tuple_(*key).in_(some)))
    return cast("CursorResult[Any]", done).rowcount


def _erase_parked(session: Session, tenant: Tenant) -> int:
    """Erase what a vendor's gateway said of the account and nobody could take in."""
    if tenant.account_id is None:
        return 0
    served = select(GatewayAccount.gateway_id).where(GatewayAccount.account_id == tenant.account_id)
    parked = session.scalars(select(ParkedRow).where(ParkedRow.gateway_id.in_(served)))
    named = tenant.account_id.encode()
    found = [row for row in parked if named in row.raw]
    for row in found:
        session.delete(row)
    session.flush()
    return len(found)
