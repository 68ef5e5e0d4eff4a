"""``spoolhouse group|role``: groups of people, and what roles may do."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import tenants
from control_plane.cli import desk as desks
from control_plane.cli.desk import at_desk
from control_plane.groups import service as groups
from control_plane.groups.schemas import GroupChanges, GroupView, NewGroup, NewMembers
from control_plane.roles import service as roles
from control_plane.roles.schemas import RoleView

Arguments = argparse.Namespace


def add_group(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        new = NewGroup(name=arguments.name)
        return GroupView.model_validate(groups.create(desk.session, account.id, new, desk.by))


def list_groups(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        page = groups.list_groups(
            desk.session, account.id, cursor=arguments.cursor, limit=arguments.limit
        )
        sizes = groups.sizes(desk.session, account.id, [group.id for group in page.items])
        items = [
            {"id": group.id, "name": group.name, "people": sizes.get(group.id, 0)}
            for group in page.items
        ]
        return {"items": items, "next_cursor": page.next_cursor}


def show_group(arguments: Arguments) -> Any:
    """The people of a group."""
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        group = desks.group(desk, account.id, arguments.name)
        page = groups.list_people(desk.session, account.id, group.id, cursor=arguments.cursor)
        items = [
            {"username": user.username, "display_name": user.display_name} for user in page.items
        ]
        return {"items": items, "next_cursor": page.next_cursor}


def rename_group(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        group = desks.group(desk, account.id, arguments.name)
        body = GroupChanges(name=arguments.rename)
        changed = groups.update(desk.session, account.id, group.id, body, desk.by)
        return GroupView.model_validate(changed)


def add_people(arguments: Arguments) -> Any:
    """All of them, or none."""
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        group = desks.group(desk, account.id, arguments.name)
        body = NewMembers.model_validate({"usernames": arguments.user})
        added = groups.add_people(desk.session, account.id, group.id, body, desk.by)
        return {"id": group.id, "added": [user.username for user in added]}


def remove_person(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        group = desks.group(desk, account.id, arguments.name)
        user = desks.user(desk, tenants.account(account.id), arguments.user)
        groups.remove_person(desk.session, account.id, group.id, user.id, desk.by)
        return {"id": group.id, "removed": [user.username]}


def delete_group(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        group = desks.group(desk, account.id, arguments.name)
        groups.delete(desk.session, account.id, group.id, desk.by)
        return {"id": group.id, "removed": True}


def list_roles(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        found = roles.list_roles(desk.session, desks.tenant(desk, arguments))
        return {"items": [RoleView.model_validate(role) for role in found]}
