from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy.orm import Session

from control_plane.enrolment import approval
from control_plane.enrolment import service as enrolment
from control_plane.errors import InvalidError, NotFoundError
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import (
    GatewayChanges,
    GatewayStateView,
    GatewayView,
    NewGateway,
    ServeAccount,
)
from control_plane.request import actor, caller, parts, vault
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version, items
from control_plane.schemas import View
from control_plane.security.permissions import Permission
from shared.enrolment_code import write_typed
from shared.ids import AccountId, GatewayId

rest = Rest("gateways", __name__)
_OF_ALL: Final = ("ok", "free_bytes", "has_room")  # what of its health concerns whoever it serves


class GatewayDetailView(GatewayView):
    state: GatewayStateView | None


class EnrolmentCodeView(View):
    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"code", "typed"})

    gateway_id: str
    code: str
    typed: str  # the same to be typed by hand; then fingerprints are compared
    authority_fingerprint: str
    expires_at: datetime


class WaitingBoxView(View):
    """A machine with a right code that waits for approval."""

    gateway_id: str
    key_fingerprint: str
    host_name: str
    source: str
    asked_at: datetime
    expires_at: datetime
    is_approved: bool | None


@rest.get("/gateways", Permission.SEE_THINGS, query=TextQuery, answer=Items[GatewayView])
def list_gateways(session: Session, query: TextQuery) -> Items[GatewayView]:
    """List one's own gateways and those that serve the account."""
    page = gateways.list_gateways(session, caller().tenant, **query.model_dump())
    return items(page, GatewayView)


@rest.post("/gateways", Permission.CHANGE_THINGS, body=NewGateway, answer=GatewayView)
def create_gateway(session: Session, body: NewGateway) -> GatewayView:
    """Prepare a gateway; it lives from its enrolment on."""
    gateway = gateways.create(session, caller().tenant, body, actor(), vault=vault())
    return GatewayView.model_validate(gateway)


@rest.get("/gateways/<gateway_id>", Permission.SEE_THINGS, answer=GatewayDetailView)
def get_gateway(session: Session, gateway_id: GatewayId) -> GatewayDetailView:
    """Show a gateway and how it is, as it last said itself."""
    gateway = gateways.get_gateway(session, caller().tenant, gateway_id)
    state = gateways.states(session, [gateway.id]).get(gateway.id)
    return GatewayDetailView(
        **GatewayView.model_validate(gateway).model_dump(),
        state=_shown(state, is_own=gateway.tenant == str(caller().tenant)) if state else None,
    )


def _shown(state: Any, *, is_own: bool) -> GatewayStateView:
    """A vendor's gateway serves several accounts: none of them reads of the others' things."""
    view = GatewayStateView.model_validate(state)
    if is_own:
        return view
    health = {name: view.health[name] for name in _OF_ALL if name in view.health}
    return view.model_copy(update={"health": health, "running": {}, "received": {}})


@rest.patch(
    "/gateways/<gateway_id>", Permission.CHANGE_THINGS, body=GatewayChanges, answer=GatewayView
)
def update_gateway(session: Session, gateway_id: GatewayId, body: GatewayChanges) -> GatewayView:
    """Change what a gateway of one's own runs."""
    gateway = gateways.update(
        session, caller().tenant, gateway_id, body, actor(), expected_version=expected_version()
    )
    return GatewayView.model_validate(gateway)


@rest.delete("/gateways/<gateway_id>", Permission.CHANGE_THINGS)
def revoke_gateway(session: Session, gateway_id: GatewayId) -> None:
    """End a gateway for good."""
    gateways.revoke(session, caller().tenant, gateway_id, actor())


@rest.post("/gateways/<gateway_id>/code", Permission.CHANGE_THINGS, answer=EnrolmentCodeView)
def create_code(session: Session, gateway_id: GatewayId) -> EnrolmentCodeView:
    """Make a one-time code that turns a machine into this gateway."""
    gateway = gateways.get_own(session, caller().tenant, gateway_id)
    code, expires_at = enrolment.create_code(
        session,
        gateway,
        actor(),
        url=parts().settings.url,
        authority_pem=parts().keys.authority.pem,
    )
    return EnrolmentCodeView(
        gateway_id=gateway.id,
        code=str(code),
        typed=write_typed(code.secret),
        authority_fingerprint=code.pin.hex(),
        expires_at=expires_at,
    )


@rest.get("/gateways/<gateway_id>/boxes", Permission.SEE_THINGS, answer=Items[WaitingBoxView])
def list_boxes(session: Session, gateway_id: GatewayId) -> Items[WaitingBoxView]:
    """List machines that wait for somebody to compare their keys and approve one."""
    found = approval.list_waiting(session, caller().tenant, gateway_id)
    return Items[WaitingBoxView](items=[WaitingBoxView.model_validate(box) for box in found])


@rest.act(
    "/gateways/<gateway_id>/boxes/<key_fingerprint>/approve",
    Permission.CHANGE_THINGS,
    answer=WaitingBoxView,
)
def approve_box(session: Session, gateway_id: GatewayId, key_fingerprint: str) -> WaitingBoxView:
    """Let the machine with this key become the gateway; it asks again within seconds."""
    box = approval.decide(
        session, caller().tenant, gateway_id, key_fingerprint, actor(), approve=True
    )
    return WaitingBoxView.model_validate(box)


@rest.act(
    "/gateways/<gateway_id>/boxes/<key_fingerprint>/refuse",
    Permission.CHANGE_THINGS,
    answer=WaitingBoxView,
)
def refuse_box(session: Session, gateway_id: GatewayId, key_fingerprint: str) -> WaitingBoxView:
    """Do not let the machine with this key become the gateway; its code stays used up."""
    box = approval.decide(
        session, caller().tenant, gateway_id, key_fingerprint, actor(), approve=False
    )
    return WaitingBoxView.model_validate(box)


@rest.act(
    "/gateways/<gateway_id>/accounts", Permission.CHANGE_THINGS, body=ServeAccount, answer=None
)
def serve_account(session: Session, gateway_id: GatewayId, body: ServeAccount) -> None:
    """Let a gateway of one's own serve an account: as a vendor, one below; asked twice, once."""
    gateway = gateways.get_own(session, caller().tenant, gateway_id)
    try:
        gateways.serve(session, gateway, body.account_id, actor(), vault=vault())
    except NotFoundError as error:
        raise InvalidError("account_id", str(error)) from None


@rest.delete("/gateways/<gateway_id>/accounts/<served_id>", Permission.CHANGE_THINGS)
def stop_serving(session: Session, gateway_id: GatewayId, served_id: AccountId) -> None:
    """Make a gateway of one's own forget an account."""
    gateway = gateways.get_own(session, caller().tenant, gateway_id)
    gateways.stop_serving(session, gateway, served_id, actor())
