"""``spoolhouse user|card``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from control_plane import tenants
from control_plane.accounts.models import Account
from control_plane.audit import service as audit
from control_plane.cards import rekeying
from control_plane.cards import service as cards
from control_plane.cards.schemas import CardKeyView, CardView, NewCard
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk, at_desk, open_database
from control_plane.cli.telling import CommandError
from control_plane.cli.verbs import of_account, of_tenant, paged, removed
from control_plane.domains import service as domains
from control_plane.recovery import links
from control_plane.roles import service as roles
from control_plane.tenants import Tenant
from control_plane.users import codes, csv_file, importing
from control_plane.users import service as users
from control_plane.users.importing import Import
from control_plane.users.models import User
from control_plane.users.schemas import NewUser, SignInCodeView, UserChanges, UserView
from shared.ids import CardId

Arguments = argparse.Namespace


def add_user(arguments: Arguments) -> Any:
    given = {
        "username": arguments.username,
        "display_name": arguments.display_name or arguments.username,
        "email": arguments.email or "",
        "password": _password(arguments),
        "pin": arguments.pin,
        "language": arguments.language,
        "is_operator": arguments.operator,
        "roles": tuple(arguments.role or ["user"]),
    }
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        user = users.create(
            desk.session, owner, NewUser.model_validate(given), desk.by, vault=desk.vault
        )
        return _views(desk, owner, [user])[0]


def set_user(arguments: Arguments) -> Any:
    given = {
        "display_name": arguments.display_name,
        "password": _password(arguments),
        "pin": arguments.pin,
        "enabled": None if arguments.locked is None else arguments.locked == "no",
        "roles": tuple(arguments.role) if arguments.role else None,
    }
    body = UserChanges.model_validate({k: v for k, v in given.items() if v is not None})
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        found = desks.user(desk, owner, arguments.username)
        user = users.update(desk.session, owner, found.id, body, desk.by, vault=desk.vault)
        return _views(desk, owner, [user])[0]


@of_tenant
def list_users(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    page = users.list_users(
        desk.session, owner, text=arguments.text, cursor=arguments.cursor, limit=arguments.limit
    )
    return {"items": _views(desk, owner, page.items), "next_cursor": page.next_cursor}


@of_tenant
def remove_user(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    user = desks.user(desk, owner, arguments.username)
    users.delete(desk.session, owner, user.id, desk.by)
    return removed(user.id)


def import_users(arguments: Arguments) -> Any:
    """Import people from a CSV file; ``--dry-run`` says what would happen."""
    try:
        text = csv_file.decode(Path(arguments.file).read_bytes())
    except OSError as error:
        raise CommandError(f"{arguments.file} cannot be read: {error}") from None
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        vault, by = desk.vault, desk.by
    with open_database(arguments) as (_, database):
        order = Import(database, vault, owner, by, dry_run=arguments.dry_run)
        lines = importing.run(order, text, _show_progress)
    counts = Counter(line.outcome for line in lines)
    shown = ("number", "username", "outcome", "column", "says")
    refused = [
        {name: getattr(line, name) for name in shown} for line in lines if line.outcome == "refused"
    ]
    return {**dict(counts), "dry_run": arguments.dry_run, "items": refused}


def _show_progress(done: int, everything: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {everything}", end="" if done < everything else "\n", file=sys.stderr)


@of_tenant
def recovery_link(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    """A one-time link by which a person sets a new password."""
    user = desks.user(desk, owner, arguments.username)
    named = [d.name for d in domains.list_domains(desk.session, owner) if d.verified_at]
    if not named:
        raise CommandError("there is no verified domain yet: spoolhouse domain add --help")
    token = links.create(desk.session, links.RECOVERY, owner, user.id)
    audit.record(
        desk.session, owner, "user.link-made", desk.by, subject_kind="user",
        subject_id=user.id,
    )  # fmt: skip
    return {"url": f"https://{named[0]}:{desk.settings.listen_port}/recover/{token}"}


@of_account
def make_code(desk: Desk, account: Account, arguments: Arguments) -> Any:
    """A one-time code by which somebody without their card signs in at a printer."""
    user = desks.user(desk, tenants.account(account.id), arguments.username)
    made = codes.make(desk.session, account.id, user.id, desk.by, vault=desk.vault)
    return SignInCodeView(user_id=user.id, code=made.code, expires_at=made.expires_at)


@of_account
def add_card(desk: Desk, account: Account, arguments: Arguments) -> Any:
    user = desks.user(desk, tenants.account(account.id), arguments.user)
    new = NewCard(user_id=user.id, number=arguments.number)
    card = cards.create(desk.session, account.id, new, desk.by, vault=desk.vault)
    return CardView.model_validate(card)


@of_account
def rekey_cards(desk: Desk, account: Account, _arguments: Arguments) -> Any:
    found = rekeying.change_key(desk.session, account.id, desk.by, vault=desk.vault)
    return CardKeyView.model_validate(found)


@of_account
def revoke_card(desk: Desk, account: Account, arguments: Arguments) -> Any:
    card = cards.revoke(desk.session, account.id, CardId(arguments.id), desk.by)
    return CardView.model_validate(card)


@of_account
def list_cards(desk: Desk, account: Account, arguments: Arguments) -> Any:
    user = (
        desks.user(desk, tenants.account(account.id), arguments.user).id if arguments.user else None
    )
    page = cards.list_cards(
        desk.session, account.id, user_id=user, cursor=arguments.cursor, limit=arguments.limit
    )
    return paged(CardView, page)


def _password(arguments: Arguments) -> str | None:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\n")
    password: str | None = arguments.password
    return password


def _views(desk: Desk, owner: Tenant, found: Sequence[User]) -> list[dict[str, Any]]:
    held = roles.roles_of_users(desk.session, owner, [user.id for user in found])
    return [
        {
            **UserView.model_validate(user).model_dump(mode="json"),
            "roles": [role.built_in or role.name for role in held[user.id]],
        }
        for user in found
    ]
