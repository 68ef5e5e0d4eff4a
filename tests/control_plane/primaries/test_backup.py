"""A backup taken from a running primary comes back as a new beginning."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane import schema, settings
from control_plane.audit import service as audit
from control_plane.audit.models import AuditEvent
from control_plane.cli import main
from control_plane.commands import service as commands
from control_plane.database import Database, utc_now
from control_plane.enrolment import service as enrolment
from control_plane.enrolment.service import EnrolmentRefusedError
from control_plane.feed.models import FeedStream
from control_plane.gateways import service as gateways
from control_plane.pki.keys import KeyRing
from control_plane.primaries import backup, restoring
from control_plane.primaries import service as primaries
from control_plane.primaries.backup import BackupError
from control_plane.primary import hold_state
from control_plane.settings import Settings
from control_plane.tenants import INSTALLATION
from control_plane.vault import Vault
from shared.crypto import authority, sealing
from shared.ids import GatewayId
from shared.messages.enrolment import RENEW_CONTEXT, VERSION, EnrolRequest, RenewRequest
from tests.support.houses import TESTER, Town, a_town
from tests.support.postgresql import PostgreSql


@pytest.fixture(params=["sqlite", "postgresql"])
def found(request: pytest.FixtureRequest, tmp_path: Path, postgresql: PostgreSql) -> Settings:
    state = tmp_path / "state"
    state.mkdir()
    url = postgresql.new_database() if request.param == "postgresql" else None
    return settings.load(state, {"database_url": url})


@contextmanager
def opened(found: Settings) -> Iterator[Database]:
    database = Database(found.database_url)
    try:
        yield database
    finally:
        database.close()


def begin(found: Settings) -> Town:
    """Make an installation with people in it."""
    keys, vault = KeyRing.open_or_create(found.keys), Vault.open_or_create(found.keys)
    with opened(found) as database:
        schema.migrate(database)
        with database.writing() as session:
            primaries.join(session, keys, vault)
        return a_town(database, vault)


def note(database: Database, event: str) -> None:
    with database.writing() as session:
        audit.record(session, INSTALLATION, event, TESTER)


def noted(database: Database) -> list[str]:
    with database.reading() as session:
        query = select(AuditEvent.event).where(AuditEvent.event.startswith("seen."))
        return list(session.scalars(query.order_by(AuditEvent.seq)))


def feed_epochs(database: Database) -> dict[str, str]:
    with database.reading() as session:
        rows = session.execute(select(FeedStream.stream, FeedStream.feed_epoch))
        return {row[0]: row[1] for row in rows}


def take(found: Settings, target: Path) -> None:
    with opened(found) as database:
        backup.back_up(found, database, target)


def test_a_backup_of_a_working_primary_comes_back_whole(found: Settings, tmp_path: Path) -> None:
    begin(found)
    target, ending = tmp_path / "copy", threading.Event()
    with opened(found) as database:
        count = 0

        def work() -> None:
            nonlocal count
            while not ending.is_set():
                note(database, f"seen.{count}")
                count += 1

        worker = threading.Thread(target=work)
        worker.start()
        while count < 5:
            pass
        take(found, target)
        ending.set()
        worker.join()
        note(database, "seen.after")
        before, epochs = noted(database), feed_epochs(database)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    restored = restoring.restore(found, target, TESTER)
    with opened(found) as database:
        after = noted(database)
        assert 5 <= len(after) < len(before)
        assert after == before[: len(after)]
        assert not set(feed_epochs(database).values()) & set(epochs.values())
        with database.reading() as session:
            assert commands.primary_epoch(session) == restored.primary_epoch > 1
            assert all(broken is None for _, _, broken in audit.verify(session))
    if restored.put_aside is not None:
        with opened(Settings(found.state, database_url=f"sqlite:///{restored.put_aside}")) as old:
            assert noted(old) == before


def test_a_backup_makes_an_installation_where_there_is_none(tmp_path: Path) -> None:
    first = settings.load(tmp_path / "first")
    first.state.mkdir()
    begin(first)
    take(first, tmp_path / "copy")
    assert main(["restore", str(tmp_path / "copy"), "--state", str(tmp_path / "second")]) == 0
    second = settings.load(tmp_path / "second")
    keys = [Vault.open_or_create(each.keys).derive("x") for each in (first, second)]
    assert keys[0] == keys[1]
    with opened(second) as database, database.writing() as session:
        primaries.join(
            session, KeyRing.open_or_create(second.keys), Vault.open_or_create(second.keys)
        )
    modes = {oct(stat.S_IMODE(path.stat().st_mode)) for path in second.keys.iterdir()}
    assert modes == {"0o600"}


def test_nothing_is_brought_back_below_a_running_primary(
    found: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin(found)
    assert run(found, "backup", tmp_path / "copy") == 0
    lock = hold_state(found.state)
    try:
        assert run(found, "restore", tmp_path / "copy") == 1
        assert "another primary runs" in capsys.readouterr().err
    finally:
        os.close(lock)
    if found.database_url.startswith("postgresql"):
        with opened(found) as database, database.writing() as session:
            primaries.beat(session, "primary-elsewhere", "primary", serves=True)
        assert run(found, "restore", tmp_path / "copy") == 1
        assert "a primary runs on this database" in capsys.readouterr().err
        with opened(found) as database, database.writing() as session:
            primaries.leave(session, "primary-elsewhere")
    assert run(found, "restore", tmp_path / "copy") == 0


def run(found: Settings, command: str, file: Path) -> int:
    words = [command, str(file), "--state", str(found.state), "--database", found.database_url]
    return main(words)


def test_another_installation_s_backup_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    one, other = (settings.load(tmp_path / name) for name in ("one", "other"))
    for each in (one, other):
        each.state.mkdir()
        begin(each)
    take(one, tmp_path / "copy")
    with pytest.raises(BackupError, match="another installation"):
        restoring.restore(other, tmp_path / "copy", TESTER)
    content = (tmp_path / "copy").read_bytes()
    place = content.index(b"SQLite format 3") + 5000
    (tmp_path / "bent").write_bytes(content[:place] + b"\xff\xff" + content[place + 2 :])
    for damaged in (content[: len(content) // 2], b"", b"x" * 5000):
        (tmp_path / "cut").write_bytes(damaged)
        with pytest.raises(BackupError, match=r"damaged|cannot be read"):
            restoring.restore(one, tmp_path / "cut", TESTER)
    with pytest.raises(BackupError, match="damaged"):
        restoring.restore(one, tmp_path / "bent", TESTER)
    restoring.restore(one, tmp_path / "copy", TESTER)


def test_without_pg_dump_one_is_told_what_to_do(
    found: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    if found.database_url.startswith("sqlite"):
        take(found, tmp_path / "copy")
        return
    with pytest.raises(BackupError, match="postgresql-client"):
        take(found, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


class ABox:
    """A gateway's keys and its certificate."""

    def __init__(self, found: Settings, town: Town) -> None:
        self.keys = KeyRing.open_or_create(found.keys)
        self.vault = Vault.open_or_create(found.keys)
        self.gateway_id = GatewayId(town.alder.gateway.id)
        self.key = authority.new_key()

    def enrol(self, database: Database) -> None:
        with database.writing() as session:
            gateway = gateways.get_by_id(session, self.gateway_id)
            code, _ = enrolment.create_code(
                session, gateway, TESTER, url="https://x", authority_pem=self.keys.authority.pem
            )
        sealing_key = sealing.public_key(sealing.new_key())
        request = authority.signing_request(self.key, "box").decode()
        with database.writing() as session:
            asked = EnrolRequest(VERSION, code.secret, request, sealing_key)
            enrolled = enrolment.enrol(
                session, self.keys.authority, asked, "here", vault=self.vault
            )
        self.certificate = enrolled[1]

    def renew(self, database: Database) -> None:
        key = authority.new_key()
        request = authority.signing_request(key, self.gateway_id)
        proof = authority.sign_possession(self.key, RENEW_CONTEXT, request)
        asked = RenewRequest(VERSION, self.certificate.decode(), request.decode(), proof)
        with database.writing() as session:
            _, certificate = enrolment.renew(session, self.keys.authority, asked, "here")
        self.key, self.certificate = key, certificate


def test_a_certificate_that_a_restore_forgot_is_renewed_and_no_other(
    found: Settings, tmp_path: Path
) -> None:
    box = ABox(found, begin(found))
    with opened(found) as database:
        box.enrol(database)
    take(found, tmp_path / "copy")
    with opened(found) as database:
        box.renew(database)
    restoring.restore(found, tmp_path / "copy", TESTER)
    with opened(found) as database:
        box.renew(database)  # With the certificate that this database has never seen.
        old = utc_now() - timedelta(days=5)
        request = authority.signing_request(box.key, box.gateway_id)
        box.certificate = box.keys.authority.issue_to_gateway(request, box.gateway_id, old)
        with pytest.raises(EnrolmentRefusedError):
            box.renew(database)


def test_each_restore_is_an_epoch_of_its_own_also_of_one_backup(
    found: Settings, tmp_path: Path
) -> None:
    begin(found)
    take(found, tmp_path / "copy")
    first = restoring.restore(found, tmp_path / "copy", TESTER).primary_epoch
    time.sleep(1.1)
    assert restoring.restore(found, tmp_path / "copy", TESTER).primary_epoch > first
