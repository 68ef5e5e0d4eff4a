"""Keeps the running broker's roles as the database has them: admitted in, revoked out.

Revocation is four things at once, since each alone leaves a door open: the revocation list, the
signal to read it, the role removed, and the client thrown off (removing the client does that).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from control_plane.broker import config
from control_plane.database import Database
from control_plane.enrolment import service as enrolment
from shared.ids import GatewayId
from shared.messages import codec

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.5
_AT_ONCE: Final = 100


class DatabaseAdmission:
    """Who may connect, as the database says."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.given: frozenset[GatewayId] = frozenset()  # what the broker began with

    def admitted(self) -> Sequence[GatewayId]:
        """List them for a broker that is being started."""
        found = self.look()
        self.given = frozenset(found)
        return found

    def look(self) -> Sequence[GatewayId]:
        with self._database.reading() as session:
            return enrolment.admitted(session)

    def revoked(self) -> Sequence[tuple[int, datetime]]:
        with self._database.reading() as session:
            return enrolment.revoked(session)


class RoleKeeper:
    """A thread that tells the broker what changed; woken at once by an enrolment."""

    def __init__(
        self,
        admission: DatabaseAdmission,
        publish: Callable[[str, bytes], bool],
        revoke: Callable[[], None],
    ) -> None:
        self._admission = admission
        self._publish = publish
        self._revoke = revoke
        self._known: set[GatewayId] | None = None
        self._revoked: frozenset[int] = frozenset()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="broker roles", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(5)

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def begin_anew(self) -> None:
        """The broker was started again, with what the database said then."""
        self._known = None
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(_LOOK_SECONDS)
            self._wake.clear()
            try:
                self._look()
            except SQLAlchemyError as error:
                log.warning("broker roles: %s", error)
            except Exception:
                log.exception("broker roles")

    def _look(self) -> None:
        revoked = frozenset(serial for serial, _ in self._admission.revoked())
        if revoked != self._revoked:
            self._revoke()
            self._revoked = revoked
        wanted = set(self._admission.look())
        known = set(self._admission.given) if self._known is None else self._known
        if wanted == known:
            return
        leaving, coming = sorted(known - wanted), sorted(wanted - known)
        if all(self._say(some) for some in _batches(_out(leaving), _AT_ONCE)) and all(
            self._say(some) for some in _batches(_in(coming), _AT_ONCE)
        ):
            self._known = wanted

    def _say(self, commands: list[dict[str, Any]]) -> bool:
        return self._publish(config.CONTROL_TOPIC, codec.dumps({"commands": commands}))


def _out(gateways: Iterable[GatewayId]) -> Iterator[dict[str, Any]]:
    for gateway_id in gateways:
        yield {"command": "deleteClient", "username": gateway_id}
        yield {"command": "deleteRole", "rolename": config.role_name(gateway_id)}


def _in(gateways: Iterable[GatewayId]) -> Iterator[dict[str, Any]]:
    for gateway_id in gateways:
        yield {"command": "createRole", **config.gateway_role(gateway_id)}
        yield {"command": "createClient", **config.gateway_client(gateway_id)}


def _batches(commands: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while some := list(islice(commands, size)):
        yield some
