"""Keeps the running broker's roles as the database has them: admitted in, revoked out.

At each connection the broker is asked whom it knows, since it may have forgotten everything or
have been told by another primary; what differs from the database is put right. Several keepers at
one broker do no harm: what one has done already is refused to the other, and both go on.

Revocation is four things at once, since each alone leaves a door open: the revocation list, the
signal to read it, the role removed, and the client thrown off (removing the client does that).
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from control_plane.broker import config
from control_plane.database import Database
from control_plane.enrolment import service as enrolment
from control_plane.primaries import service as primaries
from shared.ids import GatewayId, is_id
from shared.messages import codec
from shared.messages.codec import MessageError

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.5
_AT_ONCE: Final = 100
_ANSWER_SECONDS: Final = 5.0
_NAMES_AT_ONCE: Final = 4_000  # of a list; a packet holds 512 KiB
# Names that we give; what else a broker knows is its owner's business.
_OURS: Final = re.compile(r"(primary|broker)-[0-9a-f]{16}")


class DatabaseAdmission:
    """Who may connect, as the database says."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def admitted(self) -> Sequence[GatewayId]:
        with self._database.reading() as session:
            return enrolment.admitted(session)

    def processes(self) -> Sequence[str]:
        """Name the primaries, and the keepers of brokers."""
        with self._database.reading() as session:
            return [process.name for process in primaries.list_living(session)]

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
        name: str,
    ) -> None:
        self._admission = admission
        self._publish = publish
        self._revoke = revoke
        self._name = name
        self._known: set[str] | None = None  # names that the broker lets in; None: not heard yet
        self._list = _List()
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
        """There is a new connection: ask the broker whom it knows."""
        self._list = _List()
        self._known = None
        self._wake.set()

    def on_answer(self, payload: bytes) -> None:
        """Take what the broker answers on its control topic."""
        try:
            answers = codec.loads(payload).get("responses", [])
        except (MessageError, AttributeError):
            return
        for answer in answers:
            if answer.get("error"):
                log.debug("the broker: %s: %s", answer.get("command"), answer["error"])
            elif answer.get("command") == "listClients" and self._list.take(answer):
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
        if self._known is None and not self._learn():
            return
        self._put_right()

    def _learn(self) -> bool:
        """Ask the broker whom it knows, name by name; True when it has said so."""
        asked = self._list
        if asked.is_complete:
            self._known = set(asked.names)
            return True
        if asked.is_due():
            self._say([asked.question()])
        return False

    def _put_right(self) -> None:
        assert self._known is not None
        known = self._known
        wanted = {*self._admission.admitted(), *self._admission.processes(), self._name}
        leaving = sorted(name for name in known - wanted if is_id(name) or _OURS.fullmatch(name))
        coming = sorted(wanted - known)
        if not leaving and not coming:
            return
        told = all(self._say(some) for some in _batches(_out(leaving), _AT_ONCE)) and all(
            self._say(some) for some in _batches(_in(coming), _AT_ONCE)
        )
        if told and self._known is known:
            self._known = (known | set(coming)) - set(leaving)

    def _say(self, commands: list[dict[str, Any]]) -> bool:
        return self._publish(config.CONTROL_TOPIC, codec.dumps({"commands": commands}))


class _List:
    """The names that a broker knows, asked for in pieces; an old question's answer is none."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.is_complete = False
        self._mark = secrets.token_hex(8)
        self._asked_at: float | None = None

    def is_due(self) -> bool:
        now = time.monotonic()
        return self._asked_at is None or now - self._asked_at > _ANSWER_SECONDS

    def question(self) -> dict[str, Any]:
        if self._asked_at is not None:
            log.warning(
                "the broker does not say whom it knows: it needs the dynamic-security plugin, and"
                " this primary the role %r (see docs/operations.md)", config.PRIMARY_ROLE,
            )  # fmt: skip
        self._asked_at = time.monotonic()
        return {
            "command": "listClients", "verbose": False, "count": _NAMES_AT_ONCE,
            "offset": len(self.names), "correlationData": f"{self._mark}/{len(self.names)}",
        }  # fmt: skip

    def take(self, answer: dict[str, Any]) -> bool:
        """Take a piece; True where it was the one that was asked for."""
        if answer.get("correlationData") != f"{self._mark}/{len(self.names)}":
            return False
        data = answer.get("data") or {}
        names = [str(name) for name in data.get("clients") or ()]
        self.names += names
        self.is_complete = len(self.names) >= int(data.get("totalCount", 0)) or not names
        self._asked_at = None
        return True


def _out(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        yield {"command": "deleteClient", "username": name}
        if is_id(name):
            yield {"command": "deleteRole", "rolename": config.role_name(GatewayId(name))}


def _in(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        if is_id(name):
            yield {"command": "createRole", **config.gateway_role(GatewayId(name))}
            yield {"command": "createClient", **config.gateway_client(GatewayId(name))}
        else:
            yield {"command": "createRole", **config.primary_role()}
            yield {"command": "createClient", **config.primary_client(name)}


def _batches(commands: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while some := list(islice(commands, size)):
        yield some
