from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final

from pydantic import Field, computed_field

from control_plane.database import utc_now
from control_plane.domains.schemas import DomainView, HostName
from control_plane.schemas import Body, Language, Name, Seconds, ShortName, TimeZone, View
from control_plane.users.schemas import NewOwner
from shared.messages.records import UnknownCards

WARN_BEFORE: Final = timedelta(days=14)


class NewAccount(Body):
    """An account, and what it needs so that somebody can go on from there."""

    name: Name
    short_name: ShortName
    language: Language = "en"
    time_zone: TimeZone = "UTC"
    domain: HostName | None = None
    owner: NewOwner | None = None
    set_up_key: bool = False  # for a program that furnishes it: an owner's key for one day


class AccountChanges(Body):
    name: Name | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    retention_seconds: Seconds | None = None
    titles_visible_to_vendor: bool | None = None
    claimed_allowed: bool | None = None
    offline_limit_seconds: Seconds | None = None
    card_needs_pin: bool | None = None
    unknown_cards: UnknownCards | None = None
    gateways_need_approval: bool | None = None


class LicenceExtension(Body):
    """A vendor extends what its account may add."""

    devices: Annotated[int, Field(ge=1, le=100_000)]
    expires_at: datetime


class CloseAccount(Body):
    """For how long its data stay, in case that it is opened again."""

    keep_days: Annotated[int, Field(ge=1, le=400)] = 30


class DeleteAccount(Body):
    """Erasing cannot be undone, so its short name is said once more."""

    confirm: str
    without_waiting: bool = False  # for gateways that never come back


class DeletionView(View):
    """How far the deletion of an account is; when the account is gone there is none (404)."""

    account_id: str
    waits_for_gateways: int  # that have not said yet that they forgot it
    erase_at: datetime  # it is waited for them until then


class AccountView(View):
    id: str
    vendor_id: str
    name: str
    short_name: str
    language: str
    time_zone: str
    retention_seconds: int
    titles_visible_to_vendor: bool
    claimed_allowed: bool
    offline_limit_seconds: int | None
    card_needs_pin: bool
    unknown_cards: UnknownCards
    gateways_need_approval: bool
    closed_at: datetime | None
    kept_until: datetime | None
    erase_at: datetime | None
    created_at: datetime
    version: int


class OpenedAccountView(AccountView):
    """A new account, with what is shown this once."""

    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"owner_link", "key"})

    domain: DomainView | None = None
    owner_id: str | None = None
    owner_link: str | None = None
    key: str | None = None


class LicenceView(View):
    kind: str
    devices: int
    expires_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def warning(self) -> str | None:
        """What an expired licence means, from two weeks before; null where all is well."""
        left = self.expires_at - utc_now()
        if left > WARN_BEFORE:
            return None
        if left > timedelta():
            return f"the licence ends in {left.days} days; then no printer can be added"
        return "the licence has expired; printing goes on, and no printer can be added"
