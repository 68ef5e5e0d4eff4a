"""Bodies as clients send them: chunked, with Expect, large, many at once, and beside slow ones."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.intake.hosts import TrustedHosts, split_authority
from edge_agent.intake.targets import read_path
from shared.ipp.build import request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation, Status
from tests.support.counts import count, progress
from tests.support.intake import IntakeSite, an_intake_site

PDF = b"%PDF-1.7 a report"


def head_of_a_job(site: IntakeSite) -> bytes:
    return encode_message(request(Operation.PRINT_JOB, site.uri("pull"), user="ada"))


async def digest_of(site: IntakeSite, number: int) -> str:
    job = await site.jobs.service.get(number)
    (document,) = await site.jobs.service.list_documents(job.id)
    digest = hashlib.sha256()
    async for chunk in site.jobs.service.open_document(document):
        digest.update(chunk)
    return digest.hexdigest()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
async def test_curl_posts_five_megabytes_and_they_are_kept(
    tmp_path: Path, chunked: bool, secure: bool
) -> None:
    document = b"%PDF-1.7 " + os.urandom(5_000_000)
    async with an_intake_site(tmp_path) as site:
        (tmp_path / "body").write_bytes(head_of_a_job(site) + document)
        scheme = "https" if secure else "http"
        more = ["-H", "Transfer-Encoding: chunked"] if chunked else []
        process = await asyncio.create_subprocess_exec(
            "curl", "-sk", "--max-time", "30", "-H", "Content-Type: application/ipp",
            "-u", "ada:correct horse", "-H", "Expect: 100-continue", *more,
            "--data-binary", f"@{tmp_path}/body",
            f"{scheme}://localhost:{site.port}/ipp/print/pull",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        answer, _ = await process.communicate()
        message = decode_message(answer)[0]
        assert message.code == Status.SUCCESSFUL_OK
        kept = await digest_of(site, message.job.get_integer("job-id"))
        assert kept == hashlib.sha256(document).hexdigest()


@pytest.mark.scaled
@pytest.mark.timeout(600)
async def test_a_large_document_costs_disk_and_not_memory(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    pieces = count(100, 2000)  # of a megabyte
    piece = os.urandom(1 << 20)

    async def body(site: IntakeSite) -> AsyncIterator[bytes]:
        yield head_of_a_job(site) + b"%PDF-1.7 "
        for number in range(pieces):
            progress(number, pieces, "MB")
            yield piece

    async with an_intake_site(tmp_path) as site:
        await site.post("/ipp/print/pull", head_of_a_job(site) + b"%PDF-1.7 small")
        before = resident_bytes()
        watcher = asyncio.create_task(highest(resident_bytes))
        _, answer = await site.post("/ipp/print/pull", body(site))
        watcher.cancel()
        grown = (await watcher) - before
        number = decode_message(answer)[0].job.get_integer("job-id")
        job = await site.jobs.service.get(number)
        assert job.size_bytes == 9 + (pieces << 20)
    proof(f"a document of {pieces} MB over IPP: {grown >> 20} MB more memory, client included")
    assert grown < 60 << 20


def resident_bytes() -> int:
    """The memory of this process now: its highest mark is its starter's, inherited."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def highest(figure: Callable[[], int]) -> int:
    """Watch a figure until canceled; gives the highest that was seen."""
    seen = figure()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            seen = max(seen, figure())
            await asyncio.sleep(0.01)
    return seen


async def test_jobs_of_many_clients_at_once_keep_their_own_bytes(tmp_path: Path) -> None:
    documents = [b"%PDF-1.7 " + os.urandom(200 + 9_000 * (n % 12)) for n in range(60)]
    async with an_intake_site(tmp_path) as site:
        head = head_of_a_job(site)
        answers = await asyncio.gather(
            *(site.post("/ipp/print/pull", head + document) for document in documents)
        )
        numbers = [decode_message(body)[0].job.get_integer("job-id") for _, body in answers]
        assert len(set(numbers)) == len(documents)
        for number, document in zip(numbers, documents, strict=True):
            assert await digest_of(site, number) == hashlib.sha256(document).hexdigest()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.lists(st.binary(max_size=200), min_size=1, max_size=3))
def test_noise_on_the_port_leaves_the_server_well(tmp_path: Path, noise: list[bytes]) -> None:
    async def story() -> int:
        async with an_intake_site(tmp_path / "site") as site:
            for start in (
                b"",
                b"POST /ipp/print/pull HTTP/1.1\r\nHost: localhost\r\n",
                b"\x16\x03",
            ):
                _, writer = await asyncio.open_connection("127.0.0.1", site.port)
                writer.write(start + b"".join(noise))
                writer.close()
            answer = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES)
            return answer.code

    (tmp_path / "site").mkdir(exist_ok=True)
    for leftover in (tmp_path / "site").glob("replica.db*"):
        leftover.unlink()
    assert asyncio.run(story()) == Status.SUCCESSFUL_OK


@given(st.text(max_size=60))
def test_no_host_and_no_path_makes_them_fail(text: str) -> None:
    parts = split_authority(text)
    trusted = parts is not None and TrustedHosts(["box"]).trusts(parts[0], "127.0.0.1")
    assert not trusted or parts is None or parts[0] in ("box", "localhost") or "127" in parts[0]
    found = read_path(f"/ipp/print/{text}")
    assert found is None or all(found.segments)
