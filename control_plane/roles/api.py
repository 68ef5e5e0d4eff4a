from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.request import actor, caller
from control_plane.rest.routing import Items, PageQuery, Rest, expected_version, few
from control_plane.roles import service as roles
from control_plane.roles.schemas import NewRole, RoleChanges, RoleView
from control_plane.security.permissions import Permission

rest = Rest("roles", __name__)


@rest.get("/roles", Permission.SEE_PEOPLE, query=PageQuery, answer=Items[RoleView])
def list_roles(session: Session, query: PageQuery) -> Items[RoleView]:
    """List roles, the built-in ones first."""
    return few(roles.list_roles(session, caller().tenant), RoleView, query)


@rest.post("/roles", Permission.CHANGE_ROLES, body=NewRole, answer=RoleView)
def create_role(session: Session, body: NewRole) -> RoleView:
    """Make a role that holds no more than the asker's."""
    role = roles.create(session, caller().tenant, body, actor(), may=caller().permissions)
    return RoleView.model_validate(role)


@rest.get("/roles/<role_id>", Permission.SEE_PEOPLE, answer=RoleView)
def get_role(session: Session, role_id: str) -> RoleView:
    """Show a role."""
    return RoleView.model_validate(roles.get_role(session, caller().tenant, role_id))


@rest.patch("/roles/<role_id>", Permission.CHANGE_ROLES, body=RoleChanges, answer=RoleView)
def update_role(session: Session, role_id: str, body: RoleChanges) -> RoleView:
    """Change a role of one's own making."""
    role = roles.update(
        session,
        caller().tenant,
        role_id,
        body,
        actor(),
        may=caller().permissions,
        expected_version=expected_version(),
    )
    return RoleView.model_validate(role)


@rest.delete("/roles/<role_id>", Permission.CHANGE_ROLES)
def delete_role(session: Session, role_id: str) -> None:
    """Remove a role of one's own making."""
    roles.delete(session, caller().tenant, role_id, actor())
