"""``spoolhouse site``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane.cli import desk as desks
from control_plane.cli.desk import at_desk
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite, SiteChanges, SiteView

Arguments = argparse.Namespace


def add_site(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        new = NewSite(name=arguments.name, networks=tuple(arguments.network or ()))
        return SiteView.model_validate(sites.create(desk.session, account.id, new, desk.by))


def list_sites(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        found = sites.list_sites(desk.session, account.id).items
        return {"items": [SiteView.model_validate(site) for site in found]}


def set_site(arguments: Arguments) -> Any:
    networks = () if arguments.no_network else arguments.network
    body = SiteChanges.model_validate(desks.wishes(name=arguments.rename, networks=networks))
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        site = desks.site(desk, account.id, arguments.name)
        return SiteView.model_validate(
            sites.update(desk.session, account.id, site.id, body, desk.by)
        )


def remove_site(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        site = desks.site(desk, account.id, arguments.name)
        sites.delete(desk.session, account.id, site.id, desk.by)
        return {"id": site.id, "removed": True}
