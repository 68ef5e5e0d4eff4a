"""A gateway rehearses that its line is cut, with a real broker between it and its primary."""

from __future__ import annotations

import asyncio
from pathlib import Path

from control_plane import tenants
from control_plane.commands import requests
from control_plane.commands import service as commands
from control_plane.commands.models import Command
from shared.ids import CommandId, GatewayId
from shared.messages.commands import CommandKind
from tests.support.houses import TESTER
from tests.support.line import Primary, a_gateway, until


def command(primary: Primary, command_id: CommandId) -> Command:
    with primary.database.reading() as session:
        found = session.get(Command, command_id)
        assert found is not None
        return found


def rehearse(primary: Primary, gateway_id: GatewayId) -> CommandId:
    alder = tenants.account(primary.town.alder.account.id)
    with primary.database.writing() as session:
        return requests.rehearse(session, alder, gateway_id, TESTER, minutes=1).id


def end(primary: Primary, gateway_id: GatewayId) -> CommandId:
    alder = tenants.account(primary.town.alder.account.id)
    with primary.database.writing() as session:
        return requests.end_rehearsal(session, alder, gateway_id, TESTER).id


async def test_in_a_rehearsal_nothing_is_told_or_heard_but_the_command_that_ends_it(
    primary: Primary, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    alder = tenants.account(primary.town.alder.account.id)
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        asked = rehearse(primary, gateway.id)
        await until(lambda: box.rehearsal.is_silent, "the rehearsal begins")
        assert command(primary, asked).state == "in-progress"
        with primary.database.reading() as session:
            assert gateway.id in commands.rehearsals(session, [gateway.id])
        await box.tell("seen.meanwhile", account_id=primary.town.alder.account.id)
        with primary.database.writing() as session:
            commands.ask(session, alder, gateway.id, CommandKind.DIAGNOSE, body={}, by=TESTER)
        await asyncio.sleep(1.0)
        assert primary.count("seen.meanwhile") == 0
        assert box.done == []
        assert not box.link.health().ok
        ended = end(primary, gateway.id)
        await until(lambda: not box.rehearsal.is_silent, "it was ended from here")
        await box.told()
        await until(lambda: command(primary, asked).state == "succeeded", "it tells")
        assert primary.count("seen.meanwhile") == 1
        assert command(primary, asked).result["why_ended"] == "primary"
        assert command(primary, ended).state == "succeeded"
        with primary.database.reading() as session:
            assert commands.rehearsals(session, [gateway.id]) == {}


async def test_a_rehearsal_outlasts_a_restart_of_the_gateway(
    primary: Primary, tmp_path: Path
) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        asked = rehearse(primary, gateway.id)
        await until(lambda: box.rehearsal.is_silent, "the rehearsal begins")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.tell("seen.meanwhile", account_id=primary.town.alder.account.id)
        await asyncio.sleep(1.0)
        assert box.rehearsal.is_silent
        assert primary.count("seen.meanwhile") == 0
        assert command(primary, asked).state == "in-progress"
        end(primary, gateway.id)
        await until(lambda: command(primary, asked).state == "succeeded", "it tells")
        assert command(primary, asked).result["restarts"] == 1
        assert primary.count("seen.meanwhile") == 1
