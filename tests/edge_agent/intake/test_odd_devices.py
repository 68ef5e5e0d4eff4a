"""LPD and raw clients that crawl, look around, break off, or come while there is no room."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from edge_agent.intake.limits import IntakeLimits
from edge_agent.jobs.model import Job
from shared.job_states import Hold, JobState
from tests.support.device_ports import Lpd, a_job_within, a_raw_site, an_lpd_site, no_job_within
from tests.support.intake import IntakeSite
from tests.support.jobs import documents_of, until

PDF = b"%PDF-1.7 a page and what is on it "
CONTROL = b"Hpc\nPada\nJreport\nldfA001pc\n"
# Patient between two octets, but not with a document that never comes to its end.
PATIENT = IntakeLimits(header_seconds=5.0, idle_seconds=30.0, slow_after_seconds=0.3)


async def all_jobs(site: IntakeSite) -> list[Job]:
    return list(await site.jobs.service.list_jobs(site.people.alder.id, completed=None))


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send an octet now and then, until nobody wants more."""
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)


async def is_cut_off(reader: asyncio.StreamReader) -> None:
    """Wait until the other side ends the connection, whatever it says before."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(20):
            while await reader.read(1):
                pass


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    dropping = asyncio.create_task(drip(writer))
    try:
        await is_cut_off(reader)
    finally:
        dropping.cancel()
        await asyncio.gather(dropping, return_exceptions=True)
        writer.close()


async def test_a_file_by_lpd_that_only_drips_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    async with an_lpd_site(tmp_path, limits=PATIENT) as (site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b"\0"
        assert await client.file(2, "cfA001pc", CONTROL) == b"\0"
        assert await client.say(b"\x031000000 dfA001pc\n") == b"\0"
        await dripping(client.reader, client.writer)
        await no_job_within(site, seconds=15)
        (job,) = await all_jobs(site)
        assert job.state is JobState.ABORTED
        assert "did not send all" in job.message


async def test_a_file_by_lpd_that_pauses_and_goes_on_is_kept(tmp_path: Path) -> None:
    limits = IntakeLimits(idle_seconds=30.0, slow_after_seconds=0.3, min_bytes_per_second=10)
    async with an_lpd_site(tmp_path, limits=limits) as (site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b"\0"
        assert await client.file(2, "cfA001pc", CONTROL) == b"\0"
        document = PDF * 100
        assert await client.say(f"\x03{len(document)} dfA001pc\n".encode()) == b"\0"
        client.writer.write(document[:1000])
        await client.writer.drain()
        await asyncio.sleep(0.6)
        assert await client.say(document[1000:] + b"\0") == b"\0"
        client.close()
        (job,) = await all_jobs(site)
        assert await documents_of(site.jobs, job.id) == [document]


async def test_a_raw_document_that_only_drips_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    async with a_raw_site(tmp_path, limits=PATIENT) as (site, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PDF)
        await dripping(reader, writer)
        await no_job_within(site, seconds=15)
        (job,) = await all_jobs(site)
        assert job.state is JobState.ABORTED


async def test_looking_whether_a_raw_port_is_open_makes_no_job(tmp_path: Path) -> None:
    async with a_raw_site(tmp_path) as (site, port):
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(1), 10) == b""
            writer.close()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PDF)
        writer.close()
        sent = await a_job_within(site, seconds=15)
        assert [job.number for job in await all_jobs(site)] == [sent.number]


@pytest.mark.parametrize("name", ["pull/t/abc", "pull/jobs/1", "pull/t/", "../pull", ""])
async def test_a_queue_of_lpd_is_a_queue_and_nothing_below_it(tmp_path: Path, name: str) -> None:
    async with an_lpd_site(tmp_path) as (_site, server):
        for queue, answer in ((name, b"\1" if name else b""), ("pull", b"\0"), ("/pull", b"\0")):
            client = await Lpd.connect(server)
            assert await client.say(f"\x02{queue}\n".encode()) == answer
            client.close()


async def test_without_room_a_raw_port_reads_nothing_until_there_is_some(tmp_path: Path) -> None:
    async with a_raw_site(tmp_path) as (site, port):
        rooms = [False]
        site.jobs.service.spool.has_room = lambda: rooms[0]  # type: ignore[method-assign]
        document = PDF * 1_000_000
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(document)
        sending = asyncio.create_task(writer.drain())
        # More than sockets hold, so the client waits as it would for paper.
        done, _ = await asyncio.wait({sending}, timeout=1.5)
        assert not done
        assert await all_jobs(site) == []
        rooms[0] = True
        await asyncio.wait_for(sending, 60)
        writer.close()
        job = await a_job_within(site, seconds=60)
        assert await documents_of(site.jobs, job.id) == [document]


@pytest.mark.parametrize(
    ("rules", "title", "hold"),
    [
        ({"user_from": ["title"]}, "Ada_report", Hold.OWNER),
        ({"user_from": ["title"], "title_separator": "."}, "ada.report", Hold.OWNER),
        ({"user_from": ["title"]}, "report", Hold.QUARANTINE),
        ({"user_from": ["title"], "title_separator": "."}, "ada_report", Hold.QUARANTINE),
        ({"user_from": ["protocol"]}, "ada_report", Hold.QUARANTINE),
    ],
)
async def test_a_title_names_its_person_where_the_rule_says_so(
    tmp_path: Path, rules: dict[str, Any], title: str, hold: Hold
) -> None:
    async with an_lpd_site(tmp_path, **rules) as (site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b"\0"
        control = f"Hhost\nPbatch\nJ{title}\nldfA001host\n".encode()
        assert await client.file(2, "cfA001host", control) == b"\0"
        assert await client.file(3, "dfA001host", PDF) == b"\0"
        client.close()
        await until(lambda: server.health().figures["connections"] == 0, 15)
        (job,) = await all_jobs(site)
        assert job.holds == {hold}
        assert job.title == title
