"""Who may do what: the permissions, and the roles that every vendor and account begins with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Permission(Enum):
    """What a route asks for; the value is what roles and API keys name."""

    SEE_THINGS = "things.see"  # sites, gateways, printers, queues, readers, terminals
    CHANGE_THINGS = "things.change"
    SEE_PEOPLE = "people.see"  # users, groups, cards
    CHANGE_PEOPLE = "people.change"
    CHANGE_ROLES = "roles.change"
    SEE_JOBS = "jobs.see"
    CHANGE_JOBS = "jobs.change"  # release, cancel, reassign other people's
    SEE_REPORTS = "reports.see"
    SEE_AUDIT = "audit.see"
    SEE_SETTINGS = "settings.see"
    CHANGE_SETTINGS = "settings.change"  # the account itself, domains, API keys, grants
    SEE_ACCOUNTS = "accounts.see"  # a vendor's
    CHANGE_ACCOUNTS = "accounts.change"
    CLOSE_ACCOUNTS = "accounts.close"  # also delete them for good, and vendors below
    OWN_JOBS = "own.jobs"  # the portal: one's own jobs, cards, PIN


P = Permission
_SEE: Final = frozenset({P.SEE_THINGS, P.SEE_PEOPLE, P.SEE_JOBS, P.SEE_REPORTS, P.SEE_SETTINGS})
_ADMINISTER: Final = _SEE | {
    P.CHANGE_THINGS,
    P.CHANGE_PEOPLE,
    P.CHANGE_JOBS,
    P.SEE_AUDIT,
    P.CHANGE_SETTINGS,
    P.OWN_JOBS,
}
ACCOUNT_ROLES: Final[Mapping[str, frozenset[Permission]]] = {
    "owner": _ADMINISTER | {P.CHANGE_ROLES},
    "administrator": _ADMINISTER,
    "help-desk": frozenset({P.SEE_THINGS, P.SEE_PEOPLE, P.CHANGE_PEOPLE, P.SEE_JOBS, P.OWN_JOBS}),
    "reports": frozenset({P.SEE_REPORTS, P.OWN_JOBS}),
    "user": frozenset({P.OWN_JOBS}),
}
_VENDOR_ADMINISTER: Final = frozenset(
    {
        P.SEE_THINGS,
        P.CHANGE_THINGS,
        P.SEE_PEOPLE,
        P.CHANGE_PEOPLE,
        P.SEE_AUDIT,
        P.SEE_SETTINGS,
        P.CHANGE_SETTINGS,
        P.SEE_ACCOUNTS,
        P.CHANGE_ACCOUNTS,
    }
)
VENDOR_ROLES: Final[Mapping[str, frozenset[Permission]]] = {
    "owner": _VENDOR_ADMINISTER | {P.CHANGE_ROLES, P.CLOSE_ACCOUNTS},
    "administrator": _VENDOR_ADMINISTER,
    "help-desk": frozenset({P.SEE_THINGS, P.SEE_PEOPLE, P.SEE_ACCOUNTS}),
    "reports": frozenset({P.SEE_ACCOUNTS}),
    "user": frozenset(),
}
# Whatever a grant says, a vendor's staff never acts in these places of an account.
NEVER_GRANTED: Final = frozenset({P.OWN_JOBS, P.CHANGE_ROLES})
del P

ROLE_NAMES: Final[Mapping[str, str]] = {
    "owner": "Owner",
    "administrator": "Administrator",
    "help-desk": "Help desk",
    "reports": "Reports",
    "user": "User",
}
