"""Commands are carried out once, here and now, or not at all."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

from control_plane import tenants
from control_plane.commands import service as commands
from control_plane.commands.models import Command as CommandRow
from shared.crypto.signing import Signer
from shared.ids import CommandId, GatewayId, new_id
from shared.messages import topics
from shared.messages.commands import VERSION, Command, CommandKind
from shared.messages.topics import Down
from tests.support.houses import TESTER
from tests.support.line import CLOCK, Box, Primary, a_gateway, until


def ask(primary: Primary, gateway_id: GatewayId, **options: Any) -> CommandId:
    with primary.database.writing() as session:
        alder = tenants.account(primary.town.alder.account.id)
        kind = CommandKind.DIAGNOSE
        return commands.ask(session, alder, gateway_id, kind, body={}, by=TESTER, **options).id


def state_of(primary: Primary, command_id: CommandId) -> str:
    with primary.database.reading() as session:
        row = session.get(CommandRow, command_id)
        return row.state if row is not None else "unknown"


def a_command(box: Box, **changes: Any) -> Command:
    now = CLOCK.now()
    command = Command(
        VERSION, CommandId(new_id()), box.gateway_id, 1, 1, CommandKind.DIAGNOSE,
        now, now + timedelta(minutes=1),
    )  # fmt: skip
    return dataclasses.replace(command, **changes)


def send(primary: Primary, box: Box, payload: bytes) -> None:
    listener = primary.link.listener
    assert listener is not None
    assert listener.publish(topics.down(box.gateway_id, Down.COMMAND), payload)


def signed(primary: Primary, box: Box, command: Command) -> bytes:
    return primary.keys.signer.sign(topics.down(box.gateway_id, Down.COMMAND), command)


async def test_a_command_is_carried_out_and_reported(primary: Primary, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        command_id = ask(primary, gateway.id)
        await until(lambda: state_of(primary, command_id) == "succeeded", "it is done", 3)
        assert box.done == [command_id]


async def test_a_command_that_is_sent_twice_is_carried_out_once(
    primary: Primary, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.new_gateway("Hall"), tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        payload = signed(primary, box, a_command(box))
        for _ in range(3):
            send(primary, box, payload)
        after_it = a_command(box)
        send(primary, box, signed(primary, box, after_it))
        await until(lambda: after_it.id in box.done, "what was sent after it is carried out")
        assert len(box.done) == 2


async def test_a_command_waits_for_its_gateway_until_it_expires(
    primary: Primary, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    late = ask(primary, gateway.id, expires_after=timedelta(0))
    in_time = ask(primary, gateway.id)
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await until(lambda: state_of(primary, in_time) == "succeeded", "it is done")
        assert box.done == [in_time]
    with primary.database.writing() as session:
        assert commands.expire(session) == 1
    assert state_of(primary, late) == "timed-out"


async def test_what_the_primary_did_not_say_so_is_ignored_and_audited(
    primary: Primary, tmp_path: Path
) -> None:
    identity = primary.enrol(primary.new_gateway("Hall"), tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        now = CLOCK.now()
        good = signed(primary, box, a_command(box))
        flipped = bytearray(good)
        flipped[100] ^= 1
        stranger = Signer(Signer.new_key())
        elsewhere = topics.down(GatewayId(new_id()), Down.COMMAND)
        refused = {
            "a flipped bit": bytes(flipped),
            "another key": stranger.sign(topics.down(box.gateway_id, Down.COMMAND), a_command(box)),
            "another gateway's topic": primary.keys.signer.sign(elsewhere, a_command(box)),
            "another gateway": signed(primary, box, a_command(box, gateway_id=GatewayId(new_id()))),
            "expired": signed(primary, box, a_command(box, expires_at=now - timedelta(seconds=1))),
            "an older epoch": signed(primary, box, a_command(box, primary_epoch=0)),
            "noise": b"noise",
        }
        for number, (what, payload) in enumerate(refused.items(), 1):
            send(primary, box, payload)
            await until(lambda: len(box.refused) == number, what)  # noqa: B023
        assert box.done == []
        # The twin: the same command as the primary said it is carried out.
        send(primary, box, good)
        await until(lambda: len(box.done) == 1, "the good one is carried out")


async def test_what_was_asked_before_a_restore_is_void(primary: Primary, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    void = ask(primary, gateway.id)
    with primary.database.writing() as session:
        commands.raise_primary_epoch(session, "restored")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await until(lambda: state_of(primary, void) == "rejected", "it is refused")
        assert box.done == []
        fresh = ask(primary, gateway.id)
        await until(lambda: state_of(primary, fresh) == "succeeded", "a new one is carried out")
