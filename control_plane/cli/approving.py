"""``spoolhouse gateway waiting|approve|refuse``: machines that wait to become a gateway."""

from __future__ import annotations

import argparse
from typing import Any, Final

from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk, at_desk
from control_plane.cli.telling import CommandError
from control_plane.cli.verbs import listed, of_tenant
from control_plane.enrolment import approval
from control_plane.gateways.api import WaitingBoxView
from control_plane.tenants import Tenant

Arguments = argparse.Namespace
_SHOWN: Final = 32  # hexadecimal digits of a fingerprint that people compare


@of_tenant
def list_waiting(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    found = approval.list_waiting(
        desk.session, owner, desks.gateway_id(desk, owner, arguments.gateway)
    )
    return listed(WaitingBoxView, found)


def approve(arguments: Arguments) -> Any:
    return _decide(arguments, is_approved=True)


def refuse(arguments: Arguments) -> Any:
    return _decide(arguments, is_approved=False)


def _decide(arguments: Arguments, *, is_approved: bool) -> Any:
    typed = "".join(arguments.fingerprint.replace(":", " ").split()).lower()
    if len(typed) < _SHOWN:
        raise CommandError(f"give the whole fingerprint, {_SHOWN} digits, as the machine shows it")
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        gateway = desks.gateway(desk, owner, arguments.gateway)
        waiting = approval.list_waiting(desk.session, owner, gateway.id)
        same = [box.key_fingerprint for box in waiting if box.key_fingerprint.startswith(typed)]
        if not same:
            raise CommandError("no machine with this fingerprint waits; do not approve another one")
        box = approval.decide(
            desk.session, owner, gateway.id, same[0], desk.by, approve=is_approved
        )
        return WaitingBoxView.model_validate(box)
