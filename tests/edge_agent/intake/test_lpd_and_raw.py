"""LPD and raw 9100 with the clients that others wrote, and with those that lie."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.intake.pjl import UEL
from edge_agent.jobs.model import Job
from shared.job_states import Hold, JobState
from shared.messages.records import IdentityPolicy
from tests.support.device_ports import Lpd, a_job_within, a_raw_site, an_lpd_site, no_job_within
from tests.support.intake import IntakeSite
from tests.support.jobs import documents_of, facts_of, until
from tests.support.samples import a_pdf

PDF = a_pdf(2)
BACKENDS = Path("/usr/lib/cups/backend")


async def the_job(site: IntakeSite) -> Job:
    (job,) = await site.jobs.service.list_jobs(site.people.alder.id)
    return job


async def backend(
    name: str, uri: str, file: Path, *, user: str, title: str, copies: str = "1"
) -> int:
    """Run a CUPS backend as its scheduler would."""
    program = BACKENDS / name
    process = await asyncio.create_subprocess_exec(
        str(program),
        "833",
        user,
        title,
        copies,
        "",
        str(file),
        env={**os.environ, "DEVICE_URI": uri},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(20):
        return await process.wait()


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    file = tmp_path / "report.pdf"
    file.write_bytes(PDF)
    return file


@pytest.mark.parametrize(
    "order", ["", "?order=data,control", "?reserve=none&format=f"], ids=["control", "data", "f"]
)
async def test_cups_prints_by_lpd_in_either_order(tmp_path: Path, pdf: Path, order: str) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        uri = f"lpd://127.0.0.1:{server.port}/pull{order}"
        assert await backend("lpd", uri, pdf, user="ada", title="Invoice") == 0
        job = await the_job(site)
        assert (job.state, job.holds) == (JobState.PENDING_HELD, frozenset({Hold.OWNER}))
        assert (job.owner_id, job.identity) == (site.people.alder.users["ada"].id, "claimed")
        assert (job.title, job.document_format) == ("Invoice", "application/pdf")
        assert await documents_of(site.jobs, job.id) == [PDF]


@pytest.mark.skipif(shutil.which("rlpr") is None, reason="rlpr is not installed")
async def test_rlpr_prints(tmp_path: Path, pdf: Path) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        process = await asyncio.create_subprocess_exec(
            "rlpr",
            "--no-bind",
            f"--port={server.port}",
            "-H127.0.0.1",
            "-Pdirect",
            "-Jben_minutes",
            str(pdf),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        assert process.returncode == 0, said
        job = await the_job(site)
        # rlpr runs as root, whom nobody knows here: the title names its owner.
        assert job.owner_id == site.people.alder.users["ben"].id
        assert (job.state, job.printer_id) == (JobState.PENDING, site.people.printer_id)
        assert await documents_of(site.jobs, job.id) == [PDF]


async def test_a_job_that_names_nobody_is_quarantined_and_noted(tmp_path: Path, pdf: Path) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        uri = f"lpd://127.0.0.1:{server.port}/direct"
        assert await backend("lpd", uri, pdf, user="mallory", title="x") == 0
        job = await the_job(site)
        assert (job.state, job.holds) == (JobState.PENDING_HELD, frozenset({Hold.QUARANTINE}))
        assert (job.identity, job.owner_id) == ("unknown", None)
        assert [r.event for r in await site.refusals()] == ["intake.quarantined"]
        remark = "Nobody who may use this queue is called mallory."
        assert job.message == f"Nobody knows whose it is. {remark}"
        assert facts_of(site.jobs, job.id)[0]["body"]["message"] == remark


async def test_where_people_must_sign_in_a_name_in_lpd_is_worth_nothing(
    tmp_path: Path, pdf: Path
) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        strict = replace(site.people.pull, identity=IdentityPolicy.SIGN_IN)
        site.people.feed.put(site.people.alder.stream, strict)
        uri = f"lpd://127.0.0.1:{server.port}/pull"
        assert await backend("lpd", uri, pdf, user="ada", title="x") == 0
        assert (await the_job(site)).holds == frozenset({Hold.QUARANTINE})


CONTROL = b"Hpc\nPada\nJreport\nldfA001pc\nNreport.pdf\n"


async def test_two_jobs_and_two_files_in_one_connection(tmp_path: Path) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b"\0"
        both = b"Hpc\nPada\nJtwo files\nldfA002pc\nldfA002pc\nldfB002pc\n"
        answers = [
            await client.file(2, "cfA001pc", CONTROL),
            await client.file(3, "dfA001pc", PDF),
            await client.file(3, "dfA002pc", b"%PDF-1 first"),
            await client.file(3, "dfB002pc", b"%PDF-1 second"),
            await client.file(2, "cfA002pc", both),
        ]
        client.close()
        assert answers == [b"\0"] * 5
        one, two = await site.jobs.service.list_jobs(site.people.alder.id)
        assert (one.title, two.title, two.ticket["copies"]) == ("report", "two files", 2)
        assert await documents_of(site.jobs, two.id) == [b"%PDF-1 first", b"%PDF-1 second"]


@pytest.mark.parametrize("size", [0, 4294967295, 125899906843000])
async def test_a_size_that_means_nothing_lasts_until_the_client_closes(
    tmp_path: Path, size: int
) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b"\0"
        assert await client.file(2, "cfA001pc", CONTROL) == b"\0"
        assert await client.say(f"\x03{size} dfA001pc\n".encode()) == b"\0"
        client.writer.write(PDF)
        client.writer.write_eof()
        assert await asyncio.wait_for(client.reader.read(1), 5) == b"\0"
        client.close()
        job = await the_job(site)
        assert await documents_of(site.jobs, job.id) == [PDF]
        assert job.owner_id == site.people.alder.users["ada"].id


@pytest.mark.parametrize("how", ["data cut short", "no control file", "no data", "abort", "noise"])
async def test_a_job_that_is_not_whole_leaves_nothing(tmp_path: Path, how: str) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b"\0"
        if how == "no control file":
            await client.file(3, "dfA001pc", PDF)
        else:
            await client.file(2, "cfA001pc", CONTROL)
        if how == "data cut short":
            assert await client.say(b"\x031000 dfA001pc\n") == b"\0"
            client.writer.write(b"x" * 500)
        elif how == "abort":
            assert await client.say(b"\x01\n") == b"\0"
        elif how == "noise":
            assert await client.say(b"GET / HTTP/1.1\n") == b"\1"
        client.close()
        await until(lambda: server.health().figures["connections"] == 0, 15)  # it has heard all
        await no_job_within(site, seconds=15)
        assert await site.jobs.service.list_jobs(site.people.alder.id) == []
        kept = [p for p in (tmp_path / "spool").rglob("*") if p.is_file()]
        assert not [p for p in kept if "segments" not in p.parts]


async def test_without_room_lpd_says_no(tmp_path: Path) -> None:
    async with an_lpd_site(tmp_path, watermark_bytes=1 << 62) as (_site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b"\1"
        client.close()


async def test_status_tells_no_titles_and_a_queue_that_is_not_there_is_refused(
    tmp_path: Path, pdf: Path
) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        uri = f"lpd://127.0.0.1:{server.port}/pull"
        await backend("lpd", uri, pdf, user="ada", title="Secret")
        client = await Lpd.connect(server)
        client.writer.write(b"\x04pull ada\n")
        said = await asyncio.wait_for(client.reader.read(), 5)
        client.close()
        assert said == b"pull is ready, jobs: 1\n"
        stranger = await Lpd.connect(server)
        assert await stranger.say(b"\x02nowhere\n") == b"\1"
        stranger.close()
        assert "lpd.refused" in {r.event for r in await site.refusals()}


async def test_jobs_are_removed_by_the_name_that_sent_them_only(tmp_path: Path, pdf: Path) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        uri = f"lpd://127.0.0.1:{server.port}/pull"
        await backend("lpd", uri, pdf, user="ada", title="Mine")
        number = (await the_job(site)).number
        ben = await Lpd.connect(server)
        assert await ben.say(f"\x05pull ben {number}\n".encode()) == b"\1"
        ben.close()
        assert (await the_job(site)).state is JobState.PENDING_HELD
        ada = await Lpd.connect(server)
        assert await ada.say(f"\x05pull ada {number}\n".encode()) == b"\0"
        ada.close()
        assert await site.jobs.service.list_jobs(site.people.alder.id) == []


async def test_an_address_that_is_not_allowed_gets_nothing(tmp_path: Path) -> None:
    async with an_lpd_site(tmp_path, allow=["10.9.8.0/24"]) as (site, server):
        client = await Lpd.connect(server)
        assert await client.say(b"\x02pull\n") == b""
        client.close()
        assert (await site.refusals())[0].detail["reason"] == "address"


async def test_cups_prints_to_a_raw_port_and_pjl_says_whose_it_is(tmp_path: Path) -> None:
    file = tmp_path / "job.prn"
    head = b'@PJL JOB NAME="Plan"\r\n@PJL SET USERNAME="ada"\r\n@PJL SET DUPLEX=ON\r\n'
    evil = b'@PJL FSDELETE NAME="0:/x"\r\n'
    file.write_bytes(
        UEL + head + evil + b"@PJL ENTER LANGUAGE=PDF\r\n" + PDF + UEL + b"@PJL EOJ\r\n"
    )
    async with a_raw_site(tmp_path) as (site, port):
        uri = f"socket://127.0.0.1:{port}/?waiteof=false"
        assert await backend("socket", uri, file, user="root", title="x") == 0
        job = await a_job_within(site, seconds=15)
        assert (job.title, job.ticket) == ("Plan", {"sides": "two-sided-long-edge"})
        assert job.owner_id == site.people.alder.users["ada"].id
        assert await documents_of(site.jobs, job.id) == [PDF]
        assert [r.event for r in await site.refusals()] == ["intake.filtered"]


@pytest.mark.parametrize("hostile", [True, False], ids=["hostile", "harmless"])
@pytest.mark.parametrize("protocol", ["lpd", "raw"])
async def test_postscript_that_changes_a_printer_waits_for_the_operator(
    tmp_path: Path, protocol: str, *, hostile: bool
) -> None:
    body = b"%!PS\n" + (b"0 exitserver" if hostile else b"(exitserver) show showpage") + b"\n"
    if protocol == "lpd":
        async with an_lpd_site(tmp_path) as (site, server):
            file = tmp_path / "report.ps"
            file.write_bytes(body)
            uri = f"lpd://127.0.0.1:{server.port}/direct"
            assert await backend("lpd", uri, file, user="ada", title="x") == 0
            job, noted = await the_job(site), await site.refusals()
            kept = await documents_of(site.jobs, job.id)
    else:
        async with a_raw_site(tmp_path, sources={"127.0.0.1": "Ada"}) as (site, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(UEL + b"@PJL ENTER LANGUAGE=POSTSCRIPT\r\n" + body + UEL)
            writer.close()
            job, noted = await a_job_within(site, seconds=15), await site.refusals()
            kept = await documents_of(site.jobs, job.id)
    assert kept == [body]
    assert (Hold.NEW in job.holds, [r.detail.get("operators") for r in noted]) == (
        (True, ["exitserver"]) if hostile else (False, [])
    )
    assert ("It is PostScript that may change its printer: exitserver." in job.message) is hostile


async def test_a_raw_job_is_its_sources_or_nobodys(tmp_path: Path) -> None:
    for folder, sources, owner in (
        ("known", {"127.0.0.1": "Ada"}, True),
        ("unknown", {"10.0.0.1": "Ada"}, False),
    ):
        place = tmp_path / folder
        place.mkdir()
        async with a_raw_site(place, sources=sources) as (site, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(PDF)
            writer.close()
            await writer.wait_closed()
            job = await a_job_within(site, seconds=15)
            assert (job.owner_id is not None) is owner
            assert job.holds == frozenset({Hold.OWNER if owner else Hold.QUARANTINE})


async def test_a_raw_connection_that_says_nothing_or_falls_silent_leaves_no_job(
    tmp_path: Path,
) -> None:
    async with a_raw_site(tmp_path) as (site, port):
        _, empty = await asyncio.open_connection("127.0.0.1", port)
        empty.close()
        reader, silent = await asyncio.open_connection("127.0.0.1", port)
        silent.write(PDF)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        silent.close()
        await no_job_within(site, seconds=15)
        assert await site.jobs.service.list_jobs(site.people.alder.id) == []
