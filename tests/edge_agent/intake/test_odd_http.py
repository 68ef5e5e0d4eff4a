"""HTTP as only proxies, old programs and attackers write it, around a print job that is well."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest

from edge_agent.intake.hosts import split_authority, write_authority
from edge_agent.intake.limits import IntakeLimits
from shared.ipp.build import request
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation
from tests.support.intake import IntakeSite, an_intake_site
from tests.support.jobs import until

PDF = b"%PDF-1.7 a report"


def a_print_job(site: IntakeSite) -> bytes:
    return encode_message(request(Operation.PRINT_JOB, site.uri("pull"), user="ada")) + PDF


async def ask(site: IntakeSite, body: bytes, *fields: str, target: str = "/ipp/print/pull") -> str:
    """Send a request as it stands; give its answer's first line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = [
        f"POST {target} HTTP/1.1",
        f"Host: localhost:{site.port}",
        "Content-Type: application/ipp",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *fields,
    ]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    try:
        async with asyncio.timeout(20):
            line = b""
            while not line or b" 100 " in line:
                line = await reader.readuntil(b"\r\n")
                if b" 100 " in line:
                    await reader.readuntil(b"\r\n")
            return line.decode().strip()
    finally:
        writer.close()


async def jobs_of(site: IntakeSite) -> int:
    return len(await site.jobs.service.list_jobs(site.people.alder.id, completed=None))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (("Content-Encoding: gzip",), 415),
        (("Content-Encoding: identity",), 200),
        (("Expect: 200-maybe",), 417),
        (("Expect: 100-Continue",), 200),
    ],
    ids=str,
)
async def test_what_a_field_asks_is_done_or_refused(
    tmp_path: Path, fields: tuple[str, ...], status: int
) -> None:
    async with an_intake_site(tmp_path) as site:
        body = a_print_job(site)
        sent = gzip.compress(body) if "gzip" in fields[0] else body
        assert (await ask(site, sent, *fields)).startswith(f"HTTP/1.1 {status}")
        assert await jobs_of(site) == (status == 200)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://evil.example", 421), ("http://evil.example:{port}", 421), ("http://localhost", 200)],
)
async def test_an_absolute_target_says_for_whom_it_is(
    tmp_path: Path, origin: str, status: int
) -> None:
    """Whatever Host says: a page of a stranger's domain gets no answer of ours."""
    async with an_intake_site(tmp_path) as site:
        target = f"{origin.format(port=site.port)}/ipp/print/pull"
        assert (await ask(site, a_print_job(site), target=target)).startswith(f"HTTP/1.1 {status}")
        assert await jobs_of(site) == (status == 200)


@pytest.mark.parametrize(
    "limits",
    [IntakeLimits(connections=5), IntakeLimits(connections_per_source=5)],
    ids=["of all", "of one source"],
)
async def test_one_connection_too_many_is_refused_until_another_ends(
    tmp_path: Path, limits: IntakeLimits
) -> None:
    async with an_intake_site(tmp_path, limits=limits) as site:
        kept = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(5)]
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ask(site, a_print_job(site))
        kept.pop()[1].close()

        def is_free() -> bool:
            return int(site.server.health().figures["connections"]) < 5

        await until(is_free, 15)
        assert (await ask(site, a_print_job(site))).startswith("HTTP/1.1 200")
        for _, writer in kept:
            writer.close()


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("10.0.0.1", "10.0.0.1:631"),
        ("2001:db8::1", "[2001:db8::1]:631"),
        ("fe80::1%eth0", "[fe80::1]:631"),
        ("box.local", "box.local:631"),
    ],
)
def test_an_address_is_written_so_that_it_can_be_read(address: str, written: str) -> None:
    """An old client that names no host gets URIs of the address it has connected to."""
    assert write_authority(address, 631) == written
    assert split_authority(written) == (address.partition("%")[0], 631)
