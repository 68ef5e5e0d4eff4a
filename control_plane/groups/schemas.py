from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from control_plane.schemas import Body, Identifier, Name, View
from control_plane.users.schemas import Username
from shared.ids import UserId

MOST_AT_ONCE: Final = 500


class NewGroup(Body):
    name: Name
    user_ids: tuple[Annotated[UserId, Identifier], ...] = ()


class GroupChanges(Body):
    name: Name | None = None
    user_ids: tuple[Annotated[UserId, Identifier], ...] | None = None


def _some_names(text: object) -> object:
    """Take names as people type or paste them: on lines, or with commas or semicolons between."""
    if not isinstance(text, str):
        return text
    return [name.strip() for name in re.split(r"[\n,;]", text) if name.strip()]


class NewMembers(Body):
    usernames: Annotated[
        tuple[Username, ...],
        BeforeValidator(_some_names),
        Field(min_length=1, max_length=MOST_AT_ONCE),
    ]


class GroupView(View):
    id: str
    name: str
    version: int
