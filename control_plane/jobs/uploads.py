"""Uploads by programs: a ticket, and the address of a gateway's door that the caller can reach.

A document never passes through the primary: it goes straight to the gateway, which believes the
ticket because the primary signed it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway, GatewayState
from control_plane.groups import service as groups
from control_plane.jobs.schemas import NewUpload, UploadView
from control_plane.queues import service as queues
from control_plane.queues.models import Queue
from control_plane.sites import service as sites
from control_plane.users import service as users
from control_plane.users.models import User
from shared.crypto.signing import Signer
from shared.ids import AccountId, JobId, UserId, new_id
from shared.messages import uploads
from shared.messages.uploads import LIFETIME, UPLOAD_PATH, UploadTicket

SERVICE: Final = "api"
DEFAULT_PORT: Final = 8635
_ANYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104


@dataclass(frozen=True, slots=True)
class Door:
    """A gateway's API service, as one caller reaches it; or why that caller does not."""

    gateway: Gateway
    url: str = ""
    key_pin: str = ""
    refusal: str = ""


def create(
    session: Session,
    account_id: AccountId,
    new: NewUpload,
    by: Actor,
    *,
    user_id: UserId | None,
    signer: Signer,
) -> UploadView:
    """Let one document in, as that person's; ``user_id`` is who asks, where a person does.

    Raises:
        InvalidError: There is no such queue or person, or the person may not print to it.
        ConflictError: No gateway takes it from where the caller is; the text says why.
    """
    queue, user = _named(session, account_id, new, user_id)
    _check_may_print(session, account_id, queue, user)
    door = _choose(list(doors(session, account_id, by.source)), queue)
    now = utc_now()
    ticket = UploadTicket(
        v=uploads.VERSION,
        job_id=JobId(new_id()),
        gateway_id=door.gateway.id,
        account_id=account_id,
        user_id=user.id,
        queue_id=queue.id,
        title=new.title,
        document_format=new.document_format,
        max_bytes=new.max_bytes,
        issued_at=now,
        expires_at=now + LIFETIME,
    )
    audit.record(
        session, tenants.account(account_id), "upload.allowed", by, subject_kind="job",
        subject_id=ticket.job_id, detail={"user_id": user.id, "queue_id": queue.id,
        "gateway_id": door.gateway.id},
    )  # fmt: skip
    return UploadView(
        job_id=ticket.job_id,
        gateway_id=door.gateway.id,
        url=door.url,
        ticket=uploads.seal(signer, ticket),
        key_pin=door.key_pin,
        max_bytes=ticket.max_bytes,
        expires_at=ticket.expires_at,
    )


def doors(session: Session, account_id: AccountId, address: str) -> Iterator[Door]:
    """Each gateway that serves the account, as a caller at an address reaches it."""
    serving = [g for g in gateways.serving_gateways(session, account_id) if g.enrolled_at]
    states = gateways.states(session, [gateway.id for gateway in serving])
    for gateway in serving:
        networks: Sequence[str] = ()
        if gateway.site_id is not None:
            networks = sites.get_site(session, account_id, gateway.site_id).networks
        yield door_of(gateway, states.get(gateway.id), networks, address)


def door_of(
    gateway: Gateway, state: GatewayState | None, networks: Sequence[str], address: str
) -> Door:
    """Say how a caller reaches a gateway's door; pure.

    A door with a ``public_url`` is for everybody. One on the loopback is for callers on the same
    machine. Where the gateway's site names its networks, the caller must be in one of them.
    """
    setting = gateway.services.get(SERVICE) or {"enabled": False}
    refusal, pin = _how_it_is(setting, state)
    if refusal:
        return Door(gateway, refusal=refusal)
    public = str(setting.get("options", {}).get("public_url", ""))
    if public.startswith("https://"):
        return Door(gateway, public.rstrip("/") + UPLOAD_PATH, pin)
    refusal = _unreachable(setting, networks, address)
    host = _host(gateway, setting)
    if not host and not refusal:
        refusal = "listens everywhere and has no name: give it a trusted host"
    url = f"https://{host}:{setting.get('port') or DEFAULT_PORT}{UPLOAD_PATH}"
    return Door(gateway, "" if refusal else url, pin, refusal)


def _how_it_is(setting: dict[str, Any], state: GatewayState | None) -> tuple[str, str]:
    """Why a door takes nothing, and the pin of its key."""
    if not setting.get("enabled", True):
        return "does not run the service api", ""
    if state is None or state.presence != "here":
        return "is not connected", ""
    health = state.health.get("services", {}).get(SERVICE, {})
    pin = str(health.get("figures", {}).get("key_pin", ""))
    if not health.get("ok") or not pin:
        return str(health.get("says") or "has not said yet that it is ready"), ""
    return "", pin


def _unreachable(setting: dict[str, Any], networks: Sequence[str], address: str) -> str:
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return "cannot be reached from an unknown address"
    if _is_loopback(str(setting.get("host", ""))):
        return "" if caller.is_loopback else "is reached from its own machine alone"
    if caller.is_loopback or not networks:
        return ""
    is_near = any(caller in ipaddress.ip_network(network) for network in networks)
    return "" if is_near else f"is not in a network that {address} is in"


def _host(gateway: Gateway, setting: dict[str, Any]) -> str:
    host = str(setting.get("host", ""))
    if host in _ANYWHERE:
        return str(gateway.trusted_hosts[0]) if gateway.trusted_hosts else ""
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _named(
    session: Session, account_id: AccountId, new: NewUpload, user_id: UserId | None
) -> tuple[Queue, User]:
    field = "queue_id"
    try:
        queue = queues.get_queue(session, account_id, new.queue_id)
        field = "user_id"
        named = new.user_id or user_id
        if named is None:
            raise InvalidError(field, "is needed: a key is nobody, and a job is somebody's")
        return queue, users.get_user(session, tenants.account(account_id), named)
    except NotFoundError as error:
        raise InvalidError(field, str(error)) from None


def _check_may_print(session: Session, account_id: AccountId, queue: Queue, user: User) -> None:
    if not user.enabled:
        raise InvalidError("user_id", "is locked")
    if not queue.user_ids and not queue.group_ids:
        return
    held = {group.id for group in groups.list_of_user(session, account_id, user.id)}
    if user.id not in queue.user_ids and not held & set(queue.group_ids):
        raise InvalidError("user_id", "may not print to this queue")


def _choose(found: Sequence[Door], queue: Queue) -> Door:
    for door in found:
        if not door.refusal:
            return door
    if not found:
        raise ConflictError("no gateway serves this account yet, so nothing can take the document")
    reasons = "; ".join(f"{door.gateway.name} {door.refusal}" for door in found)
    raise ConflictError(
        "no gateway that you can reach takes uploads (%(reasons)s); "
        "send the document by IPP to the queue %(queue)s instead",
        reasons=reasons,
        queue=queue.path,
    )
