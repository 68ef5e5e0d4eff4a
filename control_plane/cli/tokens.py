"""``spoolhouse token``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import tenants
from control_plane.accounts.models import Account
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk
from control_plane.cli.verbs import of_account, paged
from control_plane.tokens import service as tokens
from control_plane.tokens.addresses import addresses
from control_plane.tokens.schemas import NewPrintToken, NewPrintTokenView, PrintTokenView
from shared.ids import PrintTokenId

Arguments = argparse.Namespace


@of_account
def add_token(desk: Desk, account: Account, arguments: Arguments) -> Any:
    user = desks.user(desk, tenants.account(account.id), arguments.user)
    queue = desks.queue(desk, account.id, arguments.queue) if arguments.queue else None
    new = NewPrintToken(
        user_id=user.id,
        name=arguments.name,
        queue_id=queue.id if queue else None,
        days=arguments.days,
    )
    row, token = tokens.create(desk.session, account.id, new, desk.by)
    return NewPrintTokenView(
        **PrintTokenView.model_validate(row).model_dump(),
        token=token,
        addresses=addresses(desk.session, account.id, row, token),
    )


@of_account
def revoke_token(desk: Desk, account: Account, arguments: Arguments) -> Any:
    row = tokens.revoke(desk.session, account.id, PrintTokenId(arguments.id), desk.by)
    return PrintTokenView.model_validate(row)


@of_account
def list_tokens(desk: Desk, account: Account, arguments: Arguments) -> Any:
    user = None
    if arguments.user:
        user = desks.user(desk, tenants.account(account.id), arguments.user).id
    page = tokens.list_tokens(
        desk.session, account.id, user_id=user, cursor=arguments.cursor, limit=arguments.limit
    )
    return paged(PrintTokenView, page)
