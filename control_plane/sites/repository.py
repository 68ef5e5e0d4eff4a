from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.sites.models import Site
from shared.ids import AccountId, SiteId

_SORTS: Final[Mapping[str, Column]] = {"name": Site.name}


def find_site(session: Session, account_id: AccountId, site_id: SiteId) -> Site | None:
    return session.scalars(
        select(Site).where(Site.account_id == account_id, Site.id == site_id)
    ).one_or_none()


def find_by_name(session: Session, account_id: AccountId, name: str) -> Site | None:
    return session.scalars(
        select(Site).where(Site.account_id == account_id, Site.name == name)
    ).one_or_none()


def list_sites(
    session: Session,
    account_id: AccountId,
    *,
    text: str | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Site]:
    query = select(Site).where(Site.account_id == account_id)
    if text:
        query = query.where(contains(Site.name, text))
    by = (Site.name, Site.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)
