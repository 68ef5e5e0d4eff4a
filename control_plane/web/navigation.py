"""What stands at the side: only what exists, and only what this person may see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flask import request, url_for

from control_plane.security.permissions import Permission
from control_plane.web.caller import may, tenant
from shared.i18n import gettext

_ = gettext


@dataclass(frozen=True, slots=True)
class Place:
    title: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    places: Sequence[Place]


# Some pages belong to the place where one finds them.
_BELOW: Final = frozenset(
    {
        ("gateways", "sites"),
        ("gateway_settings", "sites"),
        ("gateway_settings", "gateways"),
        ("customers", "vendor"),
        ("closing", "vendor"),
        ("api_docs", "keys"),
    }
)


def sections() -> Sequence[Section]:
    """List what this person can go to."""
    found = _account() if tenant().account_id else _vendor()
    return [
        Section(title, shown)
        for title, places in found
        if (shown := [place for place in places if place is not None])
    ]


def _account() -> Iterator[tuple[str, Sequence[Place | None]]]:
    yield (
        _("Today"),
        (
            _place(_("Now"), "now.show", Permission.SEE_JOBS),
            _place(_("Jobs"), "jobs.list_jobs", Permission.SEE_JOBS),
            _place(_("Printers"), "printers.list_printers", Permission.SEE_THINGS),
        ),
    )
    yield (
        _("People"),
        (
            _place(_("Users and cards"), "users.list_users", Permission.SEE_PEOPLE),
            _place(_("Groups"), "groups.list_groups", Permission.SEE_PEOPLE),
            _place(_("Roles"), "roles.list_roles", Permission.SEE_PEOPLE),
        ),
    )
    yield (
        _("Places"),
        (
            _place(_("Sites and gateways"), "sites.list_sites", Permission.SEE_THINGS),
            _place(_("Queues"), "queues.list_queues", Permission.SEE_THINGS),
            _place(_("Card readers"), "readers.list_readers", Permission.SEE_THINGS),
            _place(_("Terminals"), "terminals.list_terminals", Permission.SEE_THINGS),
        ),
    )
    yield (_("Look back"), (_place(_("Audit"), "audit.list_events", Permission.SEE_AUDIT),))
    yield (
        _("Account"),
        (
            _place(_("Settings"), "settings.show", Permission.SEE_SETTINGS),
            _place(_("Domains"), "domains.list_domains", Permission.SEE_SETTINGS),
            _place(_("API keys"), "keys.list_keys", Permission.SEE_SETTINGS),
        ),
    )
    yield (_("Yours"), (_place(_("My jobs"), "portal.show", Permission.OWN_JOBS),))


def _vendor() -> Iterator[tuple[str, Sequence[Place | None]]]:
    yield (
        _("Customers"),
        (
            _place(_("Accounts"), "vendor.list_accounts", Permission.SEE_ACCOUNTS),
            _place(_("Vendors"), "partners.list_vendors", Permission.SEE_ACCOUNTS),
            _place(_("Gateways"), "gateways.list_gateways", Permission.SEE_THINGS),
        ),
    )
    yield (
        _("People"),
        (
            _place(_("Users"), "users.list_users", Permission.SEE_PEOPLE),
            _place(_("Roles"), "roles.list_roles", Permission.SEE_PEOPLE),
        ),
    )
    yield (_("Look back"), (_place(_("Audit"), "audit.list_events", Permission.SEE_AUDIT),))
    yield (
        _("Vendor"),
        (
            _place(_("Settings"), "vendor_settings.show", Permission.SEE_SETTINGS),
            _place(_("Domains"), "domains.list_domains", Permission.SEE_SETTINGS),
            _place(_("API keys"), "keys.list_keys", Permission.SEE_SETTINGS),
        ),
    )


def _place(title: str, endpoint: str, permission: Permission) -> Place | None:
    if not may(permission):
        return None
    here = (request.endpoint or "").partition(".")[0]
    room = endpoint.partition(".")[0]
    is_current = here == room or (here, room) in _BELOW
    return Place(title, url_for(endpoint), is_current)
