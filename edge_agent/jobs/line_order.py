"""In which order a person wanted a printer's jobs (Promote-Job, Schedule-Job-After), also tomorrow.

``lines.json`` beside the job database: printer to the ids of its waiting jobs, as they stood when
somebody last changed their order. Jobs that came later go after those, by age; ids of jobs that
are over mean nothing. A file that cannot be read costs the order and no job.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_agent.jobs.model import Job
from edge_agent.spool.durable import write_all
from shared.ids import JobId, PrinterId

log = logging.getLogger(__name__)


class LineOrder:
    """The orders of all printers; without a file they last as long as the process."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._orders = _load(path) if path is not None else {}

    def sorted(self, jobs: Iterable[Job]) -> list[Job]:
        """Put jobs into the order that was wanted; the others by age behind them."""
        places = {job_id: n for order in self._orders.values() for n, job_id in enumerate(order)}
        last = len(places)
        return sorted(jobs, key=lambda job: (places.get(job.id, last), job.number))

    def keep(self, printer_id: PrinterId, order: Sequence[JobId]) -> None:
        """Remember an order; on disk when this returns.

        Raises:
            OSError: The disk does not take it.
        """
        self._orders[printer_id] = list(order)
        if self._path is not None:
            _save(self._path, self._orders)


def _load(path: Path) -> dict[PrinterId, list[JobId]]:
    try:
        found = json.loads(path.read_text())
        return {PrinterId(p): [JobId(str(job)) for job in jobs] for p, jobs in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        log.warning("%s cannot be read, jobs are printed by their age: %s", path, error)
        return {}


def _save(path: Path, orders: dict[PrinterId, list[JobId]]) -> None:
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(descriptor, json.dumps(orders).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
