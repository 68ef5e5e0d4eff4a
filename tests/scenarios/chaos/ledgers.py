"""The three ledgers side by side, and the gateway's own rows as what they must both agree with.

The sender's: what was answered. The printer's: which documents came out. The primary's: jobs,
their timelines, usage, audit and marks. A difference is a sentence; no sentences, no difference.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from control_plane.jobs import rows
from control_plane.jobs.repository import ON_ITS_WAY
from shared.job_states import Hold
from tests.scenarios.chaos.books import NOT_NOW, Reader
from tests.scenarios.chaos.clients import Told
from tests.scenarios.chaos.house import House

_FEW: Final = 5
_LOOKS: Final = 3  # before they differ
# Lines that are no change: how it began, and what the primary concluded from a list of jobs.
_NOT_CHANGES: Final = frozenset({rows.RECEIVED, rows.LOST, rows.FOUND})
_TOLD: Final = f"event NOT IN ('{rows.LOST}', '{rows.FOUND}')"

Rows = dict[tuple[str, int], dict[str, Any]]


def read_facts(connection: sqlite3.Connection) -> Rows:
    """What a disk holds, by epoch and number: told rows are kept there for a month."""
    query = "SELECT epoch, seq, row FROM outbox WHERE lane = 'facts'"
    return {(epoch, seq): json.loads(row) for epoch, seq, row in connection.execute(query)}


@dataclass
class Facts:
    """What the gateway's disk holds, and what was told from disks that are gone."""

    gone: list[dict[str, Any]] = field(default_factory=list)
    here: Rows = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.gone) + len(self.here)

    def of_kind(self, kind: str) -> Iterator[dict[str, Any]]:
        every = itertools.chain(self.gone, self.here.values())
        return (row["body"] for row in every if row["kind"] == kind)


