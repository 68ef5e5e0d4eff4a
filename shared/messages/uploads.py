"""Upload tickets: the primary lets one document in at one gateway, for one person and queue.

A ticket is ``UploadTicket``, signed by the key that gateways believe (``shared.crypto.signing``)
over a topic of its own for each gateway, in base64url. A gateway checks it without asking anybody,
so it works with the line cut. ``job_id`` is the job that it becomes: a gateway has no second job
of one id, which makes a ticket good once.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.crypto.signing import SignatureError, Signer, Verifier
from shared.ids import AccountId, GatewayId, JobId, QueueId, UserId
from shared.messages import codec
from shared.messages.codec import MessageError

VERSION: Final = 1
UPLOAD_PATH: Final = "/upload/v1"
LIFETIME: Final = timedelta(minutes=15)
MOST_BYTES: Final = 4 << 30
LONGEST: Final = 4096  # of a ticket as it travels


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """What may be brought, by whom and until when."""

    v: int
    job_id: JobId
    gateway_id: GatewayId
    account_id: AccountId
    user_id: UserId
    queue_id: QueueId
    title: str
    document_format: str  # a media type; application/octet-stream: the bytes tell
    max_bytes: int
    issued_at: datetime
    expires_at: datetime


def seal(signer: Signer, ticket: UploadTicket) -> str:
    """Write a ticket for its gateway."""
    signed = signer.sign(_topic(ticket.gateway_id), ticket)
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def read(verifier: Verifier, gateway_id: GatewayId, text: str) -> UploadTicket:
    """Read a ticket that is for this gateway.

    Raises:
        SignatureError: It is none of the primary's, or for another gateway.
    """
    if len(text) > LONGEST:
        raise SignatureError("it is too long")
    try:
        payload = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        ticket = codec.from_plain(UploadTicket, verifier.open(_topic(gateway_id), payload))
    except (binascii.Error, ValueError, MessageError) as error:
        raise SignatureError("it cannot be read") from error
    if ticket.gateway_id != gateway_id:
        raise SignatureError("it is for another gateway")
    return ticket


def _topic(gateway_id: GatewayId) -> str:
    # No topic of MQTT: a ticket is no message, and no message a ticket.
    return f"upload-ticket/{gateway_id}"
