"""Where a client with a print token prints to: the addresses of the account's queues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.gateways import serving
from control_plane.gateways.addresses import door, host_of
from control_plane.queues import service as queues
from control_plane.tokens.models import PrintToken
from control_plane.tokens.schemas import PrintTokenAddress
from shared.ids import AccountId, UserId

_ALL: Final = 200


def addresses(
    session: Session, account_id: AccountId, row: PrintToken, token: str
) -> list[PrintTokenAddress]:
    """List the addresses that work with a token, over TLS; per gateway and queue."""
    short_name = accounts.get_account(session, account_id).short_name
    known = queues.list_queues(session, account_id, limit=_ALL).items
    usable = [queue for queue in known if _may_use(queue, row)]
    return [
        PrintTokenAddress(
            gateway=gateway.name,
            queue=queue.name,
            uri=f"ipps://{authority}/ipp/print/{short_name}/{queue.path}/t/{token}",
        )
        for gateway, authority in _print_services(session, account_id)
        for queue in usable
    ]


def _may_use(queue: Any, row: PrintToken) -> bool:
    if row.queue_id is not None and row.queue_id != queue.id:
        return False
    # Who may print by a group is the gateway's to know; a list of people is plain to see.
    return bool(queue.group_ids) or not queue.user_ids or UserId(row.user_id) in queue.user_ids


def _print_services(session: Session, account_id: AccountId) -> Iterator[tuple[Any, str]]:
    for gateway in serving.serving_gateways(session, account_id):
        ipp = door(gateway, "ipp")
        if ipp and ipp.get("port"):
            yield gateway, f"{host_of(gateway, ipp)}:{ipp['port']}"
