"""The HTTPS side of enrolment; public, since who asks has no certificate yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from flask import Blueprint, Response, request

from control_plane.database import Database, utc_now
from control_plane.enrolment import approval, service
from control_plane.enrolment.approval import Waiting
from control_plane.enrolment.service import EXPIRED_FOR, EnrolmentRefusedError
from control_plane.errors import NotFoundError, TooManyError
from control_plane.pki.keys import KeyRing
from control_plane.security.rates import Rates
from control_plane.vault import Vault
from shared.crypto.authority import CertificateError
from shared.messages import codec
from shared.messages.codec import MessageError
from shared.messages.enrolment import (
    AUTHORITY_PATH,
    ENROL_PATH,
    MAX_BYTES,
    RENEW_PATH,
    EnrolAnswer,
    EnrolRequest,
    RenewRequest,
    WaitAnswer,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the routes need."""

    database: Database
    keys: KeyRing
    vault: Vault
    broker_address: Callable[[], tuple[str, int]]
    on_enrolled: Callable[[], None] = lambda: None  # the broker is to be told
    expired_for: timedelta = EXPIRED_FOR
    # Refusals per address that are answered one by one, and audited.
    refusals: Rates = field(default_factory=lambda: Rates(burst=30, per_second=0.5))


def create_blueprint(enrolment: Enrolment) -> Blueprint:
    """Make the routes; they need no session, no CSRF token, and change nothing by GET."""
    blueprint = Blueprint("enrolment", __name__)

    @blueprint.get(AUTHORITY_PATH)
    def authority() -> Response:
        return Response(enrolment.keys.authority.pem, mimetype="application/x-pem-file")

    @blueprint.post(ENROL_PATH)
    def enrol() -> Response:
        return _answer(enrolment, EnrolRequest, _enrol)

    @blueprint.post(RENEW_PATH)
    def renew() -> Response:
        return _answer(enrolment, RenewRequest, _renew)

    return blueprint


def _answer(
    enrolment: Enrolment, kind: type[T], act: Callable[[Enrolment, T], service.Enrolled | Waiting]
) -> Response:
    try:
        done = act(enrolment, _read(kind))
    except (MessageError, CertificateError) as error:
        return _problem(400, str(error))
    except (EnrolmentRefusedError, NotFoundError) as error:
        told = None
        if isinstance(error, EnrolmentRefusedError):
            told = error.told
            try:
                enrolment.refusals.admit(_source())
            except TooManyError:  # Guessing fills no audit.
                return _problem(429, "refused too often; wait a minute")
            with enrolment.database.writing() as session:
                service.audit_refusal(session, error, _source())
        return _problem(403, "this code or certificate is not accepted", reason=told)
    if isinstance(done, Waiting):
        wait = WaitAnswer(done.key_fingerprint, done.expires_at, done.gateway.name)
        return _json(codec.dumps(codec.to_plain(wait)), 202)
    return _admitted(enrolment, done)


def _admitted(enrolment: Enrolment, enrolled: service.Enrolled) -> Response:
    gateway, certificate = enrolled
    enrolment.on_enrolled()
    host, port = enrolment.broker_address()
    answer = EnrolAnswer(
        gateway_id=gateway.id,
        certificate=certificate.decode(),
        authority=enrolment.keys.authority.pem.decode(),
        broker_host=host,
        broker_port=port,
        signing_keys=enrolment.keys.trusted,
        time=utc_now(),
        name=gateway.name,
    )
    return _json(codec.dumps(codec.to_plain(answer)), 200)


def _enrol(enrolment: Enrolment, asked: EnrolRequest) -> service.Enrolled | Waiting:
    with enrolment.database.writing() as session:
        return approval.ask(
            session, enrolment.keys.authority, asked, _source(), vault=enrolment.vault
        )


def _renew(enrolment: Enrolment, asked: RenewRequest) -> service.Enrolled:
    with enrolment.database.writing() as session:
        return service.renew(
            session, enrolment.keys.authority, asked, _source(), expired_for=enrolment.expired_for
        )


def _read(kind: type[T]) -> T:
    if (request.content_length or 0) > MAX_BYTES:
        raise MessageError("$", "too large")
    return codec.from_plain(kind, codec.loads(request.stream.read(MAX_BYTES)))


def _source() -> str:
    return request.remote_addr or ""


def _problem(status: int, title: str, *, reason: str | None = None) -> Response:
    said = {"title": title, "status": status}
    return _json(codec.dumps({**said, "reason": reason} if reason else said), status)


def _json(body: bytes, status: int) -> Response:
    return Response(body, status=status, mimetype="application/json")
