"""Accounts' secrets on their way to the gateways that serve them, sealed to each one's own key."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from control_plane.feed import service
from shared.crypto import sealing, signing
from shared.ids import AccountId, GatewayId
from shared.messages import codec
from shared.messages.records import SecretRecord, gateway_stream, secret_context

Named = tuple[str, int]


def publish_secret(
    session: Session,
    gateway_id: GatewayId,
    sealing_key: bytes,
    account_id: AccountId,
    *,
    purpose: str,
    version: int,
    secret: bytes,
) -> bool:
    """Give a gateway a secret; one that is sealed to its present key already is left alone."""
    record_id = f"{account_id}/{purpose}/{version}"
    sealed_to = signing.key_id(sealing_key).hex()
    known = service.find_row(session, gateway_stream(gateway_id), "secret", record_id)
    if known is not None and known.data.get("sealed_to") == sealed_to:
        return False
    sealed = sealing.seal(sealing_key, secret, secret_context(record_id))
    record = SecretRecord(record_id, account_id, purpose, version, sealed)
    data = {**codec.to_plain(record), "sealed_to": sealed_to}
    return service.put(session, gateway_stream(gateway_id), [("secret", record_id, data)]) == 1


def retract_others(
    session: Session, gateway_id: GatewayId, account_id: AccountId, kept: Collection[Named]
) -> None:
    """Take back what is none of an account's secrets any more, named by purpose and version."""
    stream = gateway_stream(gateway_id)
    ids = {f"{account_id}/{purpose}/{version}" for purpose, version in kept}
    for row in service.list_rows(session, stream, "secret", prefix=f"{account_id}/"):
        if row.id not in ids:
            service.retract(session, stream, "secret", row.id)


def retract_secrets(session: Session, gateway_id: GatewayId, account_id: AccountId) -> int:
    """Take an account's secrets back from a gateway that no longer serves it."""
    stream = gateway_stream(gateway_id)
    rows = service.list_rows(session, stream, "secret", prefix=f"{account_id}/")
    return sum(service.retract(session, stream, "secret", row.id) for row in rows)
