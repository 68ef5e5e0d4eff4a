"""What would work right now if the line were cut: told by the gateway itself, per service."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.identity.directory import Directory, MissingSecretError
from edge_agent.service import Health
from shared.i18n import format_duration
from shared.i18n import gettext as _
from shared.messages.records import AccountRecord


def what_works(
    services: Mapping[str, Health], directory: Directory, *, has_room: bool
) -> dict[str, tuple[bool, str]]:
    """Say of each act of a person whether it would work, and why or why not."""
    works = {
        _("Sending documents"): _sending(services, has_room=has_room),
        _("Printing"): _printing(services),
    }
    for account in directory.accounts():
        works[_("Signing in at %(account)s", account=account.name)] = _signing_in(
            services, directory, account
        )
    return works


def _sending(services: Mapping[str, Health], *, has_room: bool) -> tuple[bool, str]:
    if not has_room:
        return False, _("No: the disk is full.")
    doors = [services[name] for name in ("ipp", "lpd", "raw", "api") if name in services]
    if not any(door.ok for door in doors):
        return False, _("No: nothing takes jobs here.")
    return True, _("Yes: documents are kept here.")


def _printing(services: Mapping[str, Health]) -> tuple[bool, str]:
    output = services.get("document-output")
    if output is None or not output.ok:
        return False, _("No: printing does not run here.")
    return True, _("Yes: printers are reached from here.")


def _signing_in(
    services: Mapping[str, Health], directory: Directory, account: AccountRecord
) -> tuple[bool, str]:
    authentication = services.get("authentication")
    if authentication is None or not authentication.ok:
        return False, _("No: sign-in does not run here.")
    try:
        directory.card_key(account.id)
        directory.pepper(account.id)
    except MissingSecretError:
        return False, _("No: its secrets have not come yet.")
    age = directory.knowledge_age(account.id)
    if age is None:
        return False, _("No: its people are not known here yet.")
    if directory.is_knowledge_too_old(account.id):
        return False, _("No: what is known is older than the account allows.")
    if account.offline_limit_seconds is None:
        return True, _("Yes, without limit of time.")
    left = account.offline_limit_seconds - age.total_seconds()
    return True, _("Yes, for %(time)s.", time=format_duration(left))
