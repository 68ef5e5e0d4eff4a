"""``spoolhouse site``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane.accounts.models import Account
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk
from control_plane.cli.verbs import listed, of_account, removed
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite, SiteChanges, SiteView

Arguments = argparse.Namespace


@of_account
def add_site(desk: Desk, account: Account, arguments: Arguments) -> Any:
    new = NewSite(name=arguments.name, networks=tuple(arguments.network or ()))
    return SiteView.model_validate(sites.create(desk.session, account.id, new, desk.by))


@of_account
def list_sites(desk: Desk, account: Account, _arguments: Arguments) -> Any:
    found = sites.list_sites(desk.session, account.id).items
    return listed(SiteView, found)


@of_account
def set_site(desk: Desk, account: Account, arguments: Arguments) -> Any:
    networks = () if arguments.no_network else arguments.network
    body = SiteChanges.model_validate(desks.wishes(name=arguments.rename, networks=networks))
    site = desks.site(desk, account.id, arguments.name)
    return SiteView.model_validate(sites.update(desk.session, account.id, site.id, body, desk.by))


@of_account
def remove_site(desk: Desk, account: Account, arguments: Arguments) -> Any:
    site = desks.site(desk, account.id, arguments.name)
    sites.delete(desk.session, account.id, site.id, desk.by)
    return removed(site.id)
