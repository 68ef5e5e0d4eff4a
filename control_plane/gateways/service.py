from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane import changes, tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.gateways import presence, repository, serving
from control_plane.gateways.models import Gateway
from control_plane.gateways.schemas import GatewayChanges, NewGateway
from control_plane.sites import service as sites
from control_plane.tenants import Tenant
from control_plane.vault import Vault
from shared.ids import GatewayId, SiteId, new_id
from shared.messages.records import GatewayRecord, ServiceSetting, gateway_stream

NotServedError = serving.NotServedError
check_served = serving.check_served
check_speaker = serving.check_speaker
ever_served = serving.ever_served
get_serving = serving.get_serving
serve = serving.serve
renew_secrets = serving.renew_secrets
stop_serving = serving.stop_serving
served_accounts = serving.served_accounts
serving_gateways = serving.serving_gateways
on_account_forgotten = serving.on_account_forgotten
on_presence = presence.on_presence
on_heartbeat = presence.on_heartbeat
set_pusher = presence.set_pusher
pushed_by = presence.pushed_by
take_over = presence.take_over
list_pushed_by = presence.list_pushed_by
list_gateways = repository.list_gateways
list_at = repository.list_at
states = repository.states
now_served = repository.now_served
admitted = repository.admitted
names_of_enrolled = repository.names_of_enrolled
names = repository.names
count_serving = repository.count_serving
count_served = repository.count_served
count_accounts = repository.count_accounts
count_remembering = repository.count_remembering
list_living = repository.list_living
find_by_id = repository.get_by_id
find_by_name = repository.find_by_name


def create(
    session: Session, tenant: Tenant, new: NewGateway, by: Actor, *, vault: Vault
) -> Gateway:
    """Prepare a gateway; it lives from its enrolment on. An account's own serves it at once."""
    _check_name(session, tenant, new.name, None)
    _check_site(session, tenant, new.site_id)
    gateway = Gateway(id=GatewayId(new_id()), tenant=str(tenant), **new.model_dump(mode="json"))
    session.add(gateway)
    session.flush()
    feed.publish(session, gateway_stream(gateway.id), record_of(gateway))
    if tenant.account_id:
        serve(session, gateway, tenant.account_id, by, vault=vault)
    audit.record(
        session, tenant, "gateway.created", by, subject_kind="gateway", subject_id=gateway.id,
        detail={"name": gateway.name},
    )  # fmt: skip
    return gateway


def get_gateway(session: Session, tenant: Tenant, gateway_id: GatewayId) -> Gateway:
    """A gateway of one's own, or one that serves the account."""
    gateway = repository.find_visible(session, tenant, gateway_id)
    if gateway is None:
        raise NotFoundError("gateway", gateway_id)
    return gateway


def get_own(session: Session, tenant: Tenant, gateway_id: GatewayId) -> Gateway:
    """A gateway of one's own: only its owner changes it."""
    gateway = repository.find_gateway(session, tenant, gateway_id)
    if gateway is None:
        raise NotFoundError("gateway", gateway_id)
    return gateway


def get_by_id(session: Session, gateway_id: GatewayId) -> Gateway:
    """For the link, which knows a gateway by its certificate."""
    gateway = repository.get_by_id(session, gateway_id)
    if gateway is None:
        raise NotFoundError("gateway", gateway_id)
    return gateway


def update(
    session: Session,
    tenant: Tenant,
    gateway_id: GatewayId,
    body: GatewayChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Gateway:
    gateway = get_own(session, tenant, gateway_id)
    changes.check_version(gateway, expected_version)
    _check_name(session, tenant, body.name, gateway_id)
    _check_site(session, tenant, body.site_id)
    changed = changes.apply(gateway, body)
    session.flush()
    if changed:
        feed.publish(session, gateway_stream(gateway.id), record_of(gateway))
        audit.record(
            session, tenant, "gateway.changed", by, subject_kind="gateway",
            subject_id=gateway.id, detail={"name": gateway.name, **changed},
        )  # fmt: skip
    return gateway


def on_enrolled(
    session: Session, gateway_id: GatewayId, sealing_key: bytes, by: Actor, *, vault: Vault
) -> Gateway:
    """A box became this gateway: from now on secrets go to it, sealed to its X25519 key."""
    gateway = get_by_id(session, gateway_id)
    gateway.sealing_key = sealing_key
    gateway.enrolled_at = utc_now()
    gateway.revoked_at = None
    session.flush()
    for account_id in repository.served_accounts(session, gateway_id):
        serving.give_secrets(session, gateway, account_id, vault=vault)
    feed.publish(session, gateway_stream(gateway_id), record_of(gateway))
    audit.record(
        session, tenants.from_text(gateway.tenant), "gateway.enrolled", by,
        subject_kind="gateway", subject_id=gateway_id, detail={"name": gateway.name},
    )  # fmt: skip
    return gateway


def revoke(session: Session, tenant: Tenant, gateway_id: GatewayId, by: Actor) -> Gateway:
    """End a gateway for good; the link takes its certificate and its role at the broker."""
    gateway = get_own(session, tenant, gateway_id)
    gateway.revoked_at = utc_now()
    gateway.site_id = None  # It stands nowhere any more; the site may go.
    session.flush()
    audit.record(
        session, tenant, "gateway.revoked", by, subject_kind="gateway", subject_id=gateway_id,
        detail={"name": gateway.name},
    )  # fmt: skip
    return gateway


def revoke_all(session: Session, tenant: Tenant, by: Actor) -> None:
    """End all gateways of somebody who is no more."""
    for gateway in repository.list_living(session, tenant):
        revoke(session, tenant, gateway.id, by)


def record_of(gateway: Gateway) -> GatewayRecord:
    services = {name: ServiceSetting(**setting) for name, setting in gateway.services.items()}
    return GatewayRecord(
        id=gateway.id,
        name=gateway.name,
        site_id=gateway.site_id,
        services=services,
        trusted_hosts=tuple(gateway.trusted_hosts),
    )


def _check_name(
    session: Session, tenant: Tenant, name: str | None, own_id: GatewayId | None
) -> None:
    other = repository.find_by_name(session, tenant, name) if name else None
    if other and other.id != own_id:
        raise ConflictError("there is a gateway with this name", "name")


def _check_site(session: Session, tenant: Tenant, site_id: SiteId | None) -> None:
    if site_id is None:
        return
    if tenant.account_id is None:
        raise InvalidError("site_id", "a vendor's gateway stands at no site of an account")
    try:
        sites.get_site(session, tenant.account_id, site_id)
    except NotFoundError as error:
        raise InvalidError("site_id", str(error)) from None
