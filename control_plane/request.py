"""What a view needs of its request: the database, who asks, whose things it is about."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, cast

from flask import current_app, g
from sqlalchemy.orm import Session

from control_plane.audit.actor import Actor
from control_plane.database import Database
from control_plane.domains.models import Domain
from control_plane.imports import service as imports
from control_plane.pki.keys import KeyRing
from control_plane.security.caller import Caller
from control_plane.security.rates import Rates
from control_plane.settings import Settings
from control_plane.tenants import Tenant
from control_plane.vault import Vault
from shared.ids import AccountId

EXTENSION: Final = "spoolhouse"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the primary is made of, for the views."""

    settings: Settings
    database: Database
    vault: Vault
    keys: KeyRing
    broker_address: Callable[[], tuple[str, int]]
    # The broker is to be told who may connect: a gateway enrolled or was revoked.
    admission_changed: Callable[[], None] = lambda: None
    rates: Rates = field(default_factory=Rates)
    imports: imports.Desk = field(default_factory=imports.Desk)


def parts() -> Parts:
    return cast("Parts", current_app.extensions[EXTENSION])


def reading() -> AbstractContextManager[Session]:
    return parts().database.reading()


def writing() -> AbstractContextManager[Session]:
    return parts().database.writing()


def vault() -> Vault:
    return parts().vault


def find_caller() -> Caller | None:
    """Who asks; None on public routes where nobody is signed in."""
    return cast("Caller | None", g.get("caller"))


def caller() -> Caller:
    """Who asks, on every route that is not public."""
    found = find_caller()
    assert found is not None, "the guard lets nobody in without a caller"
    return found


def actor() -> Actor:
    return caller().actor


def account_id() -> AccountId:
    """The account this request is about (404 where it is about a vendor)."""
    return caller().account_id


def host_tenant() -> Tenant | None:
    """Whose host this is, also where nobody is signed in; None: the installation's own name."""
    return cast("Tenant | None", g.get("host_tenant"))


def host_domain() -> Domain | None:
    """The domain of this host with its brand; None: the installation's own name."""
    return cast("Domain | None", g.get("host_domain"))


def csrf_token() -> str:
    """For forms; empty where nobody is signed in: there the Origin alone counts."""
    found = find_caller()
    return (found.csrf_token if found else None) or ""
