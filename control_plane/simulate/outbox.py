"""The outbox of a simulated gateway, in memory: what is not acknowledged, chained (docs/link.md 3).

A real gateway keeps acknowledged rows for thirty days; this one lets them go and says so (floor).
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from shared.ids import GatewayId
from shared.messages import codec, envelope
from shared.messages.envelope import BatchHeader, Lane
from shared.messages.hello import LaneHello, Position

MAX_AHEAD: Final = 2_000  # rows sent and not acknowledged


@dataclass(frozen=True, slots=True)
class Sent:
    """A payload, and the rows in it."""

    payload: bytes
    first: int
    last: int


class Outbox:
    """One lane of one gateway."""

    def __init__(self, gateway_id: GatewayId, lane: Lane) -> None:
        self._gateway_id = gateway_id
        self.lane = lane
        self.acked = 0
        self._rows: deque[tuple[bytes, bytes]] = deque()  # from acked + 1 on: row, chain after it
        self._previous: Position | None = None
        self._why = "born"
        self._begin()

    def _begin(self) -> None:
        self.epoch = secrets.token_hex(16)
        self._acked_chain = envelope.chain_start(self._gateway_id, self.lane, self.epoch)

    @property
    def last(self) -> int:
        return self.acked + len(self._rows)

    @property
    def waiting(self) -> int:
        return len(self._rows)

    def append(self, fact: Any) -> None:
        """Queue a fact (shared.messages.events)."""
        self._append(fact.KIND, fact.entity, codec.to_plain(fact.at), codec.to_plain(fact))

    def _append(self, kind: str, entity: str, at: str, body: Any) -> None:
        row = envelope.encode_row(self.last + 1, kind, entity, at, body)
        self._rows.append((row, envelope.chain_next(self.chain_at(self.last), row)))

    def chain_at(self, seq: int) -> bytes:
        """The chain after row ``seq``, which is the last acknowledged one or a later one."""
        return self._acked_chain if seq == self.acked else self._rows[seq - self.acked - 1][1]

    def knows(self, seq: int) -> bool:
        return self.acked <= seq <= self.last

    def batch(self, after: int, most_rows: int) -> Sent | None:
        """Make the payload of the next rows after ``after``; None where there are none."""
        rows, size = list[bytes](), 0
        start = after - self.acked
        for row, _ in islice(self._rows, start, start + most_rows):
            size += len(row) + 1
            if rows and size > envelope.MAX_BATCH_BYTES:
                break
            rows.append(row)
        if not rows:
            return None
        prev = self.chain_at(after).hex()
        header = BatchHeader(envelope.VERSION, self.lane, self.epoch, after + 1, prev)
        return Sent(envelope.encode_batch(header, rows), after + 1, after + len(rows))

    def acknowledge(self, upto: int) -> int:
        """Let go what is committed at the primary; returns how many rows that is."""
        count = min(upto, self.last) - self.acked
        for _ in range(count):
            _, self._acked_chain = self._rows.popleft()
            self.acked += 1
        return max(count, 0)

    def begin_anew(self, why: str, home_epoch: int) -> None:
        """Begin a new epoch that names this one; what is not acknowledged goes under it."""
        self._previous = Position(self.epoch, self.acked, self._acked_chain.hex())
        self._why = why
        pending, self._rows, self.acked = list(self._rows), deque(), 0
        self._begin()
        for row, _ in pending:
            text = json.loads(row)
            if "home_epoch" in text["body"]:
                text["body"]["home_epoch"] = max(home_epoch, text["body"]["home_epoch"] + 1)
            self._append(text["kind"], text["entity"], text["at"], text["body"])

    def hello(self, trouble: str) -> LaneHello:
        return LaneHello(
            self.epoch,
            self.last + 1,
            self.chain_at(self.last).hex(),
            self.acked + 1,
            self._previous,
            self._why,
            trouble,
        )
