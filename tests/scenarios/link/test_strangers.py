"""A gateway with a good certificate tries what is not its own; a revoked one tries to stay."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from control_plane import tenants
from control_plane.gateways import service as gateways
from edge_agent.enrolment import Identity
from shared.crypto import authority
from shared.crypto.authority import Authority
from shared.ids import GatewayId
from shared.messages import topics
from shared.messages.topics import Down, Up
from tests.support.houses import TESTER
from tests.support.line import CLOCK, Primary, a_gateway, until


class Stranger:
    """A plain MQTT client with a gateway's certificate, and no manners."""

    def __init__(self, primary: Primary, identity: Identity, **options: Any) -> None:
        self.heard: list[str] = []
        self.granted: dict[int, bool] = {}
        self.published: dict[int, bool] = {}
        self.ends: list[str] = []
        self.is_in = threading.Event()
        self._port = primary.link.broker.listeners.port
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.pop("client_id", "stranger"),
            protocol=mqtt.MQTTv5,
        )
        context = ssl.create_default_context(cafile=str(identity.authority_file))
        context.load_cert_chain(identity.certificate_file, identity.key_file)
        self.client.tls_set_context(context)
        if "will" in options:
            self.client.will_set(options["will"], b"{}", qos=1, retain=options.get("retain", False))
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_publish = self._on_publish
        self.client.on_message = lambda _c, _u, message: self.heard.append(message.topic)
        self.client.on_disconnect = lambda _c, _u, _f, reason, _p: self.ends.append(str(reason))

    def connect(self) -> Stranger:
        self.client.connect("127.0.0.1", self._port, keepalive=10)
        self.client.loop_start()
        return self

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def may_subscribe(self, topic: str) -> bool:
        mid = self.client.subscribe(topic, 1)[1]
        _wait(lambda: mid in self.granted)
        return self.granted[mid or 0]

    def may_publish(self, topic: str, payload: bytes = b"{}", **options: Any) -> bool:
        sent = self.client.publish(topic, payload, qos=1, **options)
        _wait(lambda: sent.mid in self.published or self.ends)
        return self.published.get(sent.mid, False)

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Any) -> None:
        if not reason.is_failure:
            self.is_in.set()

    def _on_subscribe(self, _c: Any, _u: Any, mid: int, codes: Any, _p: Any) -> None:
        self.granted[mid] = not any(code.is_failure for code in codes)

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Any) -> None:
        self.published[mid] = not reason.is_failure


