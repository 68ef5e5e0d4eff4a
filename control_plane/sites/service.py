from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane import changes, tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.errors import ConflictError, NotFoundError
from control_plane.feed import service as feed
from control_plane.sites import repository
from control_plane.sites.models import Site
from control_plane.sites.schemas import NewSite, SiteChanges
from shared.ids import AccountId, SiteId, new_id
from shared.messages.records import SiteRecord, account_stream

list_sites = repository.list_sites
find_by_name = repository.find_by_name


def create(session: Session, account_id: AccountId, new: NewSite, by: Actor) -> Site:
    _check_name(session, account_id, new.name, None)
    site = Site(
        id=SiteId(new_id()), account_id=account_id, name=new.name, networks=list(new.networks)
    )
    session.add(site)
    session.flush()
    feed.publish(session, account_stream(account_id), record_of(site))
    audit.record(
        session, tenants.account(account_id), "site.created", by, subject_kind="site",
        subject_id=site.id, detail=new.model_dump(mode="json"),
    )  # fmt: skip
    return site


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
    changed = changes.apply(site, body)
    session.flush()
    if changed:
        feed.publish(session, account_stream(account_id), record_of(site))
        audit.record(
            session, tenants.account(account_id), "site.changed", by, subject_kind="site",
            subject_id=site.id, detail={"name": site.name, **changed},
        )  # fmt: skip
    return site


def delete(session: Session, account_id: AccountId, site_id: SiteId, by: Actor) -> None:
    """Remove a site; the database refuses while printers or gateways stand in it."""
    site = get_site(session, account_id, site_id)
    session.delete(site)
    session.flush()
    feed.retract(session, account_stream(account_id), "site", site_id)
    audit.record(
        session, tenants.account(account_id), "site.deleted", by, subject_kind="site",
        subject_id=site_id, detail={"name": site.name},
    )  # fmt: skip


def record_of(site: Site) -> SiteRecord:
    return SiteRecord(id=site.id, name=site.name, networks=tuple(site.networks))


def _check_name(
    session: Session, account_id: AccountId, name: str | None, own_id: SiteId | None
) -> None:
    other = repository.find_by_name(session, account_id, name) if name else None
    if other and other.id != own_id:
        raise ConflictError("there is a site with this name", "name")
