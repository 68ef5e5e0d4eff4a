"""``spoolhouse group|role``: groups of people, and what roles may do."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import tenants
from control_plane.accounts.models import Account
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk
from control_plane.cli.verbs import listed, of_account, of_tenant, removed
from control_plane.groups import service as groups
from control_plane.groups.schemas import GroupChanges, GroupView, NewGroup, NewMembers
from control_plane.roles import service as roles
from control_plane.roles.schemas import RoleView
from control_plane.tenants import Tenant

Arguments = argparse.Namespace


@of_account
def add_group(desk: Desk, account: Account, arguments: Arguments) -> Any:
    new = NewGroup(name=arguments.name)
    return GroupView.model_validate(groups.create(desk.session, account.id, new, desk.by))


@of_account
def list_groups(desk: Desk, account: Account, arguments: Arguments) -> Any:
    page = groups.list_groups(
        desk.session, account.id, cursor=arguments.cursor, limit=arguments.limit
    )
    sizes = groups.sizes(desk.session, account.id, [group.id for group in page.items])
    items = [
        {"id": group.id, "name": group.name, "people": sizes.get(group.id, 0)}
        for group in page.items
    ]
    return {"items": items, "next_cursor": page.next_cursor}


@of_account
def show_group(desk: Desk, account: Account, arguments: Arguments) -> Any:
    """The people of a group."""
    group = desks.group(desk, account.id, arguments.name)
    page = groups.list_people(desk.session, account.id, group.id, cursor=arguments.cursor)
    items = [{"username": user.username, "display_name": user.display_name} for user in page.items]
    return {"items": items, "next_cursor": page.next_cursor}


@of_account
def rename_group(desk: Desk, account: Account, arguments: Arguments) -> Any:
    group = desks.group(desk, account.id, arguments.name)
    body = GroupChanges(name=arguments.rename)
    changed = groups.update(desk.session, account.id, group.id, body, desk.by)
    return GroupView.model_validate(changed)


@of_account
def add_people(desk: Desk, account: Account, arguments: Arguments) -> Any:
    """All of them, or none."""
    group = desks.group(desk, account.id, arguments.name)
    body = NewMembers.model_validate({"usernames": arguments.user})
    added = groups.add_people(desk.session, account.id, group.id, body, desk.by)
    return {"id": group.id, "added": [user.username for user in added]}


@of_account
def remove_person(desk: Desk, account: Account, arguments: Arguments) -> Any:
    group = desks.group(desk, account.id, arguments.name)
    user = desks.user(desk, tenants.account(account.id), arguments.user)
    groups.remove_person(desk.session, account.id, group.id, user.id, desk.by)
    return {"id": group.id, "removed": [user.username]}


@of_account
def delete_group(desk: Desk, account: Account, arguments: Arguments) -> Any:
    group = desks.group(desk, account.id, arguments.name)
    groups.delete(desk.session, account.id, group.id, desk.by)
    return removed(group.id)


@of_tenant
def list_roles(desk: Desk, owner: Tenant, _arguments: Arguments) -> Any:
    found = roles.list_roles(desk.session, owner)
    return listed(RoleView, found)
