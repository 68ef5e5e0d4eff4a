"""A gateway with a good certificate tries what is not its own; a revoked one tries to stay."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.gateways import service as gateways
from shared.crypto import authority
from shared.crypto.authority import Authority
from shared.messages import codec, topics
from shared.messages.hello import Presence, PresenceState
from shared.messages.topics import Down, Up
from tests.support.houses import TESTER
from tests.support.line import CLOCK, Primary, a_gateway, until
from tests.support.strangers import Stranger, a_stranger, foreign_subscriptions, own_group


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
                for topic in (own_group(primary), *foreign_subscriptions(victim.id)):
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
        gone = Presence(1, PresenceState.GONE, box.link._boot_id)  # As if it knew even that.
        says = codec.dumps(codec.to_plain(gone))
        stranger = Stranger(primary, attacker_identity, will=will, will_says=says)
        await asyncio.to_thread(stranger.connect)
        await asyncio.to_thread(stranger.is_in.wait, 3)
        await asyncio.to_thread(stranger.vanish)
        # What is told after it was spoken is known after it.
        await box.tell("seen.after-the-will")
        await box.told()
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
