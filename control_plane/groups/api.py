from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.groups import service as groups
from control_plane.groups.schemas import GroupChanges, GroupView, NewGroup
from control_plane.request import account_id, actor
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version, items
from control_plane.security.permissions import Permission

rest = Rest("groups", __name__)


@rest.get("/groups", Permission.SEE_PEOPLE, query=TextQuery, answer=Items[GroupView])
def list_groups(session: Session, query: TextQuery) -> Items[GroupView]:
    """List groups by name."""
    page = groups.list_groups(session, account_id(), **query.model_dump())
    return items(page, GroupView)


@rest.post("/groups", Permission.CHANGE_PEOPLE, body=NewGroup, answer=GroupView)
def create_group(session: Session, body: NewGroup) -> GroupView:
    """Add a group."""
    return GroupView.model_validate(groups.create(session, account_id(), body, actor()))


@rest.get("/groups/<group_id>", Permission.SEE_PEOPLE, answer=GroupView)
def get_group(session: Session, group_id: str) -> GroupView:
    """Show a group."""
    return GroupView.model_validate(groups.get_group(session, account_id(), group_id))


@rest.patch("/groups/<group_id>", Permission.CHANGE_PEOPLE, body=GroupChanges, answer=GroupView)
def update_group(session: Session, group_id: str, body: GroupChanges) -> GroupView:
    """Change a group."""
    group = groups.update(
        session, account_id(), group_id, body, actor(), expected_version=expected_version()
    )
    return GroupView.model_validate(group)


@rest.delete("/groups/<group_id>", Permission.CHANGE_PEOPLE)
def delete_group(session: Session, group_id: str) -> None:
    """Remove a group; its people stay."""
    groups.delete(session, account_id(), group_id, actor())
