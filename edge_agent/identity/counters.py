"""Failed sign-ins, counted durably: ``<state>/identity.db``. The limits are P19's.

::

    pair     one person on one device    5 in 15 minutes, then locked 15 minutes, doubling to a
                                         day; after 100 in a row locked until the secret changes
    user     one person, all devices     100 in a row (each device counts for at most 20): only
                                         devices where the person has signed in before stay open
    device   everybody on one device     20 in 15 minutes
    cards    unknown cards on a reader   20 in 15 minutes, then a minute, doubling to 15 minutes
    enrol    cards that one person makes theirs   5 in 15 minutes, then 15 minutes, to a day
    tokens   wrong print tokens, a source   20 in 15 minutes, then a minute, doubling to 15
                                         minutes; one that has worked from there goes on working

An attempt is counted on disk *before* its secret is looked at, and taken back when it was right:
neither pulling the plug nor many guesses at once buy a guess. A stranger who fails on one device
locks nobody out on another.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from shared.clock import Clock
from shared.ids import AccountId

T = TypeVar("T")

WINDOW_SECONDS: Final = 900
FOREVER_SECONDS: Final = 10 * 365 * 86_400
USER_LIMIT: Final = 100
COUNTED_PER_DEVICE: Final = 20
KEPT_SECONDS: Final = 30 * 86_400
ROWS_KEPT: Final = 200_000

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS failures (
    scope        TEXT NOT NULL,      -- pair | user | device | cards | enrol | tokens
    subject      TEXT NOT NULL,      -- hashed; names and addresses are not kept here
    began_at     INTEGER NOT NULL,   -- Unix seconds: of the window
    in_window    INTEGER NOT NULL,
    in_a_row     INTEGER NOT NULL,
    locks        INTEGER NOT NULL,   -- how often in a row it was locked
    locked_at    INTEGER NOT NULL,
    lock_seconds INTEGER NOT NULL,
    PRIMARY KEY (scope, subject)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS familiar (
    pair TEXT PRIMARY KEY,           -- a device where this person has signed in, a token's source
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used_codes (
    code_id TEXT PRIMARY KEY,        -- one-time codes by which somebody signed in here
    used_at INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures a scope bears, and what follows."""

    in_window: int
    first_lock_seconds: int
    longest_lock_seconds: int
    in_a_row: int | None = None


