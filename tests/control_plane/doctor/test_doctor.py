"""Each thing that can be wrong with a primary is broken in turn: the doctor names it and the cure."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from control_plane import schema, settings, tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import SYSTEM
from control_plane.broker.config import BrokerFiles
from control_plane.database import Database, utc_now
from control_plane.doctor import machine, records
from control_plane.doctor.findings import Finding
from control_plane.enrolment.models import GatewayCertificate
from control_plane.ingest.models import GatewayHalt, ParkedRow
from control_plane.pki import certificates
from control_plane.pki.keys import KeyRing
from control_plane.primaries import service as primaries
from control_plane.primaries.models import Schedule
from control_plane.settings import Settings
from control_plane.vault import Vault
from shared.crypto import authority
from tests.support.houses import Town, a_town
from tests.support.primaries import COMMAND, a_primary

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Patient:
    """A primary's state directory with a town in its database; it does not run."""

    settings: Settings
    database: Database
    town: Town

    def findings(self) -> list[Finding]:
        return [*machine.examine(self.settings), *records.examine(self.settings)]

    def troubles(self) -> dict[str, Finding]:
        """What is wrong besides that it does not run."""
        found = {each.what: each for each in self.findings() if not each.ok}
        found.pop("primary", None)
        return found

    @contextmanager
    def seeming_to_run(self) -> Iterator[None]:
        """Hold the state directory as a running primary does."""
        descriptor = os.open(self.settings.state / "primary.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(descriptor)


@pytest.fixture
def patient(tmp_path: Path, vault: Vault) -> Iterator[Patient]:
    found = settings.load(tmp_path, {"listen": "127.0.0.1:0", "broker_port": 0})
    keys = KeyRing.open_or_create(found.keys)
    certificates.for_listener(keys.authority, found.keys, "web", ["localhost"], utc_now())
    database = Database(found.database_url)
    schema.migrate(database)
    yield Patient(found, database, a_town(database, vault))
    database.close()


def test_nothing_is_wrong_with_a_healthy_primary(patient: Patient) -> None:
    assert patient.troubles() == {}
    assert all(finding.says for finding in patient.findings())


def low_disk(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(patient.settings.state)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1024))


