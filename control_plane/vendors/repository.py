from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.vendors.models import Vendor
from shared.ids import VendorId

_SORTS: Final[Mapping[str, Column]] = {"name": Vendor.name, "since": Vendor.created_at}


def find_vendor(session: Session, vendor_id: VendorId) -> Vendor | None:
    return session.get(Vendor, vendor_id)


def list_all(session: Session) -> Sequence[Vendor]:
    return session.scalars(select(Vendor).order_by(Vendor.name, Vendor.id)).all()


def list_children(
    session: Session,
    parent_id: VendorId,
    *,
    text: str | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Vendor]:
    query = select(Vendor).where(Vendor.parent_id == parent_id)
    if text:
        query = query.where(contains(Vendor.name, text))
    by = (Vendor.name, Vendor.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def count_children(session: Session, parent_id: VendorId) -> int:
    query = select(func.count()).select_from(Vendor).where(Vendor.parent_id == parent_id)
    return session.scalar(query) or 0


def ancestors(session: Session, vendor_id: VendorId) -> list[VendorId]:
    """The vendor itself, its parent, and so on up to the first."""
    line: list[VendorId] = []
    step: VendorId | None = vendor_id
    while step is not None and step not in line:
        line.append(step)
        step = session.scalar(select(Vendor.parent_id).where(Vendor.id == step))
    return line
