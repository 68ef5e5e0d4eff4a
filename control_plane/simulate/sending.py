"""How a simulated gateway tells its facts: in order, a bounded amount ahead of the acks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from control_plane.simulate.figures import Figures
from control_plane.simulate.outbox import MAX_AHEAD, Outbox
from shared.messages.envelope import Lane
from shared.messages.hello import Ack, LaneAction, LaneMark

_ACK_SECONDS: Final = 5.0
_MOST_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Progress:
    """How far rows were sent; the oldest payload that nobody acknowledged is due again."""

    sent: int
    patience: float = _ACK_SECONDS
    due: float | None = None
    payloads: deque[tuple[int, float]] = field(default_factory=deque)  # last row, when


class Sending:
    """The lane of facts. ``publish`` sends a payload, ``say_hello`` asks where to go on."""

    def __init__(
        self,
        outbox: Outbox,
        figures: Figures,
        rows_at_once: int,
        *,
        publish: Callable[[bytes], bool],
        say_hello: Callable[[], None],
        is_due: Callable[[float], None],
    ) -> None:
        """``is_due`` is told of a moment that comes earlier than was thought."""
        self._outbox = outbox
        self._figures = figures
        self._rows_at_once = rows_at_once
        self._publish = publish
        self._say_hello = say_hello
        self._is_due = is_due
        self._progress: _Progress | None = None
        self._lost_at: float | None = None
        self._high = 0  # the highest row that was ever sent
        self.trouble = ""  # why the epoch cannot go on; told with the next Hello

    @property
    def is_going(self) -> bool:
        return self._progress is not None

    @property
    def due(self) -> float | None:
        """When the oldest payload is sent again."""
        return self._progress.due if self._progress is not None else None

    def was_lost(self) -> None:
        """A line that was in use is gone; how long until it is back goes to the figures."""
        self._lost_at = time.monotonic()

    def stop(self) -> None:
        """Send nothing until the primary says where to go on."""
        self._set(None)

    def send(self) -> None:
        """Send what is new."""
        progress, figures = self._progress, self._figures
        while progress is not None and progress.sent - self._outbox.acked < MAX_AHEAD:
            sent = self._outbox.batch(progress.sent, self._rows_at_once)
            if sent is None or not self._publish(sent.payload):
                return
            now = time.monotonic()
            progress.sent = sent.last
            progress.payloads.append((sent.last, now))
            if progress.due is None:
                progress.due = now + progress.patience
                self._is_due(progress.due)
            figures.messages += 1
            figures.sent += sent.last - sent.first + 1
            figures.again += max(0, min(self._high, sent.last) - sent.first + 1)
            self._high = max(self._high, sent.last)

    def on_time(self, now: float) -> None:
        """Send again what is due."""
        progress = self._progress
        if progress is None or progress.due is None or now < progress.due:
            return
        self._figures.on_error("no acknowledgement in time")
        progress.sent, progress.due = self._outbox.acked, None
        progress.payloads.clear()
        progress.patience = min(progress.patience * 2, _MOST_SECONDS)
        self.send()

    def on_mark(self, mark: LaneMark) -> bool:
        """Take the primary's answer to Hello; whether rows go on from there."""
        outbox = self._outbox
        if mark.action is LaneAction.PARKED:
            self._figures.on_error(f"parked: {mark.says}")
            self.stop()
        elif mark.action is LaneAction.NEW_EPOCH or mark.epoch != outbox.epoch:
            self._figures.on_error(f"new epoch: {mark.says or self.trouble}")
            outbox.begin_anew(self.trouble or "behind", mark.home_epoch or 0)
            self.trouble, self._high = "", 0
            self._say_hello()
        elif not outbox.knows(mark.upto_seq):
            self._cannot_go_on("pruned")
        elif mark.chain is not None and outbox.chain_at(mark.upto_seq).hex() != mark.chain:
            self._cannot_go_on("forked")
        else:
            self.trouble = ""
            self._note(mark.upto_seq)
            self._go_on(_Progress(mark.upto_seq))
            return True
        return False

    def on_ack(self, ack: Ack) -> None:
        progress = self._progress
        if progress is None or ack.lane is not Lane.FACTS:
            return
        if ack.epoch != self._outbox.epoch or ack.want == 0:
            self.stop()
            self._say_hello()
            return
        now = time.monotonic()
        while progress.payloads and progress.payloads[0][0] <= ack.upto_seq:
            self._figures.ack_latency.add(now - progress.payloads.popleft()[1])
        if self._note(ack.upto_seq):
            progress.sent = max(progress.sent, ack.upto_seq)
            progress.patience = _ACK_SECONDS
            progress.due = None if progress.sent == self._outbox.acked else now + _ACK_SECONDS
        if ack.want is not None and ack.want <= progress.sent:
            progress.sent = max(self._outbox.acked, ack.want - 1)
            progress.payloads.clear()
        self.send()

    def _cannot_go_on(self, trouble: str) -> None:
        self._figures.on_error(f"trouble: {trouble}")
        self.trouble = trouble
        self.stop()
        self._say_hello()

    def _go_on(self, progress: _Progress) -> None:
        if self._lost_at is not None:
            self._figures.back_latency.add(time.monotonic() - self._lost_at)
            self._lost_at = None
        self._set(progress)
        self.send()

    def _note(self, upto: int) -> int:
        count = self._outbox.acknowledge(upto)
        self._figures.acked += count
        return count

    def _set(self, progress: _Progress | None) -> None:
        self._figures.connected += (progress is not None) - (self._progress is not None)
        self._progress = progress
