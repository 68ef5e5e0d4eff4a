from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.grants import service as grants
from control_plane.grants.schemas import GrantView, NewGrant
from control_plane.request import account_id, actor, caller
from control_plane.rest.routing import Items, PageQuery, Rest, few
from control_plane.security.permissions import Permission

rest = Rest("grants", __name__)


@rest.get("/grants", Permission.SEE_SETTINGS, query=PageQuery, answer=Items[GrantView])
def list_grants(session: Session, query: PageQuery) -> Items[GrantView]:
    """List whom of its vendor the account let in."""
    return few(grants.list_grants(session, account_id()), GrantView, query)


@rest.get("/grants/<grant_id>", Permission.SEE_SETTINGS, answer=GrantView)
def get_grant(session: Session, grant_id: str) -> GrantView:
    """Show a grant."""
    return GrantView.model_validate(grants.get_grant(session, account_id(), grant_id))


@rest.post("/grants", Permission.CHANGE_SETTINGS, body=NewGrant, answer=GrantView)
def create_grant(session: Session, body: NewGrant) -> GrantView:
    """Let the vendor's staff in for some hours, with no more than the asker's permissions."""
    caller().check_is_at_home()
    grant = grants.create(session, account_id(), body, actor(), may=caller().permissions)
    return GrantView.model_validate(grant)


@rest.delete("/grants/<grant_id>", Permission.CHANGE_SETTINGS)
def revoke_grant(session: Session, grant_id: str) -> None:
    """End a grant."""
    grants.revoke(session, account_id(), grant_id, actor())
