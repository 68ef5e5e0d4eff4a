from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.request import account_id, actor
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version, items
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite, SiteChanges, SiteView
from shared.ids import SiteId

rest = Rest("sites", __name__)


@rest.get("/sites", Permission.SEE_THINGS, query=TextQuery, answer=Items[SiteView])
def list_sites(session: Session, query: TextQuery) -> Items[SiteView]:
    """List sites by name."""
    page = sites.list_sites(session, account_id(), **query.model_dump())
    return items(page, SiteView)


@rest.post("/sites", Permission.CHANGE_THINGS, body=NewSite, answer=SiteView)
def create_site(session: Session, body: NewSite) -> SiteView:
    """Add a site."""
    return SiteView.model_validate(sites.create(session, account_id(), body, actor()))


@rest.get("/sites/<site_id>", Permission.SEE_THINGS, answer=SiteView)
def get_site(session: Session, site_id: SiteId) -> SiteView:
    """Show a site."""
    return SiteView.model_validate(sites.get_site(session, account_id(), site_id))


@rest.patch("/sites/<site_id>", Permission.CHANGE_THINGS, body=SiteChanges, answer=SiteView)
def update_site(session: Session, site_id: SiteId, body: SiteChanges) -> SiteView:
    """Change a site."""
    site = sites.update(
        session, account_id(), site_id, body, actor(), expected_version=expected_version()
    )
    return SiteView.model_validate(site)


@rest.delete("/sites/<site_id>", Permission.CHANGE_THINGS)
def delete_site(session: Session, site_id: SiteId) -> None:
    """Remove a site where nothing stands any more."""
    sites.delete(session, account_id(), site_id, actor())
