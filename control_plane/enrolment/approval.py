"""A box with a right code waits until a person has compared its key, where an account wants that.

The code is used up by its first redemption. From then on the same box, known by its key, asks
again with it until a person has decided or a day is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.enrolment import service as enrolment
from control_plane.enrolment.models import EnrolmentRequest, GatewayCode
from control_plane.enrolment.service import Enrolled, EnrolmentRefusedError
from control_plane.errors import ConflictError, NotFoundError
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.tenants import Tenant, from_text
from control_plane.vault import Vault
from shared.crypto import authority
from shared.crypto.authority import Authority
from shared.enrolment_code import hash_secret
from shared.ids import GatewayId
from shared.messages.enrolment import REFUSED_BY_A_PERSON, WAITED_TOO_LONG, EnrolRequest

WAIT: Final = timedelta(days=1)
_KEPT: Final = timedelta(days=30)  # so long a box is told why it was not let in
_MOST_TEXT: Final = 200  # of what a box says of itself


@dataclass(frozen=True, slots=True)
class Waiting:
    """A box that is to ask again."""

    gateway: Gateway
    key_fingerprint: str
    expires_at: datetime


def ask(
    session: Session, issuer: Authority, request: EnrolRequest, source: str, *, vault: Vault
) -> Enrolled | Waiting:
    """Redeem a code, or ask again with one that was redeemed by this box and waits.

    Raises:
        EnrolmentRefusedError: The code is not good, is another box's, or a person refused.
        CertificateError: The signing request or the sealing key is none.
    """
    now = utc_now()
    waits = session.get(EnrolmentRequest, hash_secret(request.secret))
    if waits is not None:
        return _ask_again(session, issuer, waits, request, source, vault=vault)
    gateway = enrolment.redeem(session, request.secret, now)
    if not _needs_approval(session, gateway):
        return enrolment.admit(session, issuer, gateway, request, source, vault=vault)
    enrolment.check_sealing_key(request.sealing_key)
    waits = EnrolmentRequest(
        code_hash=hash_secret(request.secret),
        gateway_id=gateway.id,
        key_fingerprint=_key_of(request),
        sealing_key=request.sealing_key,
        host_name=request.host_name[:_MOST_TEXT],
        source=source,
        asked_at=now,
        expires_at=now + WAIT,
        decided_at=None,
        is_approved=None,
    )
    session.add(waits)
    session.flush()
    by = Actor("gateway", gateway.id, gateway.name, source)
    _audit(session, gateway, waits, "gateway.box-waits", by)
    return Waiting(gateway, waits.key_fingerprint, waits.expires_at)


def list_waiting(
    session: Session, tenant: Tenant, gateway_id: GatewayId | None = None
) -> Sequence[EnrolmentRequest]:
    """List boxes that wait for a decision about gateways of one's own, the oldest first."""
    query = (
        select(EnrolmentRequest)
        .join(Gateway, Gateway.id == EnrolmentRequest.gateway_id)
        .where(
            Gateway.tenant == str(tenant),
            EnrolmentRequest.decided_at.is_(None),
            EnrolmentRequest.expires_at > utc_now(),
        )
        .order_by(EnrolmentRequest.asked_at)
    )
    if gateway_id is not None:
        gateways.get_own(session, tenant, gateway_id)
        query = query.where(EnrolmentRequest.gateway_id == gateway_id)
    return [row for row in session.scalars(query) if not _was_revoked(session, row)]


