"""A Mosquitto that somebody else runs, configured by the words of docs/operations.md alone."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import link as primary_link
from control_plane.cli import main
from control_plane.database import Database, sqlite_url
from control_plane.feed import service as feed
from control_plane.link import Elsewhere
from control_plane.pki.keys import KeyRing
from control_plane.schema import migrate
from control_plane.vault import Vault
from shared.crypto import authority
from shared.ids import CardId, UserId, new_id
from shared.messages.records import CardRecord, account_stream
from tests.support.houses import a_town
from tests.support.line import Primary, a_gateway, until

DOCS = Path(__file__).parents[3] / "docs" / "operations.md"
FOLDER = "/etc/mosquitto/spoolhouse/"


def words_of(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


@dataclass
class Foreign:
    """Their Mosquitto, and the state of our primary."""

    port: int
    state: Path


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    state, theirs = tmp_path / "state", tmp_path / "theirs"
    KeyRing.open_or_create(state / "keys")
    made = [
        "broker-certificate",
        "localhost",
        "127.0.0.1",
        "--out",
        str(theirs),
        "--state",
        str(state),
    ]
    assert main(made) == 0
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text = words_of("conf").replace(FOLDER, f"{theirs}/").replace("8883", f"{port} 127.0.0.1")
    # As root it would become another user, who cannot read this folder.
    (theirs / "mosquitto.conf").write_text(f"user {getpass.getuser()}\n{text}")
    (theirs / "acl").write_text(words_of("acl"))
    (theirs / "acl").chmod(0o600)
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None
    with (tmp_path / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen([program, "-c", str(theirs / "mosquitto.conf")], stderr=log)
        try:
            yield Foreign(port, state)
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
async def primary(foreign: Foreign, tmp_path: Path) -> AsyncIterator[Primary]:
    url = sqlite_url(tmp_path / "ours.db")
    database, keys = Database(url), KeyRing.open_or_create(foreign.state / "keys")
    migrate(database)
    vault = Vault.open_or_create(foreign.state / "keys")
    town = a_town(database, vault)
    there = Elsewhere("localhost", foreign.port, keeps_roles=False, name="primary-1")
    settings = primary_link.Settings(
        tmp_path / "broker", "127.0.0.1", 0, "localhost", elsewhere=there
    )
    link = primary_link.Link(settings, database, keys, vault)
    primary = Primary(foreign.state, database, keys, vault, town, link)
    await asyncio.to_thread(primary.start)
    yield primary
    await asyncio.to_thread(primary.stop)
    database.close()


async def test_facts_go_up_and_changes_come_down(
    primary: Primary, foreign: Foreign, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.town.alder.gateway, tmp_path / "box")
    stream = account_stream(primary.town.alder.account.id)
    async with a_gateway(primary, tmp_path / "box", identity, broker_port=foreign.port) as box:
        await box.connected()
        await box.tell(*(f"seen.{n}" for n in range(40)))
        await box.told()
        assert sum(primary.count(f"seen.{n}") for n in range(40)) == 40
        card = CardRecord(CardId(new_id()), UserId("u"), "a" * 64, "1234")
        with primary.database.writing() as session:
            feed.publish(session, stream, card)
        await until(lambda: box.replica.find(CardRecord, stream, card.id), "the card is known")


async def test_a_certificate_of_somebody_else_does_not_come_in(
    primary: Primary, foreign: Foreign, tmp_path: Path
) -> None:
    """The twin of the gateway above, to the last byte but the authority."""
    identity = primary.enrol(primary.new_gateway("Hall"), tmp_path / "box")
    stranger = KeyRing.open_or_create(tmp_path / "another installation")
    key = authority.new_key()
    ours = authority.certificate_from_pem(identity.certificate_file.read_bytes())
    life = ours.not_valid_after_utc - ours.not_valid_before_utc
    leaf = stranger.authority.issue_to_client(
        key.public_key(), identity.gateway_id, ours.not_valid_before_utc, life
    )
    assert await asyncio.to_thread(greets, foreign.port, identity.tls())
    identity.certificate_file.write_bytes(leaf)
    identity.key_file.write_bytes(authority.key_to_pem(key))
    assert not await asyncio.to_thread(greets, foreign.port, identity.tls())


def greets(port: int, context: ssl.SSLContext) -> bool:
    """Whether the broker answers an MQTT CONNECT after the handshake."""
    connect = bytes.fromhex("101000044d5154540502003c000003613132")
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as line,
        ):
            line.sendall(connect)
            return line.recv(4)[:1] == b"\x20"
    except OSError:
        return False
