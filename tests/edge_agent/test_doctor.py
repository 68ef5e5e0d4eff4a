"""The gateway's doctor at a real primary: each thing of the link is broken and named, with its cure."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent import doctor
from edge_agent.doctor import Finding, examine
from edge_agent.enrolment import Identity
from edge_agent.settings import Settings, read_settings, write_settings
from tests.support.primaries import RunningPrimary, a_primary, spoolhouse

ROOT = Path(__file__).parents[2]
# What only a gateway that runs and was configured can say.
LATER = {"agent", "configuration", "line"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Patient:
    """An enrolled gateway that does not run, and its primary."""

    state: Path
    primary: RunningPrimary

    @property
    def settings(self) -> Settings:
        return read_settings(self.state)

    def change(self, **changes: Any) -> None:
        write_settings(self.state, replace(self.settings, **changes))

    def findings(self) -> dict[str, Finding]:
        return {each.what: each for each in examine(self.state) if each.what not in LATER}

    def troubles(self) -> dict[str, Finding]:
        return {what: each for what, each in self.findings().items() if not each.ok}


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPrimary]:
    state = tmp_path_factory.mktemp("primary") / "state"
    ports = ("--listen", f"127.0.0.1:{free_port()}", "--broker-port", str(free_port()))
    with a_primary(state, *ports) as primary:
        spoolhouse(state, "vendor", "create", "--name", "Vic")
        spoolhouse(
            state, "account", "create", "--vendor", "Vic", "--name", "Alder",
            "--short-name", "alder",
        )  # fmt: skip
        yield primary


@pytest.fixture
def patient(primary: RunningPrimary, tmp_path: Path, request: pytest.FixtureRequest) -> Patient:
    name = request.node.name[:60]
    code = spoolhouse(primary.state, "gateway", "code", "--account", "alder", "--name", name)
    state = tmp_path / "gateway"
    done = agent(state, "enrol", "--code", code["code"])
    assert done.returncode == 0, done.stderr
    patient = Patient(state, primary)
    # A gateway is let in a moment after its enrolment, when the broker has its role.
    assert any(patient.findings()["role"].ok for _ in range(20))
    return patient


def agent(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", *words, "--state", str(state)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_nothing_is_wrong_with_the_line_of_a_healthy_gateway(patient: Patient) -> None:
    assert patient.troubles() == {}
    assert {"clock", "certificate", "primary", "broker", "role"} <= set(patient.findings())


def test_a_clock_before_the_program_was_built_is_named(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert patient.troubles() == {}
    monkeypatch.setattr(doctor, "BUILT_AT", datetime.now(UTC) + timedelta(days=1))
    assert "set the clock" in patient.troubles()["clock"].cure


def test_a_clock_that_differs_from_the_primarys_is_named(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr(doctor, "_primary_time", lambda *_: theirs)
    assert "NTP" in patient.troubles()["clock"].cure


@pytest.mark.parametrize("days", [-1, 3])
def test_a_certificate_that_ends_is_named(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    ends = datetime.now(UTC) + timedelta(days=days)
    monkeypatch.setattr(Identity, "expires_at", property(lambda _self: ends))
    found = patient.troubles()["certificate"]
    assert (f"{ends:%Y-%m-%d}" in found.says, "renewed" in found.cure) == (True, True)


def test_a_name_without_an_address_is_named(patient: Patient) -> None:
    good = patient.settings.broker_host
    patient.change(broker_host="nowhere.invalid")
    found = patient.troubles()
    assert set(found) == {"broker"}
    assert "nowhere.invalid has no address" in found["broker"].says
    assert "name service" in found["broker"].cure
    patient.change(broker_host=good)
    assert patient.troubles() == {}


def test_a_port_where_nobody_answers_is_named(patient: Patient) -> None:
    good = patient.settings.broker_port
    patient.change(broker_port=free_port())
    assert "firewall" in patient.troubles()["broker"].cure
    patient.change(broker_port=good)
    assert patient.troubles() == {}


def test_somebody_elses_server_is_told_from_the_primary(patient: Patient, tmp_path: Path) -> None:
    ports = ("--listen", f"127.0.0.1:{free_port()}", "--broker-port", str(free_port()))
    with a_primary(tmp_path / "stranger", *ports) as stranger:
        patient.change(broker_port=stranger.broker_port)
        found = patient.troubles()["broker"]
    assert "certificate we do not believe" in found.says
    assert "enrolled at" in found.cure


def test_a_gateway_that_was_revoked_reads_so(patient: Patient) -> None:
    assert patient.findings()["role"].ok
    home = ("--account", "alder")
    found = spoolhouse(patient.primary.state, "gateway", "list", *home)["items"]
    [name] = [each["name"] for each in found if each["id"] == patient.settings.gateway_id]
    spoolhouse(patient.primary.state, "gateway", "revoke", *home, "--gateway", name)

    def says_so() -> bool:  # The broker hears of it within moments.
        troubles = patient.troubles()
        found = troubles.get("role") or troubles.get("broker")
        return found is not None and "revoked" in found.cure

    assert any(says_so() for _ in range(20))


def test_the_command_says_it_as_json_too(patient: Patient) -> None:
    done = agent(patient.state, "doctor", "--json")
    items = {item["what"]: item for item in json.loads(done.stdout)["items"]}
    assert (items["role"]["ok"], items["agent"]["ok"]) == (True, False)
    assert done.returncode == 1
    assert "ok  role: " in agent(patient.state, "doctor").stdout
