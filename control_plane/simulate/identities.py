"""Who the simulated gateways are: real certificates, from the service that every gateway asks.

Either each enrols over HTTPS by a code of its own, as a box does, or (``bulk``) code, signing
request and certificate go through the same service in this process, many in a transaction.
Keys are kept in ``<state>/simulate``, so that a second run finds its gateways again.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from control_plane import tenants
from control_plane.audit.actor import Actor
from control_plane.database import Database, utc_now
from control_plane.enrolment import service as enrolment
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.gateways.schemas import NewGateway
from control_plane.pki.keys import KeyRing
from control_plane.simulate.work import House
from control_plane.vault import Vault
from shared.crypto import authority, sealing
from shared.crypto.authority import CertificateError
from shared.enrolment_code import EnrolmentCode
from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.codec import MessageError
from shared.messages.enrolment import (
    AUTHORITY_PATH,
    ENROL_PATH,
    MAX_BYTES,
    VERSION,
    EnrolAnswer,
    EnrolRequest,
)

MAKER: Final = Actor("cli", name="simulate")
_AT_ONCE: Final = 50
_HTTPS_AT_ONCE: Final = 8
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=10)


class EnrolmentError(Exception):
    """A simulated gateway did not become one; the text says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One gateway: its id, its certificate's file (with the key), and whom it believes."""

    gateway_id: GatewayId
    file: Path
    authority: str = field(repr=False)  # PEM
    signing_keys: tuple[bytes, ...] = ()

    def tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.authority)
        context.load_cert_chain(self.file)
        return context


@dataclass(frozen=True, slots=True)
class Office:
    """What is needed to make gateways of a primary."""

    database: Database
    vault: Vault
    keys: KeyRing
    folder: Path
    url: str

    def identity(self, gateway_id: GatewayId) -> Identity:
        pem = self.keys.authority.pem.decode()
        signing = (self.keys.signer.public_key,)
        return Identity(gateway_id, self.folder / f"{gateway_id}.pem", pem, signing)


async def enrol_fleet(
    office: Office, houses: Sequence[House], count: int, *, over_https: bool
) -> tuple[list[Identity], int]:
    """Make ``count`` gateways, dealt out to the accounts; returns them and how many are new."""
    office.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fleet, fresh = list[Identity](), 0
    for first in range(0, count, _AT_ONCE):
        numbers = range(first, min(count, first + _AT_ONCE))
        known, coming = await asyncio.to_thread(_prepare, office, houses, numbers)
        if over_https:
            await _enrol_over_https(office, coming)
        else:
            await asyncio.to_thread(_enrol_in_bulk, office, coming)
        fresh += len(coming)
        fleet += [office.identity(gateway_id) for gateway_id in known]
    return fleet, fresh


_Coming = Sequence[tuple[GatewayId, EnrolmentCode]]


def _prepare(
    office: Office, houses: Sequence[House], numbers: Iterable[int]
) -> tuple[list[GatewayId], _Coming]:
    """Find or make gateways, and codes for those that are not enrolled, or whose key is gone."""
    found, coming = list[GatewayId](), list[tuple[GatewayId, EnrolmentCode]]()
    with office.database.writing() as session:
        for number in numbers:
            tenant = tenants.account(houses[number % len(houses)].account_id)
            name = f"Simulated {number + 1:05}"
            gateway = gateways.find_by_name(session, tenant, name) or gateways.create(
                session, tenant, NewGateway(name=name), MAKER, vault=office.vault
            )
            found.append(gateway.id)
            if not _is_usable(office, gateway):
                code, _ = enrolment.create_code(
                    session, gateway, MAKER, url=office.url,
                    authority_pem=office.keys.authority.pem,
                )  # fmt: skip
                coming.append((gateway.id, code))
    return found, coming


def _is_usable(office: Office, gateway: Gateway) -> bool:
    file = office.identity(gateway.id).file
    if gateway.enrolled_at is None or not file.exists():
        return False
    pem = file.read_bytes()
    certificate = authority.certificate_from_pem(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    return (
        office.keys.authority.has_issued(certificate)
        and certificate.not_valid_after_utc > utc_now()
    )


def _enrol_in_bulk(office: Office, coming: _Coming) -> None:
    asked = [_request(code) for _, code in coming]
    with office.database.writing() as session:
        certificates = [
            enrolment.enrol(
                session, office.keys.authority, request, "simulate", vault=office.vault
            )[1]
            for request, _ in asked
        ]
    for (gateway_id, _), (_, key), certificate in zip(coming, asked, certificates, strict=True):
        _keep(office.identity(gateway_id), key, certificate)


async def _enrol_over_https(office: Office, coming: _Coming) -> None:
    gate = asyncio.Semaphore(_HTTPS_AT_ONCE)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as http:
        await asyncio.gather(*(
            _enrol_one(office, http, gate, gateway_id, code) for gateway_id, code in coming
        ))  # fmt: skip


async def _enrol_one(
    office: Office,
    http: aiohttp.ClientSession,
    gate: asyncio.Semaphore,
    gateway_id: GatewayId,
    code: EnrolmentCode,
) -> None:
    request, key = await asyncio.to_thread(_request, code)
    async with gate:
        answer = await _ask(http, code, request)
    if answer.gateway_id != gateway_id:
        raise EnrolmentError(f"the code of gateway {gateway_id} made gateway {answer.gateway_id}")
    _keep(office.identity(gateway_id), key, answer.certificate.encode())


async def _ask(
    http: aiohttp.ClientSession, code: EnrolmentCode, request: EnrolRequest
) -> EnrolAnswer:
    """Compare the authority with the code's pin, and enrol over TLS that trusts it alone."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    try:
        async with http.get(code.url + AUTHORITY_PATH, ssl=unchecked) as response:
            pem = await response.content.read(MAX_BYTES)
        if authority.fingerprint(pem) != code.pin:
            raise EnrolmentError(f"{code.url} is not the primary of this state directory")
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.load_verify_locations(cadata=pem.decode())
        body: Any = codec.dumps(codec.to_plain(request))
        headers = {"Content-Type": "application/json"}
        async with http.post(
            code.url + ENROL_PATH, data=body, headers=headers, ssl=trusting
        ) as response:
            text = await response.content.read(MAX_BYTES * 4)
            if response.status != 200:  # noqa: PLR2004
                raise EnrolmentError(f"{code.url} answers {response.status}: {text[:200]!r}")
        return codec.from_plain(EnrolAnswer, codec.loads(text))
    except (aiohttp.ClientError, OSError, TimeoutError, CertificateError, MessageError) as error:
        says = str(error) or type(error).__name__
        raise EnrolmentError(f"enrolment at {code.url} failed: {says}") from None


def _request(code: EnrolmentCode) -> tuple[EnrolRequest, bytes]:
    """Make the keys of a box and what it asks for."""
    key, sealing_key = authority.new_key(), sealing.new_key()
    request = EnrolRequest(
        v=VERSION,
        secret=code.secret,
        signing_request=authority.signing_request(key, "simulated gateway").decode(),
        sealing_key=sealing.public_key(sealing_key),
        agent_version="simulated",
        host_name="simulated",
    )
    return request, authority.key_to_pem(key)


def _keep(identity: Identity, key: bytes, certificate: bytes) -> None:
    beside = identity.file.with_suffix(".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + certificate)
    beside.replace(identity.file)
