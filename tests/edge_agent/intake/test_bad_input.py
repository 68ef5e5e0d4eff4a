"""What broken and hostile clients send: the right answer, no job, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import ssl
import time
import zlib
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from edge_agent.intake.attributes import boolean, integer, keyword, media_type, name
from edge_agent.intake.limits import IntakeLimits
from shared.ipp.build import request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation, Status
from shared.ipp.message import Group
from shared.ipp.tags import Tag
from tests.support.intake import IntakeSite, an_intake_site
from tests.support.jobs import documents_of

PDF = b"%PDF-1.7 a report"
QUICK = IntakeLimits(header_seconds=0.6, idle_seconds=1.0, slow_after_seconds=0.5)


def a_print_job(site: IntakeSite, queue: str = "pull") -> bytes:
    return encode_message(request(Operation.PRINT_JOB, site.uri(queue), user="ada"))


def head(site: IntakeSite, *lines: str, path: str = "/ipp/print/pull") -> bytes:
    fields = [f"POST {path} HTTP/1.1", f"Host: localhost:{site.port}", *lines]
    return "\r\n".join([*fields, "Content-Type: application/ipp", "", ""]).encode()


async def connect(site: IntakeSite) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.port)


async def jobs_of(site: IntakeSite) -> int:
    return len(await site.jobs.service.list_jobs(site.people.alder.id, completed=None))


def spooled(site: IntakeSite) -> list[str]:
    """Temporary and document files; segments are shared and stay."""
    found = (site.folder / "spool").rglob("*")
    return [p.name for p in found if p.is_file() and "segments" not in p.parts]


async def test_three_gigabytes_promised_and_one_megabyte_sent_leaves_nothing(
    tmp_path: Path,
) -> None:
    async with an_intake_site(tmp_path) as site:
        reader, writer = await connect(site)
        writer.write(head(site, "Content-Length: 3221225472") + a_print_job(site) + PDF)
        writer.write(b"x" * 1_000_000)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()
        del reader
        await eventually(lambda: spooled(site) == [])
        assert await jobs_of(site) == 0


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("part", ["attributes", "document"])
async def test_a_client_that_goes_away_is_no_error_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str, secure: bool
) -> None:
    gc.collect()  # What earlier tests left behind complains now, and not below.
    caplog.clear()
    caplog.set_level("DEBUG", "edge_agent")
    async with an_intake_site(tmp_path) as site:
        tls = {"ssl": _trusting(), "server_hostname": "localhost"} if secure else {}
        _, writer = await asyncio.open_connection("127.0.0.1", site.port, **tls)  # type: ignore[arg-type]
        job = a_print_job(site, "direct")
        start = head(site, "Content-Length: 100000", path="/ipp/print/direct")
        writer.write(start + (job[:40] if part == "attributes" else job + PDF))
        await writer.drain()
        await eventually(lambda: site.server.health().figures["requests"] == 1)
        writer.transport.abort()
        await eventually(lambda: site.server.health().figures["connections"] == 0)
        await site.ipp(Operation.GET_PRINTER_ATTRIBUTES)
        assert caplog.records
        loud = [r for r in caplog.records if r.levelname not in ("INFO", "DEBUG") or r.exc_info]
        assert loud == []
        assert await jobs_of(site) == 0


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_what_follows_ten_promised_bytes_is_no_second_request(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        second = a_print_job(site) + PDF
        reader, writer = await connect(site)
        # The rest even looks like a request of its own.
        writer.write(head(site, "Content-Length: 10") + b"\2\0\0\2\0\0\0\1\1\x47")
        writer.write(head(site, f"Content-Length: {len(second)}") + second + b"x" * 1_000_000)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert answer.count(b"HTTP/1.") == 1
        assert await jobs_of(site) == 0


async def test_a_request_behind_a_whole_one_is_not_taken_either(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        one = a_print_job(site) + PDF
        whole = head(site, f"Content-Length: {len(one)}") + one
        reader, writer = await connect(site)
        writer.write(whole + whole)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert answer.count(b"HTTP/1.1 200") == 1
        assert await jobs_of(site) == 1


@pytest.mark.parametrize(
    "started",
    [b"", b"P", b"POST /ipp/print/pull HT", b"POST /ipp/print/pull HTTP/1.1\r\nHost: x", b"\x16\3"],
    ids=["nothing", "one letter", "half a line", "half a header", "half a handshake"],
)
async def test_whoever_says_too_little_too_slowly_is_cut_off(
    tmp_path: Path, started: bytes
) -> None:
    async with an_intake_site(tmp_path, limits=QUICK) as site:
        reader, writer = await connect(site)
        writer.write(started)
        begun = time.monotonic()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()
        assert time.monotonic() - begun < 3


async def test_a_document_that_only_drips_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path, limits=QUICK) as site:
        reader, writer = await connect(site)
        writer.write(head(site, "Content-Length: 1000000") + a_print_job(site) + PDF)
        begun = time.monotonic()
        while not reader.at_eof() and time.monotonic() - begun < 5:
            try:
                writer.write(b"x")
                await writer.drain()
                await asyncio.wait_for(reader.read(1), 0.1)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        writer.close()
        assert time.monotonic() - begun < 4
        assert await jobs_of(site) == 0


async def test_one_source_gets_only_so_many_connections(tmp_path: Path) -> None:
    limits = IntakeLimits(connections_per_source=5)
    async with an_intake_site(tmp_path, limits=limits) as site:
        held = [await connect(site) for _ in range(5)]
        reader, writer = await connect(site)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(reader.readexactly(1), 2)
        writer.close()
        for _, held_writer in held:
            held_writer.close()
        await eventually(lambda: site.server.health().figures["connections"] == 0)
        answer = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES)
        assert answer.code == Status.SUCCESSFUL_OK


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:631", "[::2]", "10.1.2.3", "[", "a b"]
)
async def test_a_host_that_is_not_ours_is_misdirected(tmp_path: Path, host: str) -> None:
    async with an_intake_site(tmp_path) as site:
        body = encode_message(request(Operation.GET_PRINTER_ATTRIBUTES, site.uri("pull")))
        status, answer = await site.post("/ipp/print/pull", body, headers={"Host": host})
        assert (status, answer) == (421, b"")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "box.alder.example:80"])
async def test_uris_in_answers_are_of_the_host_that_was_asked(tmp_path: Path, host: str) -> None:
    async with an_intake_site(tmp_path) as site:
        site.server._hosts._names.add("box.alder.example")
        body = encode_message(request(Operation.GET_PRINTER_ATTRIBUTES, site.uri("pull")))
        status, answer = await site.post("/ipp/print/pull", body, headers={"Host": host})
        assert status == 200
        shown = decode_message(answer)[0].printer.get_uri("printer-uri-supported")
        name_and_port = host.lower().replace("localhost.", "localhost")
        wanted = name_and_port if ":" in name_and_port else f"{name_and_port}:631"
        assert shown == f"ipp://{wanted}/ipp/print/pull"


async def test_a_queue_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        answer = await site.ipp(Operation.PRINT_JOB, "nowhere", body=PDF)
        assert answer.code == Status.CLIENT_ERROR_NOT_FOUND
        assert answer.request_id == 1


async def test_a_request_for_one_queue_that_names_another_is_refused(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        body = a_print_job(site, "direct") + PDF
        _, answer = await site.post("/ipp/print/pull", body)
        assert decode_message(answer)[0].code == Status.CLIENT_ERROR_BAD_REQUEST


async def test_below_the_watermark_no_job_is_taken_and_the_queue_says_so(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path, watermark_bytes=1 << 62) as site:
        refused = await site.ipp(Operation.PRINT_JOB, "pull", body=PDF)
        shown = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, "pull")
        assert refused.code == Status.SERVER_ERROR_NOT_ACCEPTING_JOBS
        assert shown.printer.get_boolean("printer-is-accepting-jobs") is False
        assert not site.server.health().ok


async def test_a_direct_queue_without_a_printer_takes_nothing(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        site.people.feed.put(site.people.alder.stream, replace(site.people.direct, printer_id=None))
        answer = await site.ipp(Operation.PRINT_JOB, body=PDF)
        assert answer.code == Status.SERVER_ERROR_NOT_ACCEPTING_JOBS
        assert await jobs_of(site) == 0


async def test_a_store_that_has_stopped_is_no_success(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        await site.jobs.store.stop()
        answer = await site.ipp(Operation.PRINT_JOB, body=PDF)
        assert answer.code == Status.SERVER_ERROR_TEMPORARY_ERROR


async def test_formats_and_compressions_that_are_not_known_are_named(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        word = await site.ipp(
            Operation.PRINT_JOB,
            "pull",
            attributes=[media_type("document-format", "application/msword")],
            body=b"\xd0\xcf\x11\xe0",
        )
        packed = await site.ipp(
            Operation.PRINT_JOB, "pull", attributes=[keyword("compression", "zstd")], body=PDF
        )
        assert word.code == Status.CLIENT_ERROR_DOCUMENT_FORMAT_NOT_SUPPORTED
        assert word.group(Tag.UNSUPPORTED).find_word("document-format") == "application/msword"
        assert packed.code == Status.CLIENT_ERROR_COMPRESSION_NOT_SUPPORTED
        assert await jobs_of(site) == 0


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


@pytest.mark.parametrize(
    ("keyword_", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)],
    ids=["gzip", "deflate with header", "deflate"],
)
async def test_a_compressed_document_is_kept_as_it_was(
    tmp_path: Path, keyword_: str, pack: object
) -> None:
    document = b"%PDF-1.7 " + b"pages " * 200_000
    async with an_intake_site(tmp_path) as site:
        answer = await site.ipp(
            Operation.PRINT_JOB,
            "pull",
            attributes=[keyword("compression", keyword_)],
            body=pack(document),  # type: ignore[operator]
        )
        assert answer.code == Status.SUCCESSFUL_OK
        job = await site.jobs.service.get(answer.job.get_integer("job-id"))
        assert await documents_of(site.jobs, job.id) == [document]
        assert job.document_format == "application/pdf"


async def test_bombs_and_broken_compression_leave_no_job(tmp_path: Path) -> None:
    small = IntakeLimits(expanded_bytes=1 << 22)
    bomb = zlib.compress(b"%PDF" + b"\0" * (1 << 25), 9)
    async with an_intake_site(tmp_path, limits=small) as site:
        for kind, body in (
            ("deflate", bomb),
            ("gzip", b"%PDF is not gzip"),
            ("gzip", gzip.compress(PDF)[:-4]),
            ("gzip", gzip.compress(PDF) + b"more"),
        ):
            answer = await site.ipp(
                Operation.PRINT_JOB, "pull", attributes=[keyword("compression", kind)], body=body
            )
            assert answer.code == Status.CLIENT_ERROR_COMPRESSION_ERROR
        assert await jobs_of(site) == 0
        assert spooled(site) == []


async def test_noise_is_a_bad_request_with_the_requests_own_number(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        _, answer = await site.post("/ipp/print/pull", b"\2\0\0\2\0\0\0\7\x21\0\1a\0\4")
        message = decode_message(answer)[0]
        assert (message.code, message.request_id) == (Status.CLIENT_ERROR_BAD_REQUEST, 7)


async def test_values_that_are_too_long_are_named(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        long = request(Operation.PRINT_JOB, site.uri("pull"), user="a" * 300)
        _, answer = await site.post("/ipp/print/pull", encode_message(long) + PDF)
        message = decode_message(answer)[0]
        assert message.code == Status.CLIENT_ERROR_REQUEST_VALUE_TOO_LONG
        assert "requesting-user-name" in message.group(Tag.UNSUPPORTED)


async def test_names_are_data_and_never_paths(tmp_path: Path) -> None:
    titles = [
        "../../etc/passwd",
        "a\0b",
        "x\r\ny",
        "\u202egnp.exe",
        "n" * 255,
        "CON",
        "😀",
        "%2e%2e",
    ]
    async with an_intake_site(tmp_path) as site:
        for title in titles:
            answer = await site.ipp(
                Operation.PRINT_JOB,
                "pull",
                attributes=[name("job-name", title), name("document-name", title)],
                body=PDF,
            )
            assert answer.code == Status.SUCCESSFUL_OK
        jobs = await site.jobs.service.list_jobs(site.people.alder.id)
        assert [job.title for job in jobs] == titles
        assert not [p for p in tmp_path.rglob("*") if p.name in titles]


async def test_fidelity_refuses_what_the_queue_would_leave_out(tmp_path: Path) -> None:
    wishes = Group(Tag.JOB, (integer("copies", 0), keyword("fold", "in-half")))
    async with an_intake_site(tmp_path) as site:
        lax = await site.ipp(Operation.PRINT_JOB, "pull", groups=[wishes], body=PDF)
        strict = await site.ipp(
            Operation.PRINT_JOB,
            "pull",
            attributes=[boolean("ipp-attribute-fidelity", value=True)],
            groups=[wishes],
            body=PDF,
        )
        assert lax.code == Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES
        assert strict.code == Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED
        for answer in (lax, strict):
            assert {item.name for item in answer.group(Tag.UNSUPPORTED)} == {"copies", "fold"}
        job = await site.jobs.service.get(lax.job.get_integer("job-id"))
        assert job.ticket == {}
        assert job.message.endswith("cannot do copies, fold as asked; it was left out.")
        assert await jobs_of(site) == 1


async def test_tls_of_yesterday_is_not_spoken(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSVersion"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        with pytest.warns(DeprecationWarning, match="TLSVersion"):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", site.port)) as plain:
            plain.settimeout(3)
            handshake = asyncio.to_thread(context.wrap_socket, plain)
            with pytest.raises((ssl.SSLError, OSError)):
                await handshake


async def test_people_who_look_find_a_page_and_nothing_else(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site, aiohttp.ClientSession() as session:
        found = {}
        for path in ("/", "/icons/queue-48.png", "/supplies", "/jobs", "/../etc/passwd"):
            async with session.get(f"http://127.0.0.1:{site.port}{path}") as answer:
                found[path] = answer.status, answer.content_type
        assert found["/"] == (200, "text/html")
        assert found["/icons/queue-48.png"] == (200, "image/png")
        assert found["/jobs"][0] == 404


async def eventually(condition: object, seconds: float = 5) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
