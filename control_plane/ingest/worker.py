"""The threads that take what gateways said to the database.

A gateway has one of them, so what it says keeps its order, and no two of them want the same marks.
While one waits for the database's disk another one reads and checks.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from control_plane.ingest.inbox import MOST_WAITING, MOST_WAITING_BYTES, Inbox, Message

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_LOOK_AGAIN_SECONDS: Final = 0.02
_IDLE_SECONDS: Final = 0.2

Process = Callable[[Sequence[Message]], list[Message]]  # returns what came too early


class Worker:
    """One thread and what waits for it."""

    def __init__(self, process: Process, name: str, inbox: Inbox) -> None:
        self.name = name
        self.inbox = inbox
        self._process = process
        self._early: list[Message] = []  # batches that came before the one before them
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after what it is at; ``join`` waits for that."""
        self._stopping.set()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join(10)

    def step(self) -> None:
        """Process what is due, if anything is."""
        early, self._early = self._early, []
        waited = _LOOK_AGAIN_SECONDS if early else _IDLE_SECONDS
        messages = [*early, *self.inbox.take(waited)]
        # Two primaries lock the marks of two gateways in the same order.
        messages.sort(key=lambda message: message.gateway_id)
        if not messages:
            return
        try:
            self._early = self._process(messages)
        except SQLAlchemyError as error:
            log.warning("ingest: the database does not take it, trying again: %s", error)
            self._one_by_one(messages)
        except Exception:
            log.exception("ingest")
            self._one_by_one(messages)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.step()

    def _one_by_one(self, messages: list[Message]) -> None:
        """Find the message that the others need not wait for."""
        for message in messages:
            try:
                self._early += self._process([message])
            except SQLAlchemyError as error:
                # Not acknowledged by us: the gateway sends it again.
                log.warning("ingest: gateway %s: %s", message.gateway_id, error)
                message.delivery.done()
                self._stopping.wait(_RETRY_SECONDS)
            except Exception:
                log.exception("ingest: gateway %s, %s", message.gateway_id, message.what)
                message.delivery.done()


class Workers:
    """Several of them; each gateway has its own."""

    def __init__(self, process: Process, count: int) -> None:
        self._all = [
            Worker(
                process, f"ingest {n}", Inbox(MOST_WAITING // count, MOST_WAITING_BYTES // count)
            )
            for n in range(1, count + 1)
        ]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(worker.name for worker in self._all)

    def start(self) -> None:
        for worker in self._all:
            worker.start()

    def stop(self) -> None:
        for worker in self._all:
            worker.stop()
        for worker in self._all:
            worker.join()

    def put(self, message: Message) -> bool:
        """Hand a message to its gateway's worker; False where too much waits for that one."""
        return self.of(message).inbox.put(message)

    def of(self, message: Message) -> Worker:
        return self._all[zlib.crc32(message.gateway_id.encode()) % len(self._all)]
