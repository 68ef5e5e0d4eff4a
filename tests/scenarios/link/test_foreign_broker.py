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
from control_plane.gateways import service as gateways
from control_plane.link import Elsewhere
from control_plane.pki.keys import KeyRing
from control_plane.schema import migrate
from control_plane.vault import Vault
from shared.crypto import authority
from shared.ids import CardId, UserId, new_id
from shared.messages import codec, topics
from shared.messages.hello import Presence, PresenceState
from shared.messages.records import CardRecord, account_stream
from shared.messages.topics import Down, Up
from tests.support.houses import a_town
from tests.support.line import Primary, a_gateway, until
from tests.support.strangers import Stranger, a_stranger, foreign_subscriptions

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


async def test_a_hostile_gateway_hears_nothing_of_others_and_speaks_for_nobody(
    primary: Primary, foreign: Foreign, tmp_path: Path
) -> None:
    """Mosquitto's rules let anybody ask for any topic; what counts is what comes."""
    victim = primary.new_gateway("Victim", primary.town.cedar.account.id)
    attacker = primary.new_gateway("Attacker")
    ours = primary.enrol(victim, tmp_path / "victim")
    theirs = primary.enrol(attacker, tmp_path / "attacker")
    cedar = primary.town.cedar.account.id
    begun, enough = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def attack() -> Stranger:
        will = topics.up(attacker.id, Up.PRESENCE)
        with a_stranger(
            primary, theirs, port=foreign.port, client_id=victim.id, will=will
        ) as stranger:
            for topic in foreign_subscriptions(victim.id):
                stranger.may_subscribe(topic)
            for what in Up:
                assert not stranger.may_publish(topics.up(victim.id, what)), what
            for said in Down:
                assert not stranger.may_publish(topics.down(victim.id, said)), said
            assert not stranger.may_publish(f"{topics.ROOT}/{victim.id}/up/facts/x")
            # The twin: what is its own, it may.
            assert stranger.may_publish(topics.up(attacker.id, Up.TELEMETRY), b"noise")
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(enough.wait(), loop).result(30)
        return stranger

    async with a_gateway(primary, tmp_path / "victim", ours, broker_port=foreign.port) as box:
        await box.connected()
        attacking = asyncio.create_task(asyncio.to_thread(attack))
        await until(lambda: begun.is_set() or attacking.done(), "it has asked for everything")
        await box.tell(*(f"seen.{n}" for n in range(60)), account_id=cedar)
        await box.told()
        enough.set()
        stranger = await attacking
        assert sum(primary.count(f"seen.{n}") for n in range(60)) == 60
        assert [topic for topic in stranger.heard if attacker.id not in topic] == []
        assert box.link.health().ok


async def test_a_will_about_another_gateway_is_not_spoken_there(
    primary: Primary, foreign: Foreign, tmp_path: Path
) -> None:
    victim, attacker = primary.new_gateway("Victim"), primary.new_gateway("Attacker")
    ours = primary.enrol(victim, tmp_path / "victim")
    theirs = primary.enrol(attacker, tmp_path / "attacker")
    async with a_gateway(primary, tmp_path / "victim", ours, broker_port=foreign.port) as box:
        await box.connected()
        boot = box.link._boot_id
        gone = codec.dumps(codec.to_plain(Presence(1, PresenceState.GONE, boot)))
        will = topics.up(victim.id, Up.PRESENCE)
        stranger = Stranger(primary, theirs, port=foreign.port, will=will, will_says=gone)
        await asyncio.to_thread(stranger.connect)
        await asyncio.to_thread(stranger.is_in.wait, 3)
        await asyncio.to_thread(stranger.vanish)
        # A heartbeat later it is still there; nobody said that it was gone meanwhile.
        await box.tell("seen.after-the-will")
        await box.told()
        with primary.database.reading() as session:
            assert gateways.states(session, [victim.id])[victim.id].presence == "here"


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
