from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.printers.models import Printer
from shared.ids import AccountId, PrinterId, SiteId

_SORTS: Final[Mapping[str, Column]] = {
    "name": Printer.name,
    "place": Printer.location,
    "address": Printer.uri,
}


def find_printer(session: Session, account_id: AccountId, printer_id: PrinterId) -> Printer | None:
    return session.scalars(
        select(Printer).where(Printer.account_id == account_id, Printer.id == printer_id)
    ).one_or_none()


def find_by_name(session: Session, account_id: AccountId, name: str) -> Printer | None:
    return session.scalars(
        select(Printer).where(Printer.account_id == account_id, Printer.name == name)
    ).one_or_none()


def list_printers(
    session: Session,
    account_id: AccountId,
    *,
    text: str | None = None,
    site_id: SiteId | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Printer]:
    query = select(Printer).where(Printer.account_id == account_id)
    if text:
        found = (contains(c, text) for c in (Printer.name, Printer.location, Printer.uri))
        query = query.where(or_(*found))
    if site_id:
        query = query.where(Printer.site_id == site_id)
    by = (Printer.name, Printer.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def names(session: Session, account_id: AccountId, ids: Sequence[PrinterId]) -> dict[str, str]:
    rows = session.execute(
        select(Printer.id, Printer.name).where(
            Printer.account_id == account_id, Printer.id.in_(ids)
        )
    )
    return {row.id: row.name for row in rows}


def count(session: Session, account_id: AccountId) -> int:
    return (
        session.scalar(
            select(func.count()).select_from(Printer).where(Printer.account_id == account_id)
        )
        or 0
    )
