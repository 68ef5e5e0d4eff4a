"""The first run: one form makes the first vendor, its first account and that account's owner."""

from __future__ import annotations

from pydantic import Field
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.audit.actor import Actor
from control_plane.domains import service as domains
from control_plane.domains.schemas import HostName, NewDomain
from control_plane.errors import NotFoundError
from control_plane.recovery import links
from control_plane.schemas import Body, Name, ShortName
from control_plane.tenants import INSTALLATION
from control_plane.users import service as users
from control_plane.users.schemas import NewUser, Password, Username
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor


class FirstRun(Body):
    """What the form asks for."""

    company: Name
    short_name: ShortName = "office"
    host: HostName = Field(default="office.localhost")
    username: Username
    password: Password


def is_open(session: Session) -> bool:
    """Whether there is nobody yet."""
    return not users.any_user(session)


def create_token(session: Session) -> str:
    """The token of the setup address, which the primary prints and nobody else knows."""
    return links.create(session, links.SETUP, INSTALLATION)


def finish(session: Session, token: str, body: FirstRun, source: str, *, vault: Vault) -> str:
    """Make everything; returns the host to sign in at.

    Raises:
        NotFoundError: It was done before, or the token is none.
    """
    if not is_open(session):
        raise NotFoundError("page")
    links.use(session, links.SETUP, INSTALLATION, token)
    by = Actor("user", None, body.username, source)
    vendor = vendors.create(session, NewVendor(name=body.company), by)
    new = NewAccount(name=body.company, short_name=body.short_name)
    account = accounts.create(session, vendor.id, new, by, vault=vault)
    tenant = tenants.account(account.id)
    named = NewDomain(name=body.host, brand_name=body.company)
    domain = domains.create(session, tenant, named, by)
    domains.verify(session, tenant, domain.id, by, verified_by="installation")
    owner = NewUser(username=body.username, password=body.password, roles=("owner",))
    users.create(session, tenant, owner, by, vault=vault)
    return domain.name
