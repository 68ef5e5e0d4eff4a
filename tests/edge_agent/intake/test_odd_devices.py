"""LPD and raw clients that crawl, look around, break off, or come while there is no room."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.lpd_server import LpdServer
from edge_agent.intake.queue_status import QUEUES_FILE, StatusBoard
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


async def by_lpd(server: LpdServer, queue: str) -> list[bytes]:
    """Send a job as far as it is taken; give the answers."""
    client = await Lpd.connect(server)
    answers = [await client.say(f"\x02{queue}\n".encode())]
    if answers == [b"\0"]:
        answers.append(await client.file(2, "cfA001pc", CONTROL))
        answers.append(await client.file(3, "dfA001pc", PDF))
    client.close()
    return answers


@pytest.mark.parametrize(
    ("switch", "hold"),
    [({"is_paused": True}, Hold.PAUSED), ({"holds_new_jobs": True}, Hold.NEW), ({}, None)],
    ids=["paused", "held on create", "as it was"],
)
async def test_what_the_operator_set_holds_for_lpd_too(
    tmp_path: Path, switch: dict[str, bool], hold: Hold | None
) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        board = StatusBoard(site.jobs.service.clock, tmp_path / QUEUES_FILE)
        await board.change(site.people.direct.id, **switch)
        assert await by_lpd(server, "direct") == [b"\0"] * 3
        (job,) = await all_jobs(site)
        assert job.holds == ({hold} if hold else frozenset())
        assert (job.state is JobState.PENDING) is (hold is None)


@pytest.mark.parametrize("why", ["disabled", "shut down", "no printer"])
async def test_a_queue_that_takes_nothing_takes_nothing_by_lpd(tmp_path: Path, why: str) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        board = StatusBoard(site.jobs.service.clock, tmp_path / QUEUES_FILE)
        direct, stream = site.people.direct, site.people.alder.stream
        if why == "no printer":
            site.people.feed.put(stream, replace(direct, printer_id=None))
        else:
            switch = {"is_shut_down": True} if why == "shut down" else {"is_accepting": False}
            await board.change(direct.id, **switch)
        assert await by_lpd(server, "direct") == [b"\1"]
        site.people.feed.put(stream, direct)
        await board.change(direct.id, is_accepting=True, is_shut_down=False)
        assert await by_lpd(server, "direct") == [b"\0"] * 3


async def test_a_raw_port_of_a_disabled_queue_waits_until_it_is_enabled(tmp_path: Path) -> None:
    async with a_raw_site(tmp_path) as (site, port):
        board = StatusBoard(site.jobs.service.clock, tmp_path / QUEUES_FILE)
        await board.change(site.people.pull.id, is_accepting=False)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PDF)
        await writer.drain()
        await asyncio.sleep(0.5)
        assert await all_jobs(site) == []
        await board.change(site.people.pull.id, is_accepting=True)
        writer.close()
        job = await a_job_within(site, seconds=15)
        assert await documents_of(site.jobs, job.id) == [PDF]


async def test_who_has_gone_again_holds_no_place_beyond_the_cap(tmp_path: Path) -> None:
    """Each has left a document to be read once there is room; the sixth is refused."""
    limits = IntakeLimits(connections=5)
    async with a_raw_site(tmp_path, limits=limits) as (site, port):
        rooms = [False]
        site.jobs.service.spool.has_room = lambda: rooms[0]  # type: ignore[method-assign]
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(PDF)
            writer.close()
            await writer.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await is_cut_off(reader)
        writer.close()
        rooms[0] = True
        await whole_jobs(site, 5)
        assert {job.size_bytes for job in await all_jobs(site)} == {len(PDF)}


async def whole_jobs(site: IntakeSite, jobs: int) -> None:
    """Wait for so many jobs that have come whole."""
    async with asyncio.timeout(30):
        while sum(Hold.INCOMING not in job.holds for job in await all_jobs(site)) < jobs:
            await asyncio.sleep(0.02)
