"""The primaries of one database: what they have in common, who lives, and whose gateways are whose.

A primary moves its row on every second while it lives. One that serves (it is connected to the
broker) brings changes to the gateways that said Hello to it; when it serves no more, another one
takes them over. All moments here are the database's own: clocks of two machines may differ.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.errors import SpoolhouseError
from control_plane.gateways import service as gateways
from control_plane.pki.keys import KeyRing
from control_plane.primaries.models import Installation, PrimaryProcess
from control_plane.upsert import insert_for
from control_plane.vault import Vault
from shared.crypto import authority
from shared.ids import GatewayId

BEAT_SECONDS: Final = 1.0
SERVES_FOR: Final = timedelta(seconds=5)
# So long the broker lets in a primary that says nothing: its database may be away.
LIVES_FOR: Final = timedelta(minutes=10)
_ONLY: Final = 1
_FOREIGN: Final = (
    "the keys in this state directory belong to another installation: copy the folder keys from"
    " the state directory of a primary of this database"
)


class ForeignKeysError(SpoolhouseError):
    """This state directory has the keys of another installation."""


def new_name(kind: str) -> str:
    """Name a process: two with one name would throw each other off the broker."""
    return f"{kind}-{secrets.token_hex(8)}"


def join(session: Session, keys: KeyRing, vault: Vault) -> Installation:
    """Find what all primaries have in common; the first one makes it.

    Raises:
        ForeignKeysError: The keys here are not those that this database was begun with.
    """
    ours = {
        "authority": authority.fingerprint(keys.authority.pem).hex(),
        "data_key": vault.derive("installation").hex(),
    }
    begin = insert_for(session, Installation).values(
        id=_ONLY, share_group=secrets.token_hex(16), created_at=utc_now(), **ours
    )
    session.execute(begin.on_conflict_do_nothing())
    found = session.get_one(Installation, _ONLY, populate_existing=True)
    if (found.authority, found.data_key) != (ours["authority"], ours["data_key"]):
        raise ForeignKeysError(_FOREIGN)
    return found


def check_authority(session: Session, pem: bytes) -> None:
    """Compare an authority with the one of this database; one that is not begun has none yet.

    Raises:
        ForeignKeysError: It is another one.
    """
    found = session.get(Installation, _ONLY)
    if found is None:
        raise ForeignKeysError("no primary has run on this database yet: start one first")
    if found.authority != authority.fingerprint(pem).hex():
        raise ForeignKeysError(_FOREIGN)


def now(session: Session) -> datetime:
    """Tell the database's time."""
    if session.get_bind().dialect.name == "sqlite":
        return utc_now()  # One machine, one clock.
    found: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found


def beat(session: Session, name: str, kind: str, *, serves: bool) -> None:
    """Say that a process lives, and whether it is connected to the broker."""
    moment = now(session)
    values = {
        "expires_at": moment + LIVES_FOR,
        "serves_until": moment + SERVES_FOR if serves else None,
    }
    row = insert_for(session, PrimaryProcess).values(
        name=name, host=socket.gethostname(), kind=kind, started_at=moment, **values
    )
    session.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))


def leave(session: Session, name: str) -> None:
    """Say that a process ends; its gateways are taken over at once."""
    session.execute(delete(PrimaryProcess).where(PrimaryProcess.name == name))


def list_living(session: Session) -> Sequence[PrimaryProcess]:
    """List the processes that the broker lets in, the oldest first."""
    return session.scalars(
        select(PrimaryProcess)
        .where(PrimaryProcess.expires_at > now(session))
        .order_by(PrimaryProcess.started_at, PrimaryProcess.name)
    ).all()


def count_serving(session: Session) -> int:
    """Count the primaries that are connected to the broker."""
    query = select(func.count()).select_from(PrimaryProcess)
    return session.scalar(query.where(PrimaryProcess.serves_until > now(session))) or 0


def is_any_alive(session: Session) -> bool:
    """Whether a process has spoken in the last seconds: nobody may change what is below it."""
    just_now = now(session) + LIVES_FOR - SERVES_FOR
    return bool(
        session.scalar(select(PrimaryProcess.name).where(PrimaryProcess.expires_at > just_now))
    )


def take_over(session: Session, name: str) -> Sequence[GatewayId]:
    """Make the gateways of primaries that serve no more one's own; returns those that are here."""
    serving = select(PrimaryProcess.name).where(PrimaryProcess.serves_until > now(session))
    return gateways.take_over(session, name, session.scalars(serving).all())


def forget_dead(session: Session) -> int:
    """Erase the processes that are long gone."""
    gone = session.scalars(
        delete(PrimaryProcess)
        .where(PrimaryProcess.expires_at <= now(session))
        .returning(PrimaryProcess.name)
    )
    return len(gone.all())


def forget_all(session: Session) -> None:
    """After a restore: whoever lived when the backup was made does not any more."""
    session.execute(delete(PrimaryProcess))
    session.execute(update(Installation).values(share_group=secrets.token_hex(16)))
