"""What would work right now if the line were cut: told by the gateway itself, per service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.identity.directory import Directory, MissingSecretError
from edge_agent.service import Health
from shared.i18n import format_duration
from shared.i18n import gettext as _
from shared.ids import AccountId
from shared.messages.records import AccountRecord


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that people do here: whether it would work, and why or why not.

    ``what``, ``why`` and ``seconds`` (for how long; None: no limit) are for programs, which have
    words of their own; ``name`` and ``says`` are for people.
    """

    what: str  # sending | printing | signing-in
    name: str
    works: bool
    why: str
    says: str
    account_id: AccountId | None = None
    seconds: int | None = None

    def to_plain(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "works": self.works,
            "why": self.why,
            "says": self.says,
            "account_id": self.account_id,
            "seconds": self.seconds,
        }


def what_works(
    services: Mapping[str, Health], directory: Directory, *, has_room: bool
) -> list[Act]:
    """Say of each act of a person whether it would work, and why or why not."""
    return [
        _sending(services, has_room=has_room),
        _printing(services),
        *(_signing_in(services, directory, account) for account in directory.accounts()),
    ]


def _sending(services: Mapping[str, Health], *, has_room: bool) -> Act:
    def act(works: bool, why: str, says: str) -> Act:  # noqa: FBT001
        return Act("sending", _("Sending documents"), works, why, says)

    if not has_room:
        return act(False, "disk-full", _("No: the disk is full."))  # noqa: FBT003
    doors = [services[name] for name in ("ipp", "lpd", "raw") if name in services]
    if not any(door.ok for door in doors):
        return act(False, "no-door", _("No: nothing takes jobs here."))  # noqa: FBT003
    return act(True, "kept-here", _("Yes: documents are kept here."))  # noqa: FBT003


def _printing(services: Mapping[str, Health]) -> Act:
    output, name = services.get("document-output"), _("Printing")
    if output is None or not output.ok:
        says = _("No: printing does not run here.")
        return Act("printing", name, works=False, why="no-output", says=says)
    says = _("Yes: printers are reached from here.")
    return Act("printing", name, works=True, why="reached-from-here", says=says)


def _signing_in(
    services: Mapping[str, Health], directory: Directory, account: AccountRecord
) -> Act:
    name = _("Signing in at %(account)s", account=account.name)
    works, why, says, seconds = _sign_in(services, directory, account)
    return Act("signing-in", name, works, why, says, account.id, seconds)


def _sign_in(
    services: Mapping[str, Health], directory: Directory, account: AccountRecord
) -> tuple[bool, str, str, int | None]:
    authentication = services.get("authentication")
    if authentication is None or not authentication.ok:
        return False, "no-authentication", _("No: sign-in does not run here."), None
    try:
        directory.card_key(account.id)
        directory.pepper(account.id)
    except MissingSecretError:
        return False, "no-secrets", _("No: its secrets have not come yet."), None
    age = directory.knowledge_age(account.id)
    if age is None:
        return False, "nobody-known", _("No: its people are not known here yet."), None
    if directory.is_knowledge_too_old(account.id):
        says = _("No: what is known is older than the account allows.")
        return False, "too-old", says, None
    if account.offline_limit_seconds is None:
        return True, "no-limit", _("Yes, without limit of time."), None
    left = account.offline_limit_seconds - int(age.total_seconds())
    return True, "for-a-time", _("Yes, for %(time)s.", time=format_duration(left)), left
