"""What others' clients send comes out of the printer octet for octet, whichever way it came."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_agent.intake.lpd_server import LpdServer
from edge_agent.intake.raw_server import RawServer
from edge_agent.jobs.runner import Runner
from shared.ipp.build import request
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation
from tests.support.drivers import FakePrinter, a_printer_record
from tests.support.intake import SUITES, IntakeSite, an_intake_site, ipptool
from tests.support.ippeveprinter import free_port
from tests.support.job_load import take
from tests.support.jobs import until
from tests.support.private_cups import private_cups

BACKENDS = Path("/usr/lib/cups/backend")


@dataclass
class House:
    """A gateway with all three doors open, and its printer."""

    site: IntakeSite
    printer: FakePrinter
    lpd_port: int
    raw_port: int
    file: Path


@asynccontextmanager
async def a_house(folder: Path) -> AsyncIterator[House]:
    printer, raw_port, file = FakePrinter(), free_port(), folder / "report.pdf"
    file.write_bytes(b"%PDF-1.7\n" + random.Random(7).randbytes(1_000_000))
    async with an_intake_site(folder) as site:
        people, jobs = site.people, site.jobs.service
        people.feed.put(people.alder.stream, replace(people.direct, raw_port=raw_port))
        runner = Runner(jobs, lambda _: printer, a_printer_record)
        jobs.listeners.on_pending(lambda job: take(runner, job))
        await runner.start()
        given = {"jobs": jobs, "directory": people.directory, "audit": site.audit}
        lpd = LpdServer(**given, port=0)  # type: ignore[arg-type]
        raw = RawServer(**given, options={"sources": {"127.0.0.1": "ada"}})  # type: ignore[arg-type]
        await lpd.start()
        await raw.start()
        try:
            yield House(site, printer, lpd.port, raw_port, file)
        finally:
            await raw.stop()
            await lpd.stop()
            await runner.stop()


async def run(*command: str, **environment: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def backend(house: House, name: str, uri: str) -> None:
    await run(str(BACKENDS / name), "1", "ada", "title", "1", "", str(house.file), DEVICE_URI=uri)


async def by_lpd_backend(house: House) -> None:
    await backend(house, "lpd", f"lpd://127.0.0.1:{house.lpd_port}/direct")


async def by_socket_backend(house: House) -> None:
    await backend(house, "socket", f"socket://127.0.0.1:{house.raw_port}/?waiteof=false")


async def by_rlpr(house: House) -> None:
    lpd = ("--no-bind", f"--port={house.lpd_port}", "-H127.0.0.1", "-Pdirect", "-Jada_x")
    await run("rlpr", *lpd, str(house.file))


async def by_ipptool(house: House) -> None:
    test = str(SUITES / "print-job.test")
    result = await ipptool("-t", "-f", str(house.file), house.site.uri("direct"), test)
    assert result.passed, result.output


async def by_ipptool_over_tls(house: House) -> None:
    test, uri = str(SUITES / "print-job.test"), house.site.uri("direct", secure=True)
    result = await ipptool("-tC", "-T", "30", "-f", str(house.file), uri, test)
    assert result.passed, result.output


async def by_curl_chunked(house: House) -> None:
    head = encode_message(request(Operation.PRINT_JOB, house.site.uri("direct"), user="ada"))
    body = house.file.with_suffix(".ipp")
    body.write_bytes(head + house.file.read_bytes())
    url = f"http://localhost:{house.site.port}/ipp/print/direct"
    fields = ("-H", "Content-Type: application/ipp", "-H", "Transfer-Encoding: chunked")
    await run("curl", "-sSf", *fields, "--data-binary", f"@{body}", "-o", os.devnull, url)


async def by_cups_everywhere(house: House) -> None:
    """As it is: what CUPS' filters would make of a PDF is CUPS' affair."""
    with private_cups() as cups:
        await asyncio.to_thread(cups.add_queue, "office", house.site.uri("direct"))
        command = ("lp", "-U", "ada", "-d", "office", "-o", "raw", str(house.file))
        await asyncio.to_thread(cups.run, *command)
        await until(lambda: house.printer.paper, 60)


WAYS = [
    by_cups_everywhere,
    by_lpd_backend,
    by_socket_backend,
    by_rlpr,
    by_ipptool,
    by_ipptool_over_tls,
    by_curl_chunked,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_same_octets_come_out(
    tmp_path: Path, way: Callable[[House], Awaitable[None]]
) -> None:
    async with a_house(tmp_path) as house:
        await way(house)
        await until(lambda: house.printer.paper, 60)
        ((_, document),) = house.printer.paper
        sent = hashlib.sha256(house.file.read_bytes()).hexdigest()
        assert hashlib.sha256(document).hexdigest() == sent
