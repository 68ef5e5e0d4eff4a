"""A repeated POST with the same Idempotency-Key gets the same answer, and does nothing again."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.errors import ConflictError
from control_plane.security.caller import Caller
from control_plane.security.models import IdempotencyKey
from control_plane.vault import Vault

KEPT: Final = timedelta(days=1)
MAX_KEY: Final = 200


def mark_of(vault: Vault, request: bytes) -> str:
    """What is kept of a request: by a key outside the database, so nobody can try what it was."""
    return hmac.digest(vault.derive("idempotency"), request, "sha256").hex()


def find(session: Session, caller: Caller, key: str, mark: str) -> IdempotencyKey | None:
    """The answer that was given before.

    Raises:
        ConflictError: The key was used for another request.
    """
    row = session.get(IdempotencyKey, (str(caller.tenant), _who(caller), key))
    if row is not None and row.request_hash != mark:
        raise ConflictError("this Idempotency-Key was used for another request", "Idempotency-Key")
    return row


def keep(session: Session, caller: Caller, key: str, mark: str, *, status: int, body: Any) -> None:
    """Keep an answer, in the transaction of what it answers."""
    session.add(
        IdempotencyKey(
            tenant=str(caller.tenant),
            caller=_who(caller),
            key=key,
            request_hash=mark,
            status=status,
            body=body,
            created_at=utc_now(),
        )
    )
    session.flush()


def forget_old(session: Session) -> None:
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < utc_now() - KEPT))


def _who(caller: Caller) -> str:
    return f"{caller.actor.kind}:{caller.actor.id}"