class Ledgers:
    """Compares; keeps what was seen on the disks of the gateway."""

    def __init__(self, house: House, told: Told) -> None:
        self._house = house
        self._told = told
        self.facts = Facts()
        self.untold = 0  # facts that went with a disk before anybody heard of them
        self.lost_with_a_disk: set[str] = set()
        self.paper_untold: set[str] = set()
        self.twice_on_paper: set[str] = set()  # by boxes that were cloned or set back, and told

    # --- when it is time to compare -----------------------------------------------------------

    def unsettled(self, state: Path | None = None) -> str:
        """Say what is still on its way; empty when all is told and nothing prints."""
        try:
            with self._house.gateway_database(state) as connection:
                lanes = connection.execute(
                    "SELECT epoch, next_seq - 1 FROM outbox_lanes WHERE lane = 'facts'"
                ).fetchone()
                moving = connection.execute(
                    "SELECT count(*) FROM jobs WHERE state IN (3, 5)"
                ).fetchone()[0]
            if lanes is None:
                return "the gateway has told nothing yet"
            with self._house.books.reading() as primary:
                mark = primary.row("SELECT epoch, upto_seq FROM lane_marks WHERE lane = 'facts'")
        except NOT_NOW as error:
            return str(error)
        if mark != lanes:
            return f"the primary has {mark}, the gateway {lanes}"
        return f"{moving} jobs on their way to paper" if moving else ""

    def in_flight(self) -> int:
        """How many facts the primary has not committed, and jobs that are on their way."""
        with contextlib.suppress(sqlite3.OperationalError), self._house.gateway_database() as own:
            waiting = own.execute(
                "SELECT next_seq - 1 - acked FROM outbox_lanes WHERE lane = 'facts'"
            ).fetchone()
            moving = own.execute("SELECT count(*) FROM jobs WHERE state IN (3, 5)").fetchone()
            return int(waiting[0] if waiting else 0) + int(moving[0])
        return 0

    def printer_keeps_up(self) -> bool:
        """Whether only a few jobs wait for paper."""
        with contextlib.suppress(sqlite3.Error), self._house.gateway_database() as own:
            moving = own.execute("SELECT count(*) FROM jobs WHERE state IN (3, 5)").fetchone()
            return int(moving[0]) < _FEW
        return True

    # --- disks that go away -------------------------------------------------------------------

    def disk_goes(self, gone: Path, stays: Path) -> None:
        """Nobody runs on a disk any more: what it never told, and no other disk has, is gone."""
        marks = self.wait_for_marks()
        with self._house.gateway_database(gone) as connection:
            rows = read_facts(connection)
            jobs = dict(connection.execute("SELECT id, title FROM jobs").fetchall())
        with self._house.gateway_database(stays) as connection:
            kept = read_facts(connection)
            stay = {row[0] for row in connection.execute("SELECT title FROM jobs")}
        with self._house.books.reading() as primary:
            known = {title for (title,) in primary.rows("SELECT title FROM jobs")}
        for (epoch, seq), row in rows.items():
            if seq <= marks.get(epoch, 0):
                self.facts.gone.append(row)
            elif kept.get((epoch, seq)) != row:
                self.untold += 1
                if row["kind"] == "usage.recorded" or row["body"].get("event") == "started":
                    self.paper_untold.add(jobs.get(row["body"]["job_id"], ""))
        self.lost_with_a_disk |= set(jobs.values()) - stay - known

    def wait_for_marks(self) -> dict[str, int]:
        """How far each epoch is committed, once nothing more of a dead box is on its way."""
        before: dict[str, int] = {}
        while True:
            with self._house.books.reading() as primary:
                left = "SELECT epoch, upto_seq FROM lane_epochs WHERE lane = 'facts'"
                now: dict[str, int] = dict(primary.rows(left))
                now |= dict(primary.rows(left.replace("lane_epochs", "lane_marks")))
            if now == before:
                return now
            before = now
            time.sleep(0.5)

    # --- comparing ----------------------------------------------------------------------------

    def lasting_differences(self, settle: Callable[[], object]) -> list[str]:
        """Compare all; what was written between two of them is none, what is lost stays so."""
        for _ in range(_LOOKS):
            found = self.differences()
            if not found:
                break
            time.sleep(1)
            settle()
        return found

    def differences(self) -> list[str]:
        """Compare all of them; for a moment when nothing is on its way."""
        with self._house.gateway_database() as own:
            self.facts.here = read_facts(own)
        with self._house.books.reading() as primary:
            return [
                *self._marks(primary),
                *self._jobs(primary),
                *self._open(primary),
                *self._timelines(primary),
                *self._usage(primary),
                *self._audit(primary),
                *self._paper(primary),
            ]

    def _marks(self, primary: Reader) -> Iterator[str]:
        """The chain over all rows of an epoch: none missing, none more, none out of order."""
        query = "SELECT epoch, next_seq - 1, lower(hex(chain)) FROM outbox_lanes WHERE lane='facts'"
        with self._house.gateway_database() as own:
            here = own.execute(query).fetchone()
        there = primary.row("SELECT epoch, upto_seq, chain FROM lane_marks WHERE lane = 'facts'")
        if here != there:
            yield f"chains differ: {here} here, {there} there"
        parked = primary.rows("SELECT kind, entity, reason FROM parked_rows")
        yield from (f"parked: {row}" for row in parked)

    def _jobs(self, primary: Reader) -> Iterator[str]:
        titles = Counter(title for (title,) in primary.rows("SELECT title FROM jobs"))
        yield from (f"{t} is {n} jobs at the primary" for t, n in titles.items() if n > 1)
        for title in self._told.accepted - titles.keys() - self.lost_with_a_disk:
            yield f"{title} was accepted and the primary knows nothing of it"
        for title in titles.keys() & self._told.refused:
            yield f"{title} was refused and is a job at the primary"
        for title in titles.keys() - self._told.asked:
            yield f"{title} was never sent"

    def _open(self, primary: Reader) -> Iterator[str]:
        """What is open at the primary is open at the gateway: nobody waits for a lost disk."""
        query = "SELECT id, title, state FROM jobs WHERE state < 7"
        with self._house.gateway_database() as own:
            here = {row[0]: row[2] for row in own.execute(query)}
        for job_id, title, state in primary.rows(query):
            if here.get(job_id) != state:
                yield f"{title} is {state} at the primary, and {here.get(job_id)} at the gateway"

    def _timelines(self, primary: Reader) -> Iterator[str]:
        query = f"SELECT job_id, revision, event, {primary.moment} FROM job_events"  # noqa: S608
        lines = Counter(primary.rows(query))
        there = {line for line in lines if line[2] not in _NOT_CHANGES}
        here = {
            (b["job_id"], b["revision"], b["event"], b["at"])
            for b in self.facts.of_kind("job.changed")
        }
        yield from (f"lost: {line}" for line in sorted(here - there)[:5])
        yield from (f"nobody said: {line}" for line in sorted(there - here)[:5])
        yield from (f"told {n} times: {line}" for line, n in lines.items() if n > 1)
        newest: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        query = f"SELECT job_id, home_epoch, revision FROM job_events WHERE {_TOLD}"  # noqa: S608
        for job_id, epoch, revision in primary.rows(query):
            newest[job_id] = max(newest[job_id], (epoch, revision))
        for job_id, epoch, revision in primary.rows("SELECT id, home_epoch, revision FROM jobs"):
            if newest[job_id] > (epoch, revision):
                yield f"{job_id} stands at {epoch}/{revision}, its newest is {newest[job_id]}"
        yield from self._orders()

    def _orders(self) -> Iterator[str]:
        """Within an epoch a job's rows rise, so that they are told in the order they happened."""
        at: dict[tuple[str, str], tuple[int, int]] = {}
        for (epoch, _), row in sorted(self.facts.here.items()):
            if row["kind"] not in ("job.received", "job.changed"):
                continue
            body = row["body"]
            key, now = (epoch, body["job_id"]), (body.get("home_epoch", 1), body.get("revision", 1))
            if now < at.get(key, (0, 0)):
                yield f"{body['job_id']}: {now} was written after {at[key]}"
            at[key] = now

    def _usage(self, primary: Reader) -> Iterator[str]:
        there = {row for (row,) in primary.rows("SELECT id FROM usage_rows")}
        here = {body["id"] for body in self.facts.of_kind("usage.recorded")}
        yield from (f"usage lost: {row}" for row in sorted(here - there)[:5])
        yield from (f"usage that nobody said: {row}" for row in sorted(there - here)[:5])

    def _audit(self, primary: Reader) -> Iterator[str]:
        there = {row for (row,) in primary.rows("SELECT id FROM audit_events")}
        here = {body["id"] for body in self.facts.of_kind("audit.recorded")}
        yield from (f"audit lost: {row}" for row in sorted(here - there)[:5])

    def _paper(self, primary: Reader) -> Iterator[str]:
        """Each sheet is charged once, each charge is a sheet; two of one job only where told."""
        paper = papers(self._house, self._told)
        query = "SELECT title FROM usage_rows JOIN jobs ON jobs.id = usage_rows.job_id"
        charged = Counter(title for (title,) in primary.rows(query))
        states = {
            title: (state, reasons)
            for title, state, reasons in primary.rows("SELECT title, state, reasons FROM jobs")
        }
        told = self._uncertain_ever(primary) | self.paper_untold
        query = (
            "SELECT title FROM job_events JOIN jobs ON jobs.id = job_events.job_id"
            " WHERE event = 'started'"
        )
        begun = Counter(title for (title,) in primary.rows(query))
        for title in sorted({*paper, *charged}):
            out, paid = paper[title], charged[title]
            # A box that was set back in the middle of a job told that it began, and no more.
            if out > 1 and title not in told and max(paid, begun[title]) < out:
                yield f"{title} came out {out} times and was told {paid} times"
            if paid > out:
                yield f"{title} was charged {paid} times and came out {out} times"
            if out == 1 and paid == 0 and title not in told | self.lost_with_a_disk:
                yield f"{title} is on paper and not told: {states.get(title)}"
            if out > 1 and out - 1 > len(self._lives(primary, title)) and title not in told:
                yield f"{title} came out {out} times in one life of its box"
        self.twice_on_paper = {title for title, count in paper.items() if count > 1}

    @staticmethod
    def _uncertain_ever(primary: Reader) -> set[str]:
        query = (
            "SELECT title FROM job_events JOIN jobs ON jobs.id = job_events.job_id"
            " WHERE CAST(job_events.reasons AS text) LIKE :reason"
        )
        reasons = (Hold.UNCERTAIN.value, ON_ITS_WAY)
        return {t for reason in reasons for (t,) in primary.rows(query, reason=f"%{reason}%")}

    @staticmethod
    def _lives(primary: Reader, title: str) -> set[int]:
        """The further lives of its box that speak of the job."""
        query = (
            "SELECT DISTINCT job_events.home_epoch FROM job_events"  # noqa: S608  # our own words
            f" JOIN jobs ON jobs.id = job_events.job_id WHERE title = :title AND {_TOLD}"
        )
        lives = {epoch for (epoch,) in primary.rows(query, title=title)}
        return lives - {min(lives, default=1)}


def papers(house: House, told: Told) -> Counter[str]:
    """What came out whole, by title. What broke off in its middle is no sheet."""
    titles = told.by_sum()
    sums = (hashlib.sha256(path.read_bytes()).hexdigest() for path in house.sheets())
    return Counter(titles[found] for found in sums if found in titles)
