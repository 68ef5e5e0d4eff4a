"""LPD and raw ports over a real intake, and clients that say what a test wants said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.lpd_server import LpdServer
from edge_agent.intake.raw_server import RawServer
from edge_agent.jobs.model import Job
from shared.job_states import Hold
from tests.support.intake import IntakeSite, an_intake_site
from tests.support.ippeveprinter import free_port

QUICK: Final = IntakeLimits(header_seconds=1.0, idle_seconds=1.0)


@asynccontextmanager
async def an_lpd_site(
    folder: Path, *, limits: IntakeLimits = QUICK, watermark_bytes: int = 0, **options: Any
) -> AsyncIterator[tuple[IntakeSite, LpdServer]]:
    """Listen for LPD; the options are the service's."""
    async with an_intake_site(folder, watermark_bytes=watermark_bytes) as site:
        server = LpdServer(
            jobs=site.jobs.service,
            directory=site.people.directory,
            audit=site.audit,
            port=0,
            options=options,
            limits=limits,
            state_dir=folder,
        )
        await server.start()
        try:
            yield site, server
        finally:
            await server.stop()


@asynccontextmanager
async def a_raw_site(
    folder: Path, *, limits: IntakeLimits = QUICK, watermark_bytes: int = 0, **options: Any
) -> AsyncIterator[tuple[IntakeSite, int]]:
    """Listen on a raw port of the pull queue; the options are the service's."""
    async with an_intake_site(folder, watermark_bytes=watermark_bytes) as site:
        port = free_port()
        site.people.feed.put(site.people.alder.stream, replace(site.people.pull, raw_port=port))
        server = RawServer(
            jobs=site.jobs.service,
            directory=site.people.directory,
            audit=site.audit,
            options=options,
            limits=limits,
            state_dir=folder,
        )
        await server.start()
        assert server.ports == [port]
        try:
            yield site, port
        finally:
            await server.stop()


class Lpd:
    """A client that says what a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, server: LpdServer) -> Lpd:
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def say(self, data: bytes) -> bytes:
        """Send and give the one octet that answers."""
        self.writer.write(data)
        try:
            return await asyncio.wait_for(self.reader.read(1), 5)
        except ConnectionError:
            return b""

    async def file(self, code: int, name: str, content: bytes, size: int | None = None) -> bytes:
        count = len(content) if size is None else size
        assert await self.say(bytes([code]) + f"{count} {name}\n".encode()) == b"\0"
        return await self.say(content + b"\0")

    def close(self) -> None:
        self.writer.close()


async def no_job_within(site: IntakeSite, seconds: float) -> None:
    """What came to nothing is taken back a moment later."""
    async with asyncio.timeout(seconds):
        while await site.jobs.service.list_jobs(site.people.alder.id):
            await asyncio.sleep(0.02)


async def a_job_within(site: IntakeSite, seconds: float) -> Job:
    """The raw protocol acknowledges nothing: look until the job is there."""
    async with asyncio.timeout(seconds):
        while True:
            jobs = await site.jobs.service.list_jobs(site.people.alder.id)
            if jobs and Hold.INCOMING not in jobs[0].holds:
                return jobs[0]
            await asyncio.sleep(0.02)
