"""The load of ``script/bench intake``: one fixed Print-Job, posted by wrk, answers counted."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of one server under one load gave."""

    jobs: int
    seconds: float
    document_bytes: int
    p50_ms: float
    p99_ms: float
    refused: int

    @property
    def jobs_per_second(self) -> float:
        return self.jobs / self.seconds

    @property
    def megabytes_per_second(self) -> float:
        return self.jobs_per_second * self.document_bytes / 1e6


def print_job(uri: str, user: str, document: bytes) -> bytes:
    """Write a Print-Job request (RFC 8011 section 4.2.1) that asks to be held, with its document.

    Written by hand: the measure must not share a codec with what it measures.
    """

    def attribute(tag: int, name: str, value: str) -> bytes:
        return struct.pack(">BH", tag, len(name)) + name.encode() + _counted(value.encode())

    operation = b"".join(
        (
            attribute(0x47, "attributes-charset", "utf-8"),
            attribute(0x48, "attributes-natural-language", "en"),
            attribute(0x45, "printer-uri", uri),
            attribute(0x42, "requesting-user-name", user),
            attribute(0x42, "job-name", "bench"),
            attribute(0x49, "document-format", "application/pdf"),
        )
    )
    job = attribute(0x44, "job-hold-until", "indefinite")
    head = struct.pack(">BBHI", 2, 0, 0x0002, 1)
    return head + b"\x01" + operation + b"\x02" + job + b"\x03" + document


def _counted(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def a_pdf(size_bytes: int) -> bytes:
    """Make a one-page PDF of about the given size; its filling does not compress."""
    filling = os.urandom(max(size_bytes - 400, 16)).hex().encode()[: max(size_bytes - 400, 16)]
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(filling), filling),
    ]
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, part in enumerate(parts, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start)
    return bytes(out)


LONGER = (1, 4, 8)  # a server that answered nothing gets this many times the seconds


def run(uri: str, user: str, document: bytes, clients: int, seconds: int, *, scratch: Path) -> Load:
    """Post the document with so many keep-alive clients for so long.

    A server that answers nothing for the whole time (CUPS, while it writes its job list) gets
    another chance, and a longer one; at last a ``Load`` of nothing says that it never answered.

    Raises:
        RuntimeError: wrk failed, or the server answered and accepted nothing.
    """
    for times in LONGER:
        found = _post(uri, user, document, clients, seconds * times, scratch)
        if found["accepted"] or found["refused"]:
            break
    if found["refused"] and not found["accepted"]:
        raise RuntimeError(f"{uri} accepted nothing: {found}")
    spent = found["duration_us"] / 1e6
    return Load(
        jobs=found["accepted"],
        seconds=spent,
        document_bytes=len(document),
        p50_ms=found["p50_us"] / 1000,
        p99_ms=found["p99_us"] / 1000,
        refused=found["refused"] + found["socket_errors"],
    )


def _post(  # noqa: PLR0917
    uri: str, user: str, document: bytes, clients: int, seconds: int, scratch: Path
) -> dict[str, int]:
    request = scratch / "request.ipp"
    request.write_bytes(print_job(uri, user, document))
    where = urlsplit(uri)
    command = [
        "wrk",
        f"-t{min(clients, 2)}",
        f"-c{clients}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(HERE / "print_job.lua"),
        f"http://{where.hostname}:{where.port}{where.path}",
        "--",
        str(request),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 120, check=False
    )
    line = next((x for x in done.stdout.splitlines() if x.startswith("RESULT ")), None)
    if line is None:
        raise RuntimeError(f"wrk gave no result: {done.stdout[-300:]}{done.stderr[-300:]}")
    result: dict[str, int] = json.loads(line.removeprefix("RESULT "))
    return result


def one_big(uri: str, user: str, size_bytes: int) -> tuple[float, float]:
    """Post one document of the given size with curl, chunked; seconds and MB/s.

    Raises:
        RuntimeError: The server did not accept it.
    """
    head = print_job(uri, user, b"")
    chunk = os.urandom(1 << 20)
    where = urlsplit(uri)
    command = ["curl", "-sS", "--fail", "-X", "POST", "-H", "Content-Type: application/ipp"]
    command += ["-H", "Transfer-Encoding: chunked", "-H", "Expect:", "-T", "-", "-o", "-"]
    command += [f"http://{where.hostname}:{where.port}{where.path}"]
    begin = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as curl:
        assert curl.stdin is not None
        assert curl.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it says itself why below
            curl.stdin.write(head)
            for _ in range(size_bytes >> 20):
                curl.stdin.write(chunk)
            curl.stdin.close()
        answer = curl.stdout.read()
    spent = time.monotonic() - begin
    if len(answer) < 4 or answer[2] != 0:  # noqa: PLR2004
        raise RuntimeError(f"{uri} did not accept {size_bytes} bytes: {answer[:40]!r}")
    return spent, size_bytes / spent / 1e6
