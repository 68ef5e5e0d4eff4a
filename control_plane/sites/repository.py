from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Page, contains, paginate
from control_plane.sites.models import Site
from shared.ids import AccountId, SiteId


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
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Site]:
    query = select(Site).where(Site.account_id == account_id)
    if text:
        query = query.where(contains(Site.name, text))
    return paginate(session, query, (Site.name, Site.id), cursor=cursor, limit=limit)
