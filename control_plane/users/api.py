from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.orm import Session

from control_plane.request import actor, caller, parts, vault
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version
from control_plane.roles import service as roles
from control_plane.schemas import Body, View
from control_plane.security.permissions import Permission
from control_plane.users import importing
from control_plane.users import service as users
from control_plane.users.importing import Import
from control_plane.users.schemas import NewUser, UserChanges, UserView
from shared.ids import UserId

rest = Rest("users", __name__)


class UserWithRoles(UserView):
    roles: list[str]  # keys of built-in roles, ids of others


@rest.get("/users", Permission.SEE_PEOPLE, query=TextQuery, answer=Items[UserWithRoles])
def list_users(session: Session, query: TextQuery) -> Items[UserWithRoles]:
    """List people by name."""
    page = users.list_users(session, caller().tenant, **query.model_dump())
    views = _views(session, page.items)
    return Items[UserWithRoles](items=views, next_cursor=page.next_cursor)


@rest.post("/users", Permission.CHANGE_PEOPLE, body=NewUser, answer=UserWithRoles)
def create_user(session: Session, body: NewUser) -> UserWithRoles:
    """Add a person, with roles that hold no more than the asker's."""
    user = users.create(
        session, caller().tenant, body, actor(), vault=vault(), may=caller().permissions
    )
    return _views(session, [user])[0]


class UserImport(Body):
    """A CSV file; see the columns in the documentation of the import."""

    csv: Annotated[str, Field(max_length=2_000_000)]
    dry_run: bool = True


class LineView(View):
    number: int
    username: str
    outcome: str
    column: str
    says: str


@rest.act(
    "/user-imports",
    Permission.CHANGE_PEOPLE,
    body=UserImport,
    answer=Items[LineView],
    own_transactions=True,
)
def import_users(body: UserImport) -> Items[LineView]:
    """Import people from a CSV file, or say what would happen; one line of answer for each."""
    order = Import(
        parts().database,
        vault(),
        caller().tenant,
        actor(),
        may=caller().permissions,
        dry_run=body.dry_run,
    )
    lines = importing.run(order, body.csv)
    return Items[LineView](items=[LineView.model_validate(line) for line in lines])


@rest.get("/users/<user_id>", Permission.SEE_PEOPLE, answer=UserWithRoles)
def get_user(session: Session, user_id: UserId) -> UserWithRoles:
    """Show a person."""
    return _views(session, [users.get_user(session, caller().tenant, user_id)])[0]


@rest.patch("/users/<user_id>", Permission.CHANGE_PEOPLE, body=UserChanges, answer=UserWithRoles)
def update_user(session: Session, user_id: UserId, body: UserChanges) -> UserWithRoles:
    """Change a person, their password, PIN and roles."""
    user = users.update(
        session,
        caller().tenant,
        user_id,
        body,
        actor(),
        vault=vault(),
        may=caller().permissions,
        expected_version=expected_version(),
    )
    return _views(session, [user])[0]


@rest.delete("/users/<user_id>", Permission.CHANGE_PEOPLE)
def delete_user(session: Session, user_id: UserId) -> None:
    """Remove a person with their cards."""
    users.delete(session, caller().tenant, user_id, actor(), may=caller().permissions)


def _views(session: Session, found: Sequence[Any]) -> list[UserWithRoles]:
    held = roles.roles_of_users(session, caller().tenant, [user.id for user in found])
    return [
        UserWithRoles(
            **UserView.model_validate(user).model_dump(),
            roles=[role.built_in or role.id for role in held[user.id]],
        )
        for user in found
    ]
