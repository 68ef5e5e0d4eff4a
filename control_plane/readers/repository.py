from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.readers.models import Reader
from shared.ids import AccountId, PrinterId, ReaderId

_SORTS: Final[Mapping[str, Column]] = {
    "name": Reader.name,
    "address": Reader.address,
    "mode": Reader.mode,
}


def find_reader(session: Session, account_id: AccountId, reader_id: ReaderId) -> Reader | None:
    return session.scalars(
        select(Reader).where(Reader.account_id == account_id, Reader.id == reader_id)
    ).one_or_none()


def find_by_name(session: Session, account_id: AccountId, name: str) -> Reader | None:
    return session.scalars(
        select(Reader).where(Reader.account_id == account_id, Reader.name == name)
    ).one_or_none()


def list_readers(
    session: Session,
    account_id: AccountId,
    *,
    text: str | None = None,
    printer_id: PrinterId | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Reader]:
    query = select(Reader).where(Reader.account_id == account_id)
    if text:
        query = query.where(or_(contains(Reader.name, text), contains(Reader.address, text)))
    if printer_id:
        query = query.where(Reader.printer_id == printer_id)
    by = (Reader.name, Reader.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def names(session: Session, account_id: AccountId, ids: Sequence[ReaderId]) -> dict[str, str]:
    rows = session.execute(
        select(Reader.id, Reader.name).where(Reader.account_id == account_id, Reader.id.in_(ids))
    )
    return {row.id: row.name for row in rows}
