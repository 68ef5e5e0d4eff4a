from __future__ import annotations

import os
import signal
import socket
import ssl
import time
from pathlib import Path

import pytest

from shared import processes
from tests.support.primaries import a_primary, spoolhouse


def children_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def is_gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if processes.start_time(pid) is None:
            return True
        time.sleep(0.02)
    return False


def test_a_primary_answers_ends_when_asked_and_leaves_nobody_behind(tmp_path: Path) -> None:
    with a_primary(tmp_path) as primary:
        assert primary.get("/health/live") == (200, "ok\n")
        assert primary.get("/", host="evil.example")[0] == 421
        assert primary.waits_for_first_person()
        brokers = children_of(primary.process.pid)
        assert len(brokers) == 1
        begun = time.monotonic()
        assert primary.stop() == 0
        assert time.monotonic() - begun < 5
        assert is_gone_within(brokers[0], 1)


def test_a_killed_primary_takes_its_broker_along_and_starts_again(tmp_path: Path) -> None:
    with a_primary(tmp_path) as primary:
        broker = children_of(primary.process.pid)[0]
        os.kill(primary.process.pid, signal.SIGKILL)
        assert is_gone_within(broker, 3)
    with a_primary(tmp_path) as primary:
        assert primary.get("/health/live")[0] == 200


def test_one_state_directory_has_one_primary(tmp_path: Path) -> None:
    with a_primary(tmp_path) as first:
        with pytest.raises(RuntimeError, match="ended before"), a_primary(tmp_path):
            pass
        assert first.get("/health/live")[0] == 200


def test_somebody_who_says_nothing_holds_up_nobody(tmp_path: Path) -> None:
    with a_primary(tmp_path) as primary:
        silent = [socket.create_connection(("127.0.0.1", primary.port)) for _ in range(12)]
        try:
            begun = time.monotonic()
            assert primary.get("/health/live")[0] == 200
            assert time.monotonic() - begun < 8  # A silent one is given ten seconds.
        finally:
            for connection in silent:
                connection.close()


def raw(port: int, request: bytes) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(request)
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return answer


TRICKS = (
    b"GET / HTTP/1.1\r\nHost: alder.localhost\r\nHost: cedar.localhost\r\n\r\n",
    b"GET https://cedar.localhost/ HTTP/1.1\r\nHost: alder.localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: alder.localhost\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
)


def test_tricks_with_the_host_on_the_wire_show_nobody_elses_page(tmp_path: Path) -> None:
    spoolhouse(tmp_path, "vendor", "create", "--name", "Vic", "--domain", "vic.localhost")
    spoolhouse(
        tmp_path, "account", "create", "--vendor", "Vic", "--name", "Cedar",
        "--short-name", "cedar", "--domain", "cedar.localhost",
    )  # fmt: skip
    closing = b"\r\nConnection: close\r\n\r\n"
    with a_primary(tmp_path) as primary:
        for trick in TRICKS:
            answer = raw(primary.port, trick.replace(b"\r\n\r\n", closing, 1))
            assert b" 200 " not in answer.split(b"\r\n", 1)[0]
            assert b"Cedar" not in answer
        honest = b"GET /sign-in HTTP/1.1\r\nHost: cedar.localhost" + closing
        assert b"Cedar" in raw(primary.port, honest)
