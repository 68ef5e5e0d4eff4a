"""The command, as an administrator and systemd use it: a process of its own, real signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.counting.counter import KINDS
from edge_agent.doctor import _configuration, ask_health
from edge_agent.enrolment import FOLDER
from edge_agent.settings import Settings, read_settings, write_settings
from script._demo.pdf import make_pdf
from shared.clock import SystemClock
from shared.crypto import authority, sealing
from shared.ids import GatewayId, new_id
from shared.messages.records import ServiceSetting, secret_context
from shared.processes import die_with_parent
from tests.support.ippeveprinter import free_port
from tests.support.people import people

ROOT = Path(__file__).parents[2]
ENDS_WITHIN_SECONDS = 10.0  # its services have four; the rest is for a slow machine


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A gateway that was enrolled once, has learned everything, and whose primary is gone."""
    state_dir = tmp_path / "state"
    folder = state_dir / FOLDER
    folder.mkdir(parents=True, mode=0o700)
    gateway_id = GatewayId(new_id())
    now = SystemClock().now()
    house = authority.Authority.create("Test", now)
    key, sealing_key = authority.new_key(), sealing.new_key()
    request = authority.signing_request(key, gateway_id)
    certificate = house.issue_to_gateway(request, gateway_id, now)
    (folder / "tls.key").write_bytes(authority.key_to_pem(key))
    (folder / "tls.pem").write_bytes(certificate)
    (folder / "ca.pem").write_bytes(house.pem)
    (folder / "sealing.key").write_bytes(sealing_key)
    (folder / "signing.json").write_bytes(b"[]")
    write_settings(state_dir, Settings(gateway_id, "https://127.0.0.1:9", "127.0.0.1", 9))

    def seal(secret: bytes, record_id: str) -> bytes:
        return sealing.seal(sealing.public_key(sealing_key), secret, secret_context(record_id))

    filled = people(state_dir, seal=seal, gateway_id=gateway_id)
    services = ("storage", "authentication", "document_output", "terminal_client", "card_readers")
    filled.gateway(
        **{name: ServiceSetting(port=0) for name in services},
        health=ServiceSetting(port=free_port()),
        ipp=ServiceSetting(port=free_port()),
    )
    filled.replica.close()
    return state_dir


@contextmanager
def a_running_agent(state: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "edge_agent", "run", "--state", str(state), "--log", "json"]
    with (state.parent / "agent.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads hold locks here
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def agent(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", *arguments, "--state", str(state)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def health(state: Path, *, seconds: float = 20) -> dict[str, Any]:
    """Ask the health page until the gateway answers with everything started."""
    settings = read_settings(state)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ask_health(state, settings)
        if found and len(found["services"]) == 7:
            return found
        time.sleep(0.05)
    raise AssertionError((state.parent / "agent.log").read_text()[-4000:])


def test_a_gateway_starts_with_everything_upstream_gone_and_ends_in_time(state: Path) -> None:
    with a_running_agent(state) as process:
        report = health(state)
        assert report["services"]["ipp"]["ok"], report
        assert report["if_the_line_were_cut"]["Sending documents"]["works"]
        assert all(act["works"] for act in report["if_the_line_were_cut"].values()), report
        assert "pid" in agent(state, "status").stdout
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - began < ENDS_WITHIN_SECONDS
    assert agent(state, "status").returncode == 3


def test_it_ends_in_time_with_clients_in_the_middle_of_something(state: Path) -> None:
    gateway = _configuration(state, read_settings(state))
    assert gateway is not None
    with ExitStack() as stack:
        process = stack.enter_context(a_running_agent(state))
        health(state)
        ports = [gateway.services[name].port or 0 for name in ("ipp", "health")]
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for port in ports * 3
        ]
        head = f"POST /ipp/print/alder/pull HTTP/1.1\r\nHost: 127.0.0.1:{ports[0]}\r\n"
        idle[0].sendall(
            head.encode() + b"Content-Type: application/ipp\r\nContent-Length: 9999\r\n"
        )
        idle[2].sendall(
            head.encode() + b"Content-Type: application/ipp\r\nContent-Length: 99\r\n\r\n\2"
        )
        time.sleep(0.2)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - began < ENDS_WITHIN_SECONDS


def test_a_second_agent_on_the_same_state_is_refused_by_name(state: Path) -> None:
    with a_running_agent(state) as process:
        health(state)
        second = agent(state, "run")
        assert second.returncode == 1
        assert f"pid {process.pid}" in second.stderr


def test_after_a_kill_the_next_start_works(state: Path) -> None:
    with a_running_agent(state) as process:
        health(state)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with a_running_agent(state):
        assert health(state)["services"]["storage"]["ok"]


def test_a_port_that_is_taken_is_said_and_the_rest_goes_on(state: Path) -> None:
    gateway = _configuration(state, read_settings(state))
    assert gateway is not None
    port = gateway.services["ipp"].port
    with socket.create_server(("127.0.0.1", port or 0)), a_running_agent(state):
        report = health(state)
        assert not report["services"]["ipp"]["ok"]
        assert "in use" in report["services"]["ipp"]["says"]
        assert report["services"]["authentication"]["ok"]
    # Without the squatter it comes back by itself: the service is tried again.


def test_the_doctor_names_what_is_wrong_and_its_cure(state: Path) -> None:
    answer = agent(state, "doctor")
    assert answer.returncode == 1
    assert "BAD broker: 127.0.0.1:9 cannot be reached" in answer.stdout
    assert "what helps: " in answer.stdout
    assert "ok  enrolment" in answer.stdout


def test_without_enrolment_the_cure_is_named(tmp_path: Path) -> None:
    answer = agent(tmp_path, "run")
    assert answer.returncode == 1
    assert "enrol this gateway first" in answer.stderr


def test_the_page_for_people_is_for_our_own_name_only(state: Path) -> None:
    with a_running_agent(state):
        health(state)
        gateway = _configuration(state, read_settings(state))
        assert gateway is not None
        url = f"http://127.0.0.1:{gateway.services['health'].port}/"
        with urllib.request.urlopen(url, timeout=5) as answer:
            page = answer.read().decode()
        assert "as of" in page
        assert "If the line were cut now" in page
        rebound = urllib.request.Request(url, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="421"):
            urllib.request.urlopen(rebound, timeout=5)  # noqa: S310


def test_the_hidden_command_counts_pages_for_the_packaged_program() -> None:
    pdf = make_pdf("A title", [["one"], ["two"], ["three"]])
    command = [sys.executable, "-m", "edge_agent", "count-child", KINDS["application/pdf"]]
    answer = subprocess.run(
        [*command, str(os.getpid())],
        input=pdf,
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b'"impressions": 3' in answer.stdout.replace(b":3", b": 3")
