from __future__ import annotations

from typing import Annotated

from pydantic import Field

from control_plane.schemas import Body, Identifier, Name, View
from control_plane.users.schemas import PastedUsernames
from shared.ids import UserId


class NewGroup(Body):
    name: Name
    user_ids: tuple[Annotated[UserId, Identifier], ...] = ()


class GroupChanges(Body):
    name: Name | None = None
    user_ids: tuple[Annotated[UserId, Identifier], ...] | None = None


class NewMembers(Body):
    usernames: Annotated[PastedUsernames, Field(min_length=1)]


class GroupView(View):
    id: str
    name: str
    version: int
