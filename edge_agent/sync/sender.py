"""Sends one lane of the outbox: woken by commits, in order, a bounded amount ahead of the acks.

While many documents come in it sends a batch every few seconds: intake comes first, and the
primary still hears of a busy gateway. What waited is told when the rush is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from edge_agent.jobs import outbox
from edge_agent.jobs.store import JobStore
from shared.messages import envelope
from shared.messages.envelope import BatchHeader, Lane
from shared.messages.hello import Ack, LaneAction, LaneMark

log = logging.getLogger(__name__)

MOST_AHEAD: Final = 2_000  # rows sent and not acknowledged
RUSH_SECONDS: Final = 2.0  # from one batch to the next while many documents come in
ACK_SECONDS: Final = 5.0  # then they are sent again
_ACK_SECONDS_AT_MOST: Final = 60.0
_LOOK_SECONDS: Final = 1.0
_SETTLE_SECONDS: Final = (
    0.5  # acknowledgements are noted on disk together: a lost note costs little
)
_GATHER_SECONDS: Final = {Lane.FACTS: 0.0, Lane.TELEMETRY: 30.0}

Publish = Callable[[bytes], bool]
BeginAnew = Callable[[str, int | None], Awaitable[None]]


@dataclass(slots=True)
class _Progress:
    """Where sending stands; ``epoch`` may be an earlier one that the primary wants the rest of."""

    epoch: str
    acked: int
    sent: int
    patience: float = ACK_SECONDS
    due: float | None = None  # when the oldest unacknowledged batch is sent again


class Sender:
    """One lane. ``run`` sends; the link hands in marks and acknowledgements."""

    def __init__(
        self, store: JobStore, lane: Lane, publish: Publish, say_hello: Callable[[], None]
    ) -> None:
        self._store = store
        self._lane = lane
        self._publish = publish
        self._say_hello = say_hello
        self._progress: _Progress | None = None
        self._wake = asyncio.Event()
        self._acked = asyncio.Event()
        self._noted = ("", 0)
        self.trouble = ""  # why the present epoch cannot go on; told with the next Hello

    def wake(self) -> None:
        """Say that something was committed."""
        self._wake.set()

    def stop_sending(self) -> None:
        """The connection is gone, or the lane is parked; a mark begins it again."""
        self._progress = None

    @property
    def is_sending(self) -> bool:
        return self._progress is not None

    async def on_mark(self, mark: LaneMark, begin_anew: BeginAnew) -> None:
        """Take the primary's answer to Hello.

        ``begin_anew`` (why, after which row) makes a new epoch; Hello is said again after it.
        """
        if mark.action is LaneAction.PARKED:
            self.stop_sending()
            return
        state = await self._store.read(lambda c: outbox.lane_state(c, self._lane))
        if mark.action is LaneAction.NEW_EPOCH:
            # Rows that only an earlier copy of the primary acknowledged go along.
            is_not_known = mark.epoch == state.epoch and mark.upto_seq == 0
            goes_along = self.trouble == "pruned" or is_not_known
            await begin_anew(self.trouble or "behind", mark.upto_seq if goes_along else None)
            self.trouble = ""
            return
        known = await self._store.read(lambda c: outbox.knows_epoch(c, self._lane, mark.epoch))
        chain = await self._store.read(
            lambda c: outbox.chain_at(c, self._lane, mark.epoch, mark.upto_seq)
        )
        if not known or (
            mark.chain is not None and chain is not None and chain.hex() != mark.chain
        ):
            # What it committed under this number is not what is written here.
            self._cannot_go_on("forked")
            return
        missing = state.floor > mark.upto_seq + 1 and state.next_seq > mark.upto_seq + 1
        if mark.epoch == state.epoch and missing and self._lane is Lane.FACTS:
            self._cannot_go_on("pruned")
            return
        self._progress = _Progress(mark.epoch, mark.upto_seq, mark.upto_seq)
        await self._note(mark.epoch, mark.upto_seq)
        self._wake.set()

    def _cannot_go_on(self, trouble: str) -> None:
        """Ask for a new epoch, and with it for the jobs that went to paper meanwhile."""
        self.stop_sending()
        self.trouble = trouble
        self._say_hello()

    async def on_ack(self, ack: Ack) -> None:
        """Take an acknowledgement, or the question for what is missing."""
        progress = self._progress
        if progress is None:
            return
        if ack.epoch != progress.epoch or ack.want == 0:
            self.stop_sending()
            self._say_hello()
            return
        if ack.upto_seq > progress.acked:
            progress.acked = ack.upto_seq
            progress.sent = max(progress.sent, ack.upto_seq)
            progress.patience = ACK_SECONDS
            now = asyncio.get_running_loop().time()
            progress.due = None if progress.acked == progress.sent else now + ACK_SECONDS
        if ack.want is not None and ack.want <= progress.sent:
            progress.sent = max(progress.acked, ack.want - 1)
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_forever(), name=f"send {self._lane.value}")
            group.create_task(self._watch_acks(), name=f"acks of {self._lane.value}")
            group.create_task(self._note_acks(), name=f"noted acks of {self._lane.value}")

    async def _send_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._store.rush.wait(RUSH_SECONDS)
            progress = self._progress
            while progress is not None and await self._send_next(progress):
                # Intake and printers come first: others run between two batches.
                await asyncio.sleep(_GATHER_SECONDS[self._lane])
                await self._store.rush.wait(RUSH_SECONDS)
                progress = self._progress

    async def _send_next(self, progress: _Progress) -> bool:
        if progress.sent - progress.acked >= MOST_AHEAD:
            return False
        after = progress.sent
        run = await self._store.read(
            lambda c: outbox.unsent(c, self._lane, after=after, epoch=progress.epoch)
        )
        if self._progress is not progress:
            return False
        if run is None:
            await self._end_of_epoch(progress)
            return False
        dropped = run.first - after - 1
        header = BatchHeader(
            envelope.VERSION, run.lane, run.epoch, run.first, run.prev.hex(), dropped
        )
        payload = await asyncio.to_thread(envelope.encode_batch, header, run.rows)
        if self._progress is not progress or progress.sent != after:
            # An acknowledgement came meanwhile: what it covers is not sent again.
            return self._progress is not None
        if not self._publish(payload):
            return False
        progress.sent = run.last
        if progress.due is None:
            progress.due = asyncio.get_running_loop().time() + progress.patience
        return True

    async def _end_of_epoch(self, progress: _Progress) -> None:
        """An earlier epoch is told to its end: say Hello, and the present one goes on."""
        state = await self._store.read(lambda c: outbox.lane_state(c, self._lane))
        if state.epoch != progress.epoch and progress.acked == progress.sent:
            self.stop_sending()
            self._say_hello()

    async def _watch_acks(self) -> None:
        """Send again what nobody acknowledged in time, less and less often."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            progress = self._progress
            if progress is None or progress.due is None or loop.time() < progress.due:
                continue
            log.info("%s: no acknowledgement; sent again from %d",
                     self._lane.value, progress.acked + 1)  # fmt: skip
            progress.sent, progress.due = progress.acked, None
            progress.patience = min(progress.patience * 2, _ACK_SECONDS_AT_MOST)
            self._wake.set()

    async def _note_acks(self) -> None:
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            progress = self._progress
            if progress is not None:
                await self._note(progress.epoch, progress.acked)

    async def _note(self, epoch: str, upto: int) -> None:
        if (epoch, upto) == self._noted or upto == 0:
            return
        await self._store.submit(
            lambda tx: outbox.acknowledge(tx.connection, self._lane, epoch, upto)
        )
        self._noted = (epoch, upto)