def old_clock(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del patient
    monkeypatch.setattr(machine, "utc_now", lambda: LONG_AGO)


def no_mosquitto(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del patient
    monkeypatch.setattr(shutil, "which", lambda *_args, **_more: None)


def loose_key(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    (patient.settings.keys / "data.key").touch()
    (patient.settings.keys / "data.key").chmod(0o644)


def old_certificate(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    issuer = KeyRing.open_or_create(patient.settings.keys).authority
    then = utc_now() - timedelta(days=10)
    pem = issuer.issue_to_server(
        authority.new_key().public_key(), ["localhost"], then, timedelta(days=20)
    )
    (patient.settings.keys / "web.pem").write_bytes(pem)


def unknown_name(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    patient.settings = replace(patient.settings, public_host="nowhere.invalid")


def no_database(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    patient.settings = replace(patient.settings, database_url=url)


def no_file(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    url = f"sqlite:///{patient.settings.state}/elsewhere.db"
    patient.settings = replace(patient.settings, database_url=url)


def old_revision(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    with patient.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))


def clock_set_back(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    with patient.database.writing() as session:
        tenant = tenants.account(patient.town.alder.account.id)
        row = audit.record(session, tenant, "x", SYSTEM)
        row.recorded_at = utc_now() + timedelta(hours=2)


def two_boxes(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    with patient.database.writing() as session:
        gateway_id = patient.town.alder.gateway.id
        session.add(GatewayHalt(gateway_id=gateway_id, reason="two boxes", at=utc_now()))


def certificate_of_a_gateway_ends(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    with patient.database.writing() as session:
        session.add(
            GatewayCertificate(
                serial="1", gateway_id=patient.town.alder.gateway.id, issued_at=LONG_AGO,
                expires_at=utc_now() + timedelta(days=2), revoked_at=None, why="enrolment",
            )
        )  # fmt: skip


def parked_row(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    with patient.database.writing() as session:
        session.add(
            ParkedRow(
                gateway_id=patient.town.alder.gateway.id, lane="facts", epoch="e", seq=1,
                kind="job.received", entity="job:1", raw=b"{}", reason="a KeyError",
                parked_at=utc_now(), settled_at=None,
            )
        )  # fmt: skip


Break = Callable[[Patient, pytest.MonkeyPatch], None]


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (low_disk, ("disk", "0 MB free", "make room")),
        (old_clock, ("clock", "2020-01-01", "NTP")),
        (no_mosquitto, ("mosquitto", "not installed", "apt-get install")),
        (loose_key, ("keys", "data.key", "chmod 600")),
        (old_certificate, ("certificate web", "valid until", "restart")),
        (unknown_name, ("name", "nowhere.invalid has no address", "--public-host")),
        (no_database, ("database", "does not answer", "start the database")),
        (no_file, ("database", "elsewhere.db is not there", "start the primary")),
        (old_revision, ("database", "has revision 0001", "spoolhouse migrate")),
        (clock_set_back, ("clocks", "set back", "NTP")),
        (two_boxes, ("gateways", "Alder one", "choose one")),
        (certificate_of_a_gateway_ends, ("gateways' certificates", "Alder one", "doctor there")),
        (parked_row, ("parked rows", "Alder one (1)", "read why")),
    ],
)
def test_what_is_broken_is_named_with_what_helps(
    patient: Patient,
    monkeypatch: pytest.MonkeyPatch,
    broken: Break,
    expected: tuple[str, str, str],
) -> None:
    what, says, cure = expected
    assert patient.troubles() == {}
    broken(patient, monkeypatch)
    found = patient.troubles()
    assert set(found) == {what}
    assert says in found[what].says
    assert cure in found[what].cure


def test_a_port_that_somebody_else_has_is_named(patient: Patient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        patient.settings = replace(patient.settings, listen_port=port, broker_port=port)
        found = patient.troubles()
        assert set(found) == {"web pages", "broker"}
        assert "ss -ltnp" in found["broker"].cure
    assert patient.troubles() == {}


def test_what_a_running_primary_should_do_is_looked_at(patient: Patient) -> None:
    now = utc_now()
    with patient.database.writing() as session:
        primaries.beat(session, "primary-1", "primary", serves=False)
    with patient.seeming_to_run():
        assert set(patient.troubles()) == {"line to gateways"}
        with patient.database.writing() as session:
            primaries.beat(session, "primary-1", "primary", serves=True)
            session.add(Schedule(name="expire", due_at=now + timedelta(seconds=15), fence=1))
        assert patient.troubles() == {}
        with patient.database.writing() as session:
            session.execute(text("UPDATE schedules SET due_at = '2020-01-01 00:00:00.000000'"))
        assert "expire" in patient.troubles()["schedule"].says


def test_a_gateway_that_the_broker_does_not_know_is_named(patient: Patient) -> None:
    gateway = patient.town.alder.gateway
    with patient.database.writing() as session:
        session.merge(gateway).enrolled_at = utc_now()
        primaries.beat(session, "primary-1", "primary", serves=True)
    files = BrokerFiles(patient.settings.broker)
    files.folder.mkdir()
    with patient.seeming_to_run():
        files.security.write_text(json.dumps({"clients": [{"username": gateway.id}]}))
        assert patient.troubles() == {}
        files.security.write_text(json.dumps({"clients": []}))
        assert gateway.name in patient.troubles()["broker's roles"].says


def doctor(state: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, "doctor", "--state", str(state), *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_the_command_says_it_in_words_and_as_json_and_by_its_exit_code(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert doctor(state)[0] == 1
    options = ("--listen", f"127.0.0.1:{free_port()}", "--broker-port", str(free_port()))
    with a_primary(state, *options):
        code, said = doctor(state)
        assert (code, "NO " in said) == (0, False), said
        assert "ok  broker: " in said
        assert "certificate that gateways believe" in said
    code, said = doctor(state)
    assert code == 1
    assert "NO  primary: does not run here\n    what helps: spoolhouse primary" in said
    code, said = doctor(state, "--json")
    items = {item["what"]: item for item in json.loads(said)["items"]}
    assert (code, items["primary"]["ok"], items["disk"]["ok"]) == (1, False, True)


def test_a_broker_that_is_stopped_is_told_from_one_that_works(tmp_path: Path) -> None:
    state = tmp_path / "state"
    web, broker = free_port(), free_port()
    options = ("--listen", f"127.0.0.1:{web}", "--broker-port", str(broker))
    with a_primary(state, *options):
        found = settings.load(state)
        assert all(each.ok for each in machine.examine(found) if each.what == "broker")
        elsewhere = replace(found, broker_port=free_port())
        [ill] = [each for each in machine.examine(elsewhere) if each.what == "broker"]
        assert (ill.ok, "does not answer" in ill.says, "firewall" in ill.cure) == (
            False, True, True,
        )  # fmt: skip
        stranger = tmp_path / "stranger"
        KeyRing.open_or_create(stranger / "keys")
        shutil.copy(stranger / "keys" / "ca.pem", found.keys / "ca.pem")
        [ill] = [each for each in machine.examine(found) if each.what == "web pages"]
        assert "not believed" in ill.says
