from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from control_plane.schemas import Body, Language, Name, TimeZone, View
from shared.ids import UserId
from shared.secrets import canonical_username

Username = Annotated[str, AfterValidator(canonical_username)]
Password = Annotated[str, Field(min_length=8, max_length=200)]
Pin = Annotated[str, StringConstraints(pattern=r"^[0-9]{4,12}$")]
Email = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^([^@\s]+@[^@\s]+)?$", max_length=254)
]
MOST_AT_ONCE: Final = 500


def _some_names(text: object) -> object:
    """Take names as people type or paste them: on lines, or with commas or semicolons between."""
    if not isinstance(text, str):
        return text
    return [name.strip() for name in re.split(r"[\n,;]", text) if name.strip()]


PastedUsernames = Annotated[
    tuple[Username, ...], BeforeValidator(_some_names), Field(max_length=MOST_AT_ONCE)
]


class NewUser(Body):
    username: Username
    display_name: Name | None = None  # None: as the user name was written
    email: Email = ""
    password: Password | None = None
    pin: Pin | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    enabled: bool = True
    is_operator: bool = False
    roles: tuple[str, ...] = ("user",)


class NewOwner(Body):
    """The first person of an account or vendor."""

    username: Username
    display_name: Name | None = None
    email: Email = ""
    password: Password | None = None  # None: a one-time link lets the owner choose it


class PlainChanges(Body):
    """What a file of people changes of those who are there."""

    display_name: Name | None = None
    email: Email | None = None


class UserChanges(PlainChanges):
    password: Password | None = None
    pin: Pin | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    enabled: bool | None = None
    is_operator: bool | None = None
    roles: tuple[str, ...] | None = None


class UserView(View):
    id: str
    username: str
    display_name: str
    email: str
    language: str | None
    time_zone: str | None
    enabled: bool
    is_operator: bool
    last_sign_in_at: datetime | None
    created_at: datetime
    version: int


class NewSignInCode(Body):
    user_id: UserId


class SignInCodeView(View):
    """A one-time code that is typed at a printer, where the password goes."""

    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"code"})

    user_id: str
    code: str
    expires_at: datetime
