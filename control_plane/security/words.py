"""Permissions and roles as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from control_plane.roles.models import Role
from control_plane.security.permissions import Permission
from shared.i18n import gettext, mark

_ = gettext
_P = Permission
PERMISSIONS: Final[Mapping[Permission, str]] = {
    _P.SEE_THINGS: mark("see sites, gateways, printers and queues"),
    _P.CHANGE_THINGS: mark("change sites, gateways, printers and queues"),
    _P.SEE_PEOPLE: mark("see people and cards"),
    _P.CHANGE_PEOPLE: mark("change people and cards"),
    _P.CHANGE_ROLES: mark("change roles"),
    _P.SEE_JOBS: mark("see everybody's jobs"),
    _P.CHANGE_JOBS: mark("release and delete everybody's jobs"),
    _P.SEE_REPORTS: mark("see reports"),
    _P.SEE_AUDIT: mark("read the audit"),
    _P.SEE_SETTINGS: mark("see settings"),
    _P.CHANGE_SETTINGS: mark("change settings, domains and keys"),
    _P.SEE_ACCOUNTS: mark("see accounts"),
    _P.CHANGE_ACCOUNTS: mark("add and change accounts"),
    _P.CLOSE_ACCOUNTS: mark("close and delete accounts and vendors"),
    _P.OWN_JOBS: mark("print, and use their own jobs and cards"),
}
_ROLES: Final[Mapping[str, str]] = {
    "owner": mark("Owner"),
    "administrator": mark("Administrator"),
    "help-desk": mark("Help desk"),
    "reports": mark("Reports"),
    "user": mark("User"),
}
del _P


def role_name(role: Role) -> str:
    """Name a role; the built-in ones in the reader's language."""
    return _(_ROLES[role.built_in]) if role.built_in else role.name


def in_order(roles: Iterable[Role]) -> list[Role]:
    """Sort roles: the built-in ones from the mightiest, then one's own by name."""
    rank = {built_in: n for n, built_in in enumerate(_ROLES)}
    return sorted(roles, key=lambda role: (rank.get(role.built_in or "", len(rank)), role.name))


def permission_names(values: Iterable[str]) -> list[str]:
    known = set(values)
    return [_(words) for permission, words in PERMISSIONS.items() if permission.value in known]
