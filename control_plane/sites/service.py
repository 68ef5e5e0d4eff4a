from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from control_plane import changes
from control_plane.audit.actor import Actor
from control_plane.errors import ConflictError, NotFoundError
from control_plane.replicated import Kind
from control_plane.sites import repository
from control_plane.sites.models import Site
from control_plane.sites.schemas import NewSite, SiteChanges
from shared.ids import AccountId, SiteId, new_id
from shared.messages.records import SiteRecord

list_sites = repository.list_sites
find_by_name = repository.find_by_name


def create(session: Session, account_id: AccountId, new: NewSite, by: Actor) -> Site:
    _check_name(session, account_id, new.name, None)
    site = Site(
        id=SiteId(new_id()), account_id=account_id, name=new.name, networks=list(new.networks)
    )
    return KIND.add(session, site, new, by)


def get_site(session: Session, account_id: AccountId, site_id: SiteId) -> Site:
    site = repository.find_site(session, account_id, site_id)
    if site is None:
        raise NotFoundError("site", site_id)
    return site


def update(
    session: Session,
    account_id: AccountId,
    site_id: SiteId,
    body: SiteChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Site:
    site = get_site(session, account_id, site_id)
    changes.check_version(site, expected_version)
    _check_name(session, account_id, body.name, site_id)
    return KIND.change(session, site, changes.apply(site, body), by)


def delete(session: Session, account_id: AccountId, site_id: SiteId, by: Actor) -> None:
    """Remove a site; the database refuses while printers or gateways stand in it."""
    KIND.remove(session, get_site(session, account_id, site_id), by)


def record_of(site: Site) -> SiteRecord:
    return SiteRecord(id=site.id, name=site.name, networks=tuple(site.networks))


KIND: Final = Kind("site", record_of)


def _check_name(
    session: Session, account_id: AccountId, name: str | None, own_id: SiteId | None
) -> None:
    other = repository.find_by_name(session, account_id, name) if name else None
    if other and other.id != own_id:
        raise ConflictError("there is a site with this name", "name")
