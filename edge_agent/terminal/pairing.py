"""Which screens are paired with which printer; in the job store, beside the facts that tell it.

A one-time code is looked up in the replica, so pairing works with the line cut. The token lives
in the screen's cookie and here only as its hash. A terminal that the primary once knew and no
longer knows is revoked.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from edge_agent.identity.directory import Directory
from shared import secrets
from shared.clock import Clock, to_wire
from shared.ids import AccountId, PrinterId, ReaderId, TerminalId, new_id
from shared.messages.events import Fact, TerminalPaired

T = TypeVar("T")

MAX_NAME: Final = 60
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS terminals (
    id         TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    printer_id TEXT NOT NULL,
    reader_id  TEXT,
    name       TEXT NOT NULL,
    code_id    TEXT NOT NULL UNIQUE,   -- a code pairs once, for ever
    token_hash TEXT NOT NULL,
    paired_at  TEXT NOT NULL,
    seen       INTEGER NOT NULL DEFAULT 0,  -- the primary has told us of it
    revoked    INTEGER NOT NULL DEFAULT 0
)
"""


class Transaction(Protocol):
    """What is needed of a transaction of the job store."""

    @property
    def connection(self) -> sqlite3.Connection: ...
    def enqueue(self, fact: Fact) -> object: ...


class Submit(Protocol):
    """Do the work in one transaction of the job store; on disk when it returns."""

    def __call__(self, work: Callable[[Any], T], /) -> Awaitable[T]: ...


class PairingRefusedError(Exception):
    """The code pairs nothing; ``reason`` is for the audit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Pairing:
    """One paired screen."""

    id: TerminalId
    account_id: AccountId
    printer_id: PrinterId
    reader_id: ReaderId | None
    name: str
    token_hash: str
    seen: bool = False


class Pairings:
    """The paired screens of this gateway."""

    def __init__(self, directory: Directory, submit: Submit, clock: Clock) -> None:
        self._directory = directory
        self._submit = submit
        self._clock = clock
        self._paired: dict[str, Pairing] = {}

    async def load(self) -> None:
        self._paired = await self._submit(_load)
        await self.follow_directory()

    def __len__(self) -> int:
        return len(self._paired)

    def find(self, cookie: str) -> Pairing | None:
        """Whose cookie is it? ``<terminal id>.<token>``."""
        terminal_id, _dot, token = cookie.partition(".")
        pairing = self._paired.get(terminal_id)
        if pairing is None or not hmac.compare_digest(
            secrets.hash_token(token), pairing.token_hash
        ):
            return None
        return pairing if self._directory.account(pairing.account_id) is not None else None

    def printer_of(self, pairing: Pairing) -> PrinterId:
        """Tell at which printer a screen stands: the primary may have moved it since."""
        known = self._directory.terminal(pairing.account_id, pairing.id)
        return known.printer_id if known is not None else pairing.printer_id

    def is_paired(self, pairing: Pairing) -> bool:
        known = self._paired.get(pairing.id)
        return known is not None and known.token_hash == pairing.token_hash

    async def pair(self, code: str, name: str) -> tuple[Pairing, str]:
        """Pair a screen; returns it with its cookie, which is nowhere else.

        Raises:
            PairingRefusedError: The code is unknown, used or too old.
        """
        found = self._directory.terminal_code(secrets.hash_code(code)) if len(code) < 80 else None  # noqa: PLR2004
        if found is None:
            raise PairingRefusedError("unknown-code")
        account_id, record = found
        if record.expires_at <= self._clock.now():
            raise PairingRefusedError("expired-code")
        token = secrets.new_token()
        pairing = Pairing(
            TerminalId(new_id()),
            account_id,
            record.printer_id,
            record.reader_id,
            _printable(name) or "Terminal",
            secrets.hash_token(token),
        )
        at = self._clock.now()
        fact = TerminalPaired(
            terminal_id=pairing.id,
            account_id=account_id,
            code_id=record.id,
            printer_id=pairing.printer_id,
            reader_id=pairing.reader_id,
            name=pairing.name,
            at=at,
        )

        def write(tx: Transaction) -> None:
            tx.connection.execute(
                "INSERT INTO terminals VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
                (
                    pairing.id,
                    account_id,
                    pairing.printer_id,
                    pairing.reader_id,
                    pairing.name,
                    record.id,
                    pairing.token_hash,
                    to_wire(at),
                ),
            )
            tx.enqueue(fact)

        try:
            await self._submit(write)
        except sqlite3.IntegrityError:
            raise PairingRefusedError("used-code") from None
        self._paired[pairing.id] = pairing
        return pairing, f"{pairing.id}.{token}"

    async def follow_directory(self) -> list[Pairing]:
        """Note what the primary knows by now; returns the pairings that it revoked."""
        known = {
            pairing.id: self._directory.terminal(pairing.account_id, pairing.id) is not None
            for pairing in self._paired.values()
        }
        seen = [p for p in self._paired.values() if known[p.id] and not p.seen]
        revoked = [p for p in self._paired.values() if p.seen and not known[p.id]]
        if not seen and not revoked:
            return []

        def write(tx: Transaction) -> None:
            for pairing in seen:
                tx.connection.execute("UPDATE terminals SET seen=1 WHERE id=?", (pairing.id,))
            for pairing in revoked:
                tx.connection.execute("UPDATE terminals SET revoked=1 WHERE id=?", (pairing.id,))

        for pairing in revoked:
            del self._paired[pairing.id]
        for pairing in seen:
            self._paired[pairing.id] = replace(pairing, seen=True)
        await self._submit(write)
        return revoked

    async def forget(self, account_id: AccountId) -> None:
        """Wipe the terminals of an account that is served no longer."""
        await self._submit(lambda tx: _forget(tx, account_id))
        gone = [pairing for pairing in self._paired.values() if pairing.account_id == account_id]
        for pairing in gone:
            del self._paired[pairing.id]


def _forget(tx: Transaction, account_id: AccountId) -> None:
    tx.connection.execute(SCHEMA)
    tx.connection.execute("DELETE FROM terminals WHERE account_id=?", (account_id,))


def _load(tx: Transaction) -> dict[str, Pairing]:
    tx.connection.execute(SCHEMA)
    rows = tx.connection.execute(
        "SELECT id, account_id, printer_id, reader_id, name, token_hash, seen"
        " FROM terminals WHERE revoked=0"
    )
    return {
        row[0]: Pairing(row[0], row[1], row[2], row[3], row[4], row[5], bool(row[6]))
        for row in rows
    }


def _printable(name: str) -> str:
    return "".join(c for c in name if c.isprintable()).strip()[:MAX_NAME]
