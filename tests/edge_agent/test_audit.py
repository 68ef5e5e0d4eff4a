from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from edge_agent.audit import REFUSED_PER_MINUTE, Audit
from shared.messages.events import AuditRecorded
from tests.support.people import ManualClock


class Book:
    """Where rows are written; fails while a test says so."""

    def __init__(self) -> None:
        self.rows: list[AuditRecorded] = []
        self.writes = 0
        self.is_full = False

    async def write(self, facts: Sequence[AuditRecorded]) -> None:
        if self.is_full:
            raise OSError("the disk is full")
        self.writes += 1
        self.rows.extend(facts)


async def test_a_hammered_door_writes_little_and_tells_how_often() -> None:
    book, clock = Book(), ManualClock()
    audit = Audit(clock, book.write)
    for _ in range(1000):
        audit.record("terminal.refused", ok=False, source="10.0.0.9")
    audit.record("terminal.refused", ok=False, source="10.0.0.8")
    await audit.flush()
    assert len(book.rows) == REFUSED_PER_MINUTE + 1
    clock.move(minutes=2)
    audit.record("terminal.refused", ok=False, source="10.0.0.9")
    await audit.flush()
    assert book.rows[-1].detail == {"before_this": 1000 - REFUSED_PER_MINUTE}


async def test_a_busy_morning_is_written_whole() -> None:
    book = Book()
    audit = Audit(ManualClock(), book.write)
    for _ in range(200):
        audit.record("card.tapped", ok=True, source="reader:front")
    await audit.flush()
    assert len(book.rows) == 200
    assert book.writes == 1


async def test_rows_are_written_soon_and_together() -> None:
    book = Book()
    audit = Audit(ManualClock(), book.write)
    running = asyncio.create_task(audit.run())
    for n in range(5):
        audit.record("card.unknown", ok=False, source=f"reader:{n}")
    async with asyncio.timeout(5):
        while len(book.rows) < 5:
            await asyncio.sleep(0.01)
    assert book.writes == 1
    running.cancel()
    await asyncio.wait([running])


async def test_a_full_disk_loses_rows_aloud_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book = Book()
    audit = Audit(ManualClock(), book.write)
    book.is_full = True
    audit.record("card.unknown", ok=False, source="reader:1")
    await audit.flush()
    assert "could not be written" in caplog.text
    book.is_full = False
    audit.record("card.unknown", ok=False, source="reader:2")
    await audit.flush()
    assert [row.source for row in book.rows] == ["reader:2"]
