"""What happens here when the primary knows more than this database: it was set back in time.

A virtual machine was restored from a snapshot, or a disk was copied. A new epoch begins, in the
same transaction in which jobs that went to paper in the time we do not remember are held for a
person: nothing prints twice by itself, and what printed twice is told. And the gateway tells which
jobs it has: those that only the lost time knew are shown as lost, and wait for nobody.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge_agent.jobs import outbox
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.transaction import Transaction
from shared.i18n import mark as _
from shared.ids import JobId
from shared.job_states import Hold, JobEvent, JobState
from shared.messages.envelope import Lane
from shared.messages.events import JobsListed

log = logging.getLogger(__name__)

WENT_ALREADY: Final = _(
    "This gateway was set back to an earlier time, and the job went to a printer since then."
    " Look at the printer, then print it again or delete it."
)

MOST_IN_A_PART: Final = 1_000  # ids; a row has room for twice as many


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """Why a lane begins anew, and what the primary said about it."""

    lane: Lane
    why: str  # behind | forked | pruned
    after: int | None  # rows after this one go under the new epoch; None: those not acknowledged
    known_released: tuple[str, ...]
    at: datetime
    home_epoch: int = 0  # what the primary gave us to count from


def begin_anew(tx: Transaction, new: NewEpoch, changer: Changer) -> int:
    """Begin a new epoch of a lane; hold what the primary knows as released.

    Returns the home epoch that jobs count from now.
    """
    # Events of our jobs come after those of the same revision that the primary has already, and
    # never beside those of another box of the same disk.
    home_epoch = max(new.home_epoch, tx.newest_home_epoch() + 1)
    tx.write_facts()  # what others of this batch told belongs to the epoch that ends
    epoch = outbox.new_epoch(
        tx.connection,
        new.lane,
        why=new.why,
        after=new.after,
        home_epoch=home_epoch if new.lane is Lane.FACTS else None,
    )
    log.warning("lane %s: a new epoch %s begins (%s)", new.lane.value, epoch, new.why)
    if new.lane is not Lane.FACTS:
        return tx.newest_home_epoch()
    tx.connection.execute("UPDATE jobs SET home_epoch = ?", (home_epoch,))
    for job_id in new.known_released:
        job = tx.find_job(JobId(job_id))
        if job is not None and job.state in (JobState.PENDING, JobState.PENDING_HELD):
            changer.change(
                tx,
                job,
                JobEvent.HELD,
                state=JobState.PENDING_HELD,
                holds=job.holds | {Hold.UNCERTAIN},
                message=WENT_ALREADY,
                detail={"why": "set-back"},
            )
    for part in _listed(tx, new, home_epoch):
        tx.enqueue(part)
    return home_epoch


def _listed(tx: Transaction, new: NewEpoch, home_epoch: int) -> Iterator[JobsListed]:
    """The jobs that are here and have not ended, in parts."""
    found = tx.connection.execute("SELECT id FROM jobs WHERE state < 7 ORDER BY id")
    ids = [JobId(row[0]) for row in found]
    after = ""
    while True:
        part, ids = ids[:MOST_IN_A_PART], ids[MOST_IN_A_PART:]
        upto = part[-1] if ids else ""
        yield JobsListed(tuple(part), after, upto, home_epoch, new.why, new.at)
        if not ids:
            return
        after = upto