def _wait(condition: Any, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def a_stranger(primary: Primary, identity: Identity, **options: Any) -> Iterator[Stranger]:
    stranger = Stranger(primary, identity, **options)
    stranger.connect()
    assert stranger.is_in.wait(5)
    try:
        yield stranger
    finally:
        stranger.close()


def foreign_subscriptions(primary: Primary, other: GatewayId) -> list[str]:
    listener = primary.link.listener
    assert listener is not None
    own_group = listener._connection.options.subscriptions[0]
    up = f"{topics.ROOT}/{other}/up/facts"
    return [
        "#",
        "+/+/#",
        f"{topics.ROOT}/#",
        f"{topics.ROOT}/+/up/+",
        topics.every_down(other),
        *(topics.down(other, what) for what in Down),
        *(topics.up(other, what) for what in Up),
        own_group,
        f"$share/mine/{topics.ROOT}/+/up/+",
        f"$share/mine/{up}",
        f"$share/mine/{topics.down(other, Down.COMMAND)}",
        "$SYS/#",
        "$CONTROL/#",
        "$CONTROL/dynamic-security/v1/response",
    ]


async def test_a_stranger_hears_nothing_and_disturbs_nobody(
    primary: Primary, tmp_path: Path
) -> None:
    victim = primary.new_gateway("Victim", primary.town.cedar.account.id)
    attacker = primary.new_gateway("Attacker")
    victim_identity = primary.enrol(victim, tmp_path / "victim")
    attacker_identity = primary.enrol(attacker, tmp_path / "attacker")
    cedar = primary.town.cedar.account.id

    async with a_gateway(primary, tmp_path / "victim", victim_identity) as box:
        await box.connected()

        def attack() -> Stranger:
            with a_stranger(primary, attacker_identity, client_id=victim.id) as stranger:
                for topic in foreign_subscriptions(primary, victim.id):
                    assert not stranger.may_subscribe(topic), topic
                for what in Up:
                    assert not stranger.may_publish(topics.up(victim.id, what)), what
                for said in Down:
                    assert not stranger.may_publish(topics.down(victim.id, said)), said
                assert not stranger.may_publish("$CONTROL/dynamic-security/v1", b'{"commands":[]}')
                assert not stranger.may_publish(f"{topics.ROOT}/{victim.id}/up/facts/x")
                # The twin: what is its own, it may.
                assert stranger.may_subscribe(topics.down(attacker.id, Down.ACK))
                assert stranger.may_publish(topics.up(attacker.id, Up.TELEMETRY), b"noise")
                time.sleep(0.3)
            return stranger

        attacking = asyncio.create_task(asyncio.to_thread(attack))
        for _ in range(20):
            await box.tell("seen.while-attacked", account_id=cedar)
            await asyncio.sleep(0.02)
        stranger = await attacking
        await box.told()
        assert primary.count("seen.while-attacked") == 20
        foreign = [topic for topic in stranger.heard if attacker.id not in topic]
        assert foreign == []
        assert box.link.health().ok


async def test_a_will_about_another_gateway_is_not_spoken(primary: Primary, tmp_path: Path) -> None:
    victim = primary.new_gateway("Victim")
    attacker = primary.new_gateway("Attacker")
    victim_identity = primary.enrol(victim, tmp_path / "victim")
    attacker_identity = primary.enrol(attacker, tmp_path / "attacker")
    async with a_gateway(primary, tmp_path / "victim", victim_identity) as box:
        await box.connected()
        will = topics.up(victim.id, Up.PRESENCE)
        stranger = Stranger(primary, attacker_identity, will=will)
        await asyncio.to_thread(stranger.connect)
        await asyncio.to_thread(stranger.is_in.wait, 3)
        sock = stranger.client.socket()
        if sock is not None:
            await asyncio.to_thread(sock.close)
        await asyncio.sleep(0.5)
        stranger.client.loop_stop()
        with primary.database.reading() as session:
            state = gateways.states(session, [victim.id])[victim.id]
            assert state.presence == "here"


async def test_nothing_is_retained(primary: Primary, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    with a_stranger(primary, identity) as stranger:
        topic = topics.up(gateway.id, Up.TELEMETRY)
        assert not stranger.may_publish(topic, retain=True)
        await until(lambda: stranger.ends, "the broker throws it off")


async def test_a_revoked_gateway_is_out_within_five_seconds_and_stays_out(
    primary: Primary, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    stays = primary.enrol(primary.new_gateway("Other"), tmp_path / "other")
    async with (
        a_gateway(primary, tmp_path / "box", identity) as box,
        a_gateway(primary, tmp_path / "other", stays) as other,
    ):
        await box.connected()
        await other.connected()
        with primary.database.writing() as session:
            alder = tenants.account(primary.town.alder.account.id)
            gateways.revoke(session, alder, gateway.id, TESTER)
        begun = time.monotonic()
        await until(lambda: not box.link.health().ok, "the revoked one is out", 5)
        assert time.monotonic() - begun < 5
        await box.tell("seen.after-revocation")
        await asyncio.sleep(1.5)
        assert not box.link.health().ok
        assert primary.count("seen.after-revocation") == 0
        await other.tell("seen.from-the-other", account_id=primary.town.alder.account.id)
        await other.told()
        assert primary.count("seen.from-the-other") == 1


async def test_a_certificate_of_another_authority_is_not_let_in(
    primary: Primary, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    now = CLOCK.now()
    key = authority.new_key()
    foreign = Authority.create("Spoolhouse other", now)
    request = authority.signing_request(key, gateway.id)
    identity.certificate_file.write_bytes(foreign.issue_to_gateway(request, gateway.id, now))
    identity.key_file.write_bytes(authority.key_to_pem(key))
    stranger = Stranger(primary, identity)
    try:
        await asyncio.to_thread(stranger.connect)
    except (ssl.SSLError, ConnectionError, OSError):
        return
    await asyncio.sleep(0.5)
    assert not stranger.is_in.is_set()
    stranger.close()


async def test_without_a_certificate_nobody_is_let_in(primary: Primary, tmp_path: Path) -> None:
    context = ssl.create_default_context(cadata=primary.ca.decode())
    port = primary.link.broker.listeners.port
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):  # noqa: PT012
        reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.write(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x03abc")
        try:
            await asyncio.wait_for(reader.readexactly(1), 3)
        finally:
            writer.close()


async def test_the_role_file_names_literal_topics_only(primary: Primary) -> None:
    state = json.loads((primary.folder / "broker" / "dynamic-security.json").read_bytes())
    for role in state["roles"]:
        if role["rolename"] != "primary":
            assert not any("#" in acl["topic"] or "+" in acl["topic"] for acl in role["acls"])
