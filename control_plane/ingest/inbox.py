"""What gateways said and nobody has looked at yet: bounded, in the order in which it is due.

A gateway that says Hello can do nothing until it is answered, so words (Hellos, heartbeats, wills,
questions) come before rows, of which thousands may wait. Each kind keeps its own order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from shared.ids import GatewayId
from shared.messages.topics import Up
from shared.mqtt import Delivery

ROWS: Final = frozenset({Up.FACTS, Up.TELEMETRY})
MOST_WAITING: Final = 5_000  # messages, and
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024  # of their payloads
AT_ONCE: Final = 1_000  # messages of each kind in one transaction
_MOST_WEIGHT: Final = 768 * 1024  # of their rows, which is some thousand
_COMPRESSED: Final = 0x78
_PACKED: Final = 4  # how much larger a compressed payload is, at least


@dataclass(frozen=True, slots=True)
class Message:
    gateway_id: GatewayId
    what: Up
    delivery: Delivery
    came_at: float = field(default_factory=time.monotonic)

    @property
    def weight(self) -> int:
        """Roughly how many bytes of rows there are to apply."""
        payload = self.delivery.payload
        packed = payload[:1] == bytes([_COMPRESSED])
        return len(payload) * (_PACKED if packed else 1)


class Inbox:
    """Filled by the connection's thread, emptied by one worker."""

    def __init__(self, most: int = MOST_WAITING, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._words: deque[Message] = deque()
        self._rows: deque[Message] = deque()
        self._bytes = 0
        self._came = threading.Condition()

    def put(self, message: Message) -> bool:
        """Leave a message; False where too much waits already."""
        size = len(message.delivery.payload)
        with self._came:
            waiting = len(self._words) + len(self._rows)
            if waiting >= self._most or (waiting and self._bytes + size > self._most_bytes):
                return False
            (self._rows if message.what in ROWS else self._words).append(message)
            self._bytes += size
            self._came.notify()
        return True

    def take(self, timeout_seconds: float) -> list[Message]:
        """Take what is there for one transaction, a bounded amount; waits for the first."""
        with self._came:
            self._came.wait_for(self._has_some, timeout_seconds)
            taken = [self._words.popleft() for _ in range(min(len(self._words), AT_ONCE))]
            taken += portion(self._rows)
            self._bytes -= sum(len(message.delivery.payload) for message in taken)
        return taken

    def _has_some(self) -> bool:
        return bool(self._words or self._rows)


def portion(waiting: deque[Message]) -> list[Message]:
    """Take rows for one transaction from the front of what waits; at least one message."""
    taken, weight = list[Message](), 0
    while waiting and len(taken) < AT_ONCE and weight < _MOST_WEIGHT:
        message = waiting.popleft()
        taken.append(message)
        weight += message.weight
    return taken
