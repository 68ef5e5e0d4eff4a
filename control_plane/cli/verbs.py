"""What the verbs of most nouns begin and end with.

A verb reads like this; the parser calls it with the arguments alone::

    @of_account
    def remove_site(desk: Desk, account: Account, arguments: Arguments) -> Any:
        site = desks.site(desk, account.id, arguments.name)
        sites.delete(desk.session, account.id, site.id, desk.by)
        return removed(site.id)
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import BaseModel

from control_plane.accounts.models import Account
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk, at_desk
from control_plane.paging import Page
from control_plane.tenants import Tenant

Arguments = argparse.Namespace
Command = Callable[[Arguments], Any]


def of_account(verb: Callable[[Desk, Account, Arguments], Any]) -> Command:
    """Carry out a verb in one transaction, for the account that ``--account`` names."""

    @functools.wraps(verb)
    def command(arguments: Arguments) -> Any:
        with at_desk(arguments) as desk:
            return verb(desk, desks.account(desk, arguments.account), arguments)

    return command


def of_tenant(verb: Callable[[Desk, Tenant, Arguments], Any]) -> Command:
    """Carry out a verb in one transaction, for the account or vendor that the options name."""

    @functools.wraps(verb)
    def command(arguments: Arguments) -> Any:
        with at_desk(arguments) as desk:
            return verb(desk, desks.tenant(desk, arguments), arguments)

    return command


def listed(view: type[BaseModel], found: Iterable[Any]) -> dict[str, Any]:
    """All there is of them."""
    return {"items": [view.model_validate(row) for row in found]}


def paged(view: type[BaseModel], page: Page[Any]) -> dict[str, Any]:
    """A page of them, and where the next one begins."""
    return {**listed(view, page.items), "next_cursor": page.next_cursor}


def removed(thing_id: str) -> dict[str, Any]:
    return {"id": thing_id, "removed": True}
