"""The gateway's keys: one per account and day, made here, never sent anywhere.

Destroying a day's key erases, for good, every document that was sealed for it: also from blocks
of the disk that were freed and from copies of the spool. A key is destroyed soon after its last
document is gone; a document that comes later that day gets a new one.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge_agent.spool.durable import Fatal, make_folder, sync_folder, write_all
from edge_agent.spool.errors import DocumentGoneError
from shared.crypto.documents import KEY_BYTES
from shared.ids import AccountId

_KEY_ID: Final = re.compile(r"[0-9a-f-]{36}\.[0-9]{8}\.[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class DayKey:
    """A key that wraps document keys; ``id`` is ``<account>.<yyyymmdd>.<random>``."""

    id: str
    cipher: AESGCM


class DayKeys:
    """Makes, finds and destroys day keys; counts what is sealed for each."""

    def __init__(self, folder: Path, now: Callable[[], datetime], fatal: Fatal) -> None:
        self._folder = folder
        self._now = now
        self._fatal = fatal
        self._known: dict[str, DayKey] = {}
        self._current: dict[AccountId, tuple[str, DayKey]] = {}
        self._uses: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._making = asyncio.Lock()

    def recover(self, uses: Counter[str]) -> int:
        """Count what is sealed for each key; destroy keys that nothing is sealed for."""
        make_folder(self._folder, self._fatal)
        with self._lock:
            self._uses = Counter(uses)
        unused = [p.stem for p in self._folder.glob("*.key") if p.stem not in uses]
        for key_id in unused:
            self._destroy(key_id)
        for left in self._folder.glob("*.new"):
            left.unlink()
        return len(unused)

    async def use(self, account_id: AccountId) -> DayKey:
        """Get today's key of an account for one more document; makes it where there is none."""
        day = f"{self._now():%Y%m%d}"
        key = self._take(account_id, day)
        if key is None:
            async with self._making:
                key = self._take(account_id, day)
                if key is None:
                    made = await asyncio.to_thread(self._make, account_id, day)
                    key = self._enter(account_id, day, made)
        return key

    def done(self, key_ids: Iterable[str]) -> None:
        """Say that documents sealed for these keys are gone (one mention each)."""
        with self._lock:
            self._uses.subtract(key_ids)

    def find(self, key_id: str) -> DayKey:
        """Find a key by its id.

        Raises:
            DocumentGoneError: It was destroyed.
        """
        key = self._known.get(key_id)
        if key is None:
            if _KEY_ID.fullmatch(key_id) is None:
                raise DocumentGoneError(f"{key_id!r} names no key")
            try:
                key = DayKey(key_id, AESGCM(self._path(key_id).read_bytes()))
            except (FileNotFoundError, ValueError):
                raise DocumentGoneError("its key is destroyed") from None
            self._known[key_id] = key
        return key

    def destroy_unused(self) -> list[str]:
        """Destroy the keys that nothing is sealed for any more; tells which."""
        with self._lock:
            unused = [key_id for key_id, uses in self._uses.items() if uses <= 0]
            for key_id in unused:
                del self._uses[key_id]
                self._known.pop(key_id, None)
            gone = set(unused)
            self._current = {a: c for a, c in self._current.items() if c[1].id not in gone}
        for key_id in unused:
            self._destroy(key_id)
        return unused

    def __len__(self) -> int:
        return len(self._uses)

    def _take(self, account_id: AccountId, day: str) -> DayKey | None:
        with self._lock:
            found = self._current.get(account_id)
            if found is None or found[0] != day:
                return None
            self._uses[found[1].id] += 1
            return found[1]

    def _enter(self, account_id: AccountId, day: str, key: DayKey) -> DayKey:
        with self._lock:
            self._known[key.id] = key
            self._current[account_id] = (day, key)
            self._uses[key.id] += 1
        return key

    def _make(self, account_id: AccountId, day: str) -> DayKey:
        key_id = f"{account_id}.{day}.{os.urandom(4).hex()}"
        secret = os.urandom(KEY_BYTES)
        beside = self._folder / f"{key_id}.new"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_all(descriptor, secret)
            self._sync(descriptor, "writing a day key")
        finally:
            os.close(descriptor)
        beside.rename(self._path(key_id))
        sync_folder(self._folder, self._fatal)
        return DayKey(key_id, AESGCM(secret))

    def _destroy(self, key_id: str) -> None:
        path = self._path(key_id)
        if not path.exists():
            return
        descriptor = os.open(path, os.O_WRONLY)
        try:
            write_all(descriptor, os.urandom(KEY_BYTES))
            self._sync(descriptor, "destroying a day key")
        finally:
            os.close(descriptor)
        path.unlink()
        sync_folder(self._folder, self._fatal)

    def _sync(self, descriptor: int, what: str) -> None:
        try:
            os.fsync(descriptor)
        except OSError as error:
            self._fatal(what, error)

    def _path(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.key"