LIMITS: Final = {
    "pair": Limit(5, 900, 86_400, 100),
    "user": Limit(1_000_000, 0, 0, USER_LIMIT),
    "device": Limit(20, 900, 900),
    "cards": Limit(20, 60, 900),
    "enrol": Limit(5, 900, 86_400),
    "tokens": Limit(20, 60, 900),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tries, and on what."""

    account_id: AccountId
    username: str  # canonical, known or not: both are treated alike
    device: str
    secret_version: str = ""  # changes when the person gets a new secret: counting starts anew

    @property
    def user(self) -> str:
        return _subject(self.account_id, self.username, self.secret_version)

    @property
    def pair(self) -> str:
        return _subject(self.account_id, self.username, self.secret_version, self.device)


@dataclass(frozen=True, slots=True)
class Locked:
    """No attempt is looked at for so long; None: until the person gets a new secret."""

    scope: str
    seconds: int | None


@dataclass(frozen=True, slots=True)
class _Row:
    scope: str
    subject: str
    began_at: int
    in_window: int = 0
    in_a_row: int = 0
    locks: int = 0
    locked_at: int = 0
    lock_seconds: int = 0

    def left(self, now: int) -> int:
        """Tell the seconds until it opens; a clock that went back makes no lock longer."""
        if not self.lock_seconds:
            return 0
        passed = max(now - self.locked_at, 0)
        return max(self.lock_seconds - passed, 0)

    def counted(self, now: int) -> _Row:
        """Return the row after one more failure, locked if that was the last it bears."""
        limit = LIMITS[self.scope]
        fresh = not 0 <= now - self.began_at < WINDOW_SECONDS
        row = replace(
            self,
            began_at=now if fresh else self.began_at,
            in_window=1 if fresh else self.in_window + 1,
            in_a_row=self.in_a_row + 1,
        )
        if limit.in_a_row is not None and row.in_a_row >= limit.in_a_row:
            return replace(row, locked_at=now, lock_seconds=FOREVER_SECONDS)
        # After the first lock every further failure locks again, twice as long.
        if row.in_window < limit.in_window and not self.is_warned(now):
            return row
        seconds = min(limit.first_lock_seconds << min(self.locks, 20), limit.longest_lock_seconds)
        return replace(row, locks=self.locks + 1, locked_at=now, lock_seconds=seconds)

    def is_warned(self, now: int) -> bool:
        return self.scope == "pair" and self.locks > 0 and now - self.locked_at < 2 * 86_400


class Counters:
    """The durable counters of one gateway; its database is used by one thread."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="counters")
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)
        self._forget_old()

    def close(self) -> None:
        self._thread.shutdown()
        self._connection.close()

    async def begin(self, attempt: Attempt) -> Locked | None:
        """Count an attempt as failed before it is looked at; Locked: do not look at it."""
        return await self._in_thread(lambda: self._begin(attempt))

    async def succeeded(self, attempt: Attempt) -> None:
        """It was right: the person's counts on this device end, the device takes one back."""
        await self._in_thread(lambda: self._succeeded(attempt))

    async def locked_cards(self, reader: str) -> Locked | None:
        """Whether so many unknown cards were tried that the reader takes none for a while."""
        return await self._in_thread(lambda: self._look("cards", _subject(reader)))

    async def unknown_card(self, reader: str) -> None:
        await self._in_thread(lambda: self._count("cards", _subject(reader)))

    async def enrols(self, account_id: AccountId, user_id: str, reader: str) -> Locked | None:
        """Count a card that becomes somebody's; Locked: they had enough of them lately.

        The tap that brought it was no stranger's: it no longer counts against its reader.
        """

        def count() -> Locked | None:
            subject = _subject(account_id, user_id)
            locked = self._look("enrol", subject)
            if locked is None:
                self._count("enrol", subject)
                tapped = self._row("cards", _subject(reader))
                self._save(replace(tapped, in_window=max(tapped.in_window - 1, 0)))
            return locked

        return await self._in_thread(count)

    async def uses_code(self, code_id: str) -> bool:
        """Use a one-time code up, on disk; False: it was used here before."""

        def use() -> bool:
            used = self._connection.execute(
                "INSERT OR IGNORE INTO used_codes VALUES (?, ?)", (code_id, self._now())
            )
            return used.rowcount == 1

        return await self._in_thread(use)

    async def locked_tokens(self, source: str, token_hash: str) -> Locked | None:
        """Whether so many wrong tokens came from there that no unfamiliar one is looked at."""

        def look() -> Locked | None:
            pair = _subject(source, token_hash)
            return None if self._knows(pair) else self._look("tokens", _subject(source))

        return await self._in_thread(look)

    async def wrong_token(self, source: str) -> None:
        # Counted after the look, unlike a password: 160 bits are not guessed in any hurry.
        await self._in_thread(lambda: self._count("tokens", _subject(source)))

    async def right_token(self, source: str, token_hash: str) -> None:
        """It worked: from there it will be looked at also while others are not."""
        await self._in_thread(lambda: self._remember(_subject(source, token_hash)))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def committed() -> T:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work()
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            return result

        async with asyncio.timeout(10):
            return await asyncio.get_running_loop().run_in_executor(self._thread, committed)

    def _begin(self, attempt: Attempt) -> Locked | None:
        device = _subject(attempt.account_id, attempt.device)
        scopes = [("pair", attempt.pair), ("device", device)]
        if not self._knows(attempt.pair):
            scopes.append(("user", attempt.user))
        for scope, subject in scopes:
            locked = self._look(scope, subject)
            if locked is not None:
                return locked
        pair = self._count("pair", attempt.pair)
        self._count("device", device)
        if pair.in_a_row <= COUNTED_PER_DEVICE:
            self._count("user", attempt.user)
        return None

    def _succeeded(self, attempt: Attempt) -> None:
        pair = self._row("pair", attempt.pair)
        self._delete("pair", attempt.pair)
        device = self._row("device", _subject(attempt.account_id, attempt.device))
        in_window, in_a_row = max(device.in_window - 1, 0), max(device.in_a_row - 1, 0)
        unlocked = replace(device, in_window=in_window, in_a_row=in_a_row)
        if in_window < LIMITS["device"].in_window and device.locked_at == self._now():
            unlocked = replace(unlocked, lock_seconds=0)
        self._save(unlocked)
        user = self._row("user", attempt.user)
        mine = min(pair.in_a_row, COUNTED_PER_DEVICE)
        self._save(replace(user, in_a_row=max(user.in_a_row - mine, 0), lock_seconds=0))
        self._remember(attempt.pair)

    def _remember(self, pair: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO familiar VALUES (?, ?)", (pair, self._now())
        )

    def _knows(self, pair: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM familiar WHERE pair=?", (pair,))
        return found.fetchone() is not None

    def _look(self, scope: str, subject: str) -> Locked | None:
        row = self._row(scope, subject)
        left = row.left(self._now())
        if not left:
            return None
        return Locked(scope, None if row.lock_seconds >= FOREVER_SECONDS else left)

    def _count(self, scope: str, subject: str) -> _Row:
        row = self._row(scope, subject).counted(self._now())
        self._save(row)
        return row

    def _row(self, scope: str, subject: str) -> _Row:
        found = self._connection.execute(
            "SELECT began_at, in_window, in_a_row, locks, locked_at, lock_seconds"
            " FROM failures WHERE scope=? AND subject=?",
            (scope, subject),
        ).fetchone()
        return _Row(scope, subject, *found) if found else _Row(scope, subject, self._now())

    def _save(self, row: _Row) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.scope,
                row.subject,
                row.began_at,
                row.in_window,
                row.in_a_row,
                row.locks,
                row.locked_at,
                row.lock_seconds,
            ),
        )

    def _delete(self, scope: str, subject: str) -> None:
        self._connection.execute(
            "DELETE FROM failures WHERE scope=? AND subject=?", (scope, subject)
        )

    def _forget_old(self) -> None:
        """Bound the file: what is long over goes, then the oldest beyond the room."""
        before = self._now() - KEPT_SECONDS
        self._connection.execute(
            "DELETE FROM failures WHERE began_at < ? AND lock_seconds < ?",
            (before, FOREVER_SECONDS),
        )
        self._connection.execute(
            "DELETE FROM failures WHERE (scope, subject) IN (SELECT scope, subject FROM failures"
            " ORDER BY began_at DESC LIMIT -1 OFFSET ?)",
            (ROWS_KEPT,),
        )
        self._connection.execute("DELETE FROM used_codes WHERE used_at < ?", (before,))
        self._connection.execute(
            "DELETE FROM familiar WHERE pair IN"
            " (SELECT pair FROM familiar ORDER BY seen_at DESC LIMIT -1 OFFSET ?)",
            (ROWS_KEPT,),
        )

    def _now(self) -> int:
        now: datetime = self._clock.now()
        return int(now.timestamp())


def _subject(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
