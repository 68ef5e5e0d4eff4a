"""``spoolhouse token``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import tenants
from control_plane.cli import desk as desks
from control_plane.cli.desk import at_desk
from control_plane.cli.telling import CommandError
from control_plane.queues import service as queues
from control_plane.tokens import service as tokens
from control_plane.tokens.addresses import addresses
from control_plane.tokens.schemas import NewPrintToken, NewPrintTokenView, PrintTokenView
from shared.ids import PrintTokenId

Arguments = argparse.Namespace


def add_token(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        user = desks.user(desk, tenants.account(account.id), arguments.user)
        queue = None
        if arguments.queue:
            queue = queues.find_by_path(desk.session, account.id, arguments.queue)
            if queue is None:
                raise CommandError(f"there is no queue {arguments.queue!r}")
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


def revoke_token(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        row = tokens.revoke(desk.session, account.id, PrintTokenId(arguments.id), desk.by)
        return PrintTokenView.model_validate(row)


def list_tokens(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        user = None
        if arguments.user:
            user = desks.user(desk, tenants.account(account.id), arguments.user).id
        page = tokens.list_tokens(
            desk.session, account.id, user_id=user, cursor=arguments.cursor, limit=arguments.limit
        )
        items = [PrintTokenView.model_validate(row) for row in page.items]
        return {"items": items, "next_cursor": page.next_cursor}
