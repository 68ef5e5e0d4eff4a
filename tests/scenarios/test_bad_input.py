"""What comes in broken leaves nothing behind, and what was accepted is not lost by it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from script._demo.pdf import make_pdf
from tests.support.demo_site import DemoSite, wait_for

pytestmark = pytest.mark.timeout(600)

CLIENT_ERROR_NOT_FOUND = 0x0406


def attribute(tag: int, name: str, value: str) -> bytes:
    text, data = name.encode(), value.encode()
    return struct.pack(">BH", tag, len(text)) + text + struct.pack(">H", len(data)) + data


def print_job(uri: str, title: str) -> bytes:
    """A Print-Job request without its document (RFC 8011 section 4.2.1)."""
    return (
        struct.pack(">BBHIB", 1, 1, 0x0002, 1, 0x01)
        + attribute(0x47, "attributes-charset", "utf-8")
        + attribute(0x48, "attributes-natural-language", "en")
        + attribute(0x45, "printer-uri", uri)
        + attribute(0x42, "requesting-user-name", "ada")
        + attribute(0x42, "job-name", title)
        + attribute(0x49, "document-format", "application/pdf")
        + b"\x03"
    )


def post_head(uri: str, length: int) -> bytes:
    parts = urlsplit(uri)
    return (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/ipp\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def connect(uri: str) -> socket.socket:
    parts = urlsplit(uri)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 631), timeout=10)


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """The HTTP status and body of one answer; (0, b"") where the server hung up."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return 0, b""
        data += more
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length is not None and len(body) < int(length.group(1)):
        if not (more := connection.recv(65536)):
            break
        body += more
    return int(head.split()[1]), body


def spool_files(demo: DemoSite) -> set[str]:
    spool = Path(demo.site["agent_state_dir"]) / "spool"
    return {
        str(path.relative_to(spool))
        for path in spool.rglob("*")
        if path.is_file() and "segments" not in path.parts
    }


def test_a_body_that_stops_short_leaves_no_job_and_no_file(demo: DemoSite) -> None:
    uri, title = demo.site["queues"]["pull"], "three gigabytes.pdf"
    before = spool_files(demo)
    with connect(uri) as client:
        client.sendall(post_head(uri, 3_000_000_000) + print_job(uri, title))
        client.sendall(b"%PDF-1.4\n" + os.urandom(1_000_000))
        wait_for(lambda: spool_files(demo) - before, "the beginning of it in the spool")
    wait_for(lambda: spool_files(demo) <= before, "an empty spool", 5)
    assert demo.job(title) is None


def test_what_follows_a_short_body_is_not_read_as_a_second_request(demo: DemoSite) -> None:
    uri = demo.site["queues"]["pull"]
    smuggled = post_head(uri, 300) + print_job(uri, "smuggled.pdf")
    with connect(uri) as client:
        client.sendall(post_head(uri, 10))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # It may hang up.
            client.sendall(smuggled + os.urandom(1_000_000))
        try:
            read_answer(client)
            second, _ = read_answer(client)
        except ConnectionResetError:
            second = 0
    assert second in {0, 400}
    assert demo.job("smuggled.pdf") is None


def test_a_queue_that_does_not_exist_is_answered_and_the_real_one_takes_it(demo: DemoSite) -> None:
    right = demo.site["queues"]["pull"]
    wrong = right.replace("/pull", "/no-such-queue")
    document = make_pdf("Nowhere", [["Nowhere"]])
    statuses = []
    for uri in (wrong, right):
        body = print_job(uri, "nowhere.pdf") + document
        with connect(uri) as client:
            client.sendall(post_head(uri, len(body)) + body)
            status, answer = read_answer(client)
        statuses.append(struct.unpack(">H", answer[2:4])[0] if status == 200 else status)
    assert statuses[0] in {CLIENT_ERROR_NOT_FOUND, 404}
    assert statuses[1] == 0
    before = len(demo.paper())
    demo.tap(demo.user("ada")["card"])
    demo.comes_out(document, before)


@pytest.mark.parametrize("noise", [b"", b"\x00" * 8, b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096)])
def test_noise_is_answered_and_the_next_request_works(demo: DemoSite, noise: bytes) -> None:
    uri = demo.site["queues"]["pull"]
    with connect(uri) as client:
        client.sendall(post_head(uri, len(noise)) + noise)
        status, _ = read_answer(client)
    assert status in {0, 200, 400}
    assert "successful-ok" in demo.ipptool("get-printer-attributes.test", "-d", "user=ada")