def decide(
    session: Session,
    tenant: Tenant,
    gateway_id: GatewayId,
    key_fingerprint: str,
    by: Actor,
    *,
    approve: bool,
) -> EnrolmentRequest:
    """Approve or refuse the box with this key; the code stays used up either way.

    Raises:
        NotFoundError: There is no such gateway of one's own, or no such box.
        ConflictError: Somebody has decided, or the box has waited too long.
    """
    gateway = gateways.get_own(session, tenant, gateway_id)
    found = session.scalars(
        update(EnrolmentRequest)
        .where(
            EnrolmentRequest.gateway_id == gateway.id,
            EnrolmentRequest.key_fingerprint == key_fingerprint,
            EnrolmentRequest.decided_at.is_(None),
            EnrolmentRequest.expires_at > utc_now(),
        )
        .values(decided_at=utc_now(), is_approved=approve)
        .returning(EnrolmentRequest)
    ).one_or_none()
    if found is None:
        raise _why_not(session, gateway, key_fingerprint)
    if approve and _was_revoked(session, found):
        raise ConflictError("this gateway was revoked after the box asked; make a new code")
    event = "gateway.box-approved" if approve else "gateway.box-refused"
    _audit(session, gateway, found, event, by)
    return found


def _ask_again(
    session: Session,
    issuer: Authority,
    waits: EnrolmentRequest,
    request: EnrolRequest,
    source: str,
    *,
    vault: Vault,
) -> Enrolled | Waiting:
    gateway = gateways.get_by_id(session, waits.gateway_id)
    code = session.get_one(GatewayCode, waits.code_hash)
    ours = (waits.key_fingerprint, waits.sealing_key)
    if (_key_of(request), request.sealing_key) != ours:
        raise EnrolmentRefusedError("code used", gateway.id)
    if (gateway.tenant, gateway.site_id) != (code.tenant, code.site_id):
        raise EnrolmentRefusedError("gateway changed hands", gateway.id)
    if waits.is_approved is False:
        raise EnrolmentRefusedError("box refused", gateway.id, told=REFUSED_BY_A_PERSON)
    if waits.expires_at <= utc_now():
        raise EnrolmentRefusedError("waited too long", gateway.id, told=WAITED_TOO_LONG)
    if _was_revoked(session, waits):
        raise EnrolmentRefusedError("gateway revoked", gateway.id)
    if not waits.is_approved:
        return Waiting(gateway, waits.key_fingerprint, waits.expires_at)
    again = enrolment.admit_again(session, issuer, gateway, request)
    return again or enrolment.admit(session, issuer, gateway, request, source, vault=vault)


def forget_old(session: Session) -> int:
    """Erase requests that were decided or given up long ago; the audit keeps what was done."""
    gone = session.execute(
        delete(EnrolmentRequest).where(EnrolmentRequest.expires_at < utc_now() - _KEPT)
    )
    return cast("CursorResult[Any]", gone).rowcount


def _needs_approval(session: Session, gateway: Gateway) -> bool:
    account_id = from_text(gateway.tenant).account_id
    return (
        account_id is not None and accounts.get_account(session, account_id).gateways_need_approval
    )


def _key_of(request: EnrolRequest) -> str:
    return authority.key_fingerprint(authority.requested_key(request.signing_request.encode()))


def _was_revoked(session: Session, waits: EnrolmentRequest) -> bool:
    revoked_at = gateways.get_by_id(session, waits.gateway_id).revoked_at
    return revoked_at is not None and revoked_at > waits.asked_at


def _why_not(session: Session, gateway: Gateway, key_fingerprint: str) -> Exception:
    known = session.scalars(
        select(EnrolmentRequest)
        .where(
            EnrolmentRequest.gateway_id == gateway.id,
            EnrolmentRequest.key_fingerprint == key_fingerprint,
        )
        .limit(1)
    ).one_or_none()
    if known is None:
        return NotFoundError("box", key_fingerprint)
    if known.decided_at is not None:
        return ConflictError("somebody has decided about this box already")
    return ConflictError("this box has waited too long; make a new code")


def _audit(
    session: Session, gateway: Gateway, waits: EnrolmentRequest, event: str, by: Actor
) -> None:
    audit.record(
        session, from_text(gateway.tenant), event, by, subject_kind="gateway",
        subject_id=gateway.id,
        detail={
            "name": gateway.name,
            "key_fingerprint": waits.key_fingerprint,
            "host_name": waits.host_name,
            "source": waits.source,
        },
    )  # fmt: skip
