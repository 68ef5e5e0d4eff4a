"""``spoolhouse gateway parked|retry|give-up|boxes|choose``: what of the link waits for a person."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk
from control_plane.cli.telling import CommandError
from control_plane.cli.verbs import listed, of_tenant
from control_plane.parked import service as parked
from control_plane.parked.schemas import BoxView, GivenUpView, ParkedView, TriedView
from control_plane.tenants import Tenant

Arguments = argparse.Namespace


@of_tenant
def list_parked(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    gateway = desks.gateway(desk, owner, arguments.gateway)
    found = parked.list_parked(desk.session, owner, gateway.id)
    return listed(ParkedView, found)


@of_tenant
def retry(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    gateway = desks.gateway(desk, owner, arguments.gateway)
    tried = parked.retry(desk.session, owner, gateway.id, arguments.entity, desk.by)
    return TriedView.model_validate(tried)


@of_tenant
def give_up(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    gateway = desks.gateway(desk, owner, arguments.gateway)
    rows = parked.give_up(desk.session, owner, gateway.id, arguments.entity, desk.by)
    return GivenUpView(rows=rows)


@of_tenant
def list_boxes(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    gateway = desks.gateway(desk, owner, arguments.gateway)
    found = parked.find_halt(desk.session, owner, gateway.id)
    if found is None:
        raise CommandError("no two boxes claim to be this gateway; there is nothing to choose")
    boxes = [BoxView.model_validate(boot).model_dump(mode="json") for boot in found[1]]
    return {"items": [{**box, **box.pop("said")} for box in boxes]}


@of_tenant
def choose(desk: Desk, owner: Tenant, arguments: Arguments) -> None:
    gateway = desks.gateway(desk, owner, arguments.gateway)
    parked.choose(desk.session, owner, gateway.id, arguments.box, desk.by)
