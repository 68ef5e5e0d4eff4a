"""What is said over HTTPS to become a gateway, and to stay one.

``GET /enrol/v1/authority`` gives the authority's certificate (PEM), to be compared with the pin in
the code. ``POST /enrol/v1`` takes ``EnrolRequest``, ``POST /enrol/v1/renew`` takes
``RenewRequest``; both answer ``EnrolAnswer``, or 403 with ``{"title": "<why>"}``. Where an account
wants a person to approve its gateways, ``POST /enrol/v1`` answers 202 with ``WaitAnswer``: the box
asks the same again until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.ids import GatewayId

VERSION: Final = 1
AUTHORITY_PATH: Final = "/enrol/v1/authority"
ENROL_PATH: Final = "/enrol/v1"
RENEW_PATH: Final = "/enrol/v1/renew"
RENEW_CONTEXT: Final = "spoolhouse-renew-1"
MAX_BYTES: Final = 32 * 1024
# Why a box that waited gets 403, in the field "reason".
REFUSED_BY_A_PERSON: Final = "refused-by-a-person"
WAITED_TOO_LONG: Final = "waited-too-long"


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """A box with a code wants to be a gateway; its keys never leave it."""

    v: int
    secret: bytes
    signing_request: str  # PEM, P-256
    sealing_key: bytes  # X25519 public key
    agent_version: str = ""
    host_name: str = ""


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """A gateway wants a new certificate; the old one may have expired.

    ``proof`` is the old key's signature (ECDSA, SHA-256, DER) over
    ``RENEW_CONTEXT || 0x00 || signing_request``.
    """

    v: int
    certificate: str  # PEM
    signing_request: str  # PEM
    proof: bytes


@dataclass(frozen=True, slots=True)
class EnrolAnswer:
    gateway_id: GatewayId
    certificate: str  # PEM
    authority: str  # PEM
    broker_host: str
    broker_port: int
    signing_keys: tuple[bytes, ...]  # Ed25519 public keys to trust
    time: datetime
    name: str = ""


@dataclass(frozen=True, slots=True)
class WaitAnswer:
    """The code is right; a person is to compare the key and approve it."""

    key_fingerprint: str  # hex SHA-256 of the public key that asks
    expires_at: datetime
    name: str = ""
