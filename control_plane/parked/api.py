from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.parked import service as parked
from control_plane.parked.schemas import (
    BoxView,
    ChosenBox,
    GivenUpView,
    HaltView,
    ParkedEntity,
    ParkedView,
    TriedView,
)
from control_plane.request import actor, caller
from control_plane.rest.routing import Items, Rest
from control_plane.security.permissions import Permission
from shared.ids import GatewayId

rest = Rest("parked", __name__)


@rest.get("/gateways/<gateway_id>/parked", Permission.SEE_THINGS, answer=Items[ParkedView])
def list_parked(session: Session, gateway_id: GatewayId) -> Items[ParkedView]:
    """List what a gateway of one's own said that could not be applied, oldest first."""
    found = parked.list_parked(session, caller().tenant, gateway_id)
    return Items[ParkedView](items=[ParkedView.model_validate(thing) for thing in found])


@rest.act(
    "/gateways/<gateway_id>/parked/retry",
    Permission.CHANGE_THINGS,
    body=ParkedEntity,
    answer=TriedView,
)
def retry(session: Session, gateway_id: GatewayId, body: ParkedEntity) -> TriedView:
    """Try to apply the rows about one thing again, in order."""
    tried = parked.retry(session, caller().tenant, gateway_id, body.entity, actor())
    return TriedView.model_validate(tried)


@rest.act(
    "/gateways/<gateway_id>/parked/give-up",
    Permission.CHANGE_THINGS,
    body=ParkedEntity,
    answer=GivenUpView,
)
def give_up(session: Session, gateway_id: GatewayId, body: ParkedEntity) -> GivenUpView:
    """Decide that the rows about one thing are never applied; they stay to be read."""
    rows = parked.give_up(session, caller().tenant, gateway_id, body.entity, actor())
    return GivenUpView(rows=rows)


@rest.get("/gateways/<gateway_id>/halt", Permission.SEE_THINGS, answer=HaltView)
def get_halt(session: Session, gateway_id: GatewayId) -> HaltView:
    """Tell whether two boxes claim to be this gateway, and what each said of itself."""
    found = parked.find_halt(session, caller().tenant, gateway_id)
    if found is None:
        return HaltView(is_parked=False, reason="", since=None, boxes=[])
    halt, boots = found
    boxes = [BoxView.model_validate(boot) for boot in boots]
    return HaltView(is_parked=True, reason=halt.reason, since=halt.at, boxes=boxes)


@rest.act(
    "/gateways/<gateway_id>/halt/resolve", Permission.CHANGE_THINGS, body=ChosenBox, answer=HaltView
)
def resolve(session: Session, gateway_id: GatewayId, body: ChosenBox) -> HaltView:
    """Choose the box that is the gateway; the other one has been switched off."""
    parked.choose(session, caller().tenant, gateway_id, body.boot_id, actor())
    return HaltView(is_parked=False, reason="", since=None, boxes=[])
