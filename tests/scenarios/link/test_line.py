"""Facts go up once, changes come down at once, whatever happens to the line."""

from __future__ import annotations

from pathlib import Path

from control_plane.gateways import service as gateways
from shared.ids import GatewayId
from tests.support.line import Primary, a_gateway, until


async def test_facts_arrive_once_and_are_acknowledged(primary: Primary, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.tell(*(["card.tapped"] * 17), account_id=primary.town.alder.account.id)
        await box.connected()
        await box.told()
        assert primary.count("card.tapped") == 17
        await box.tell("card.unknown", account_id=primary.town.alder.account.id)
        await until(lambda: primary.count("card.unknown") == 1, "a fact is told at once", 2)


def presence(primary: Primary, gateway_id: GatewayId) -> str:
    with primary.database.reading() as session:
        state = gateways.states(session, [gateway_id]).get(gateway_id)
        return state.presence if state is not None else "unknown"


async def test_a_gateway_that_is_switched_off_says_so(primary: Primary, tmp_path: Path) -> None:
    gateway = primary.new_gateway("Hall")
    identity = primary.enrol(gateway, tmp_path / "box")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        assert presence(primary, gateway.id) == "here"
    await until(lambda: presence(primary, gateway.id) == "gone", "it is gone")
    async with a_gateway(primary, tmp_path / "box", identity) as box:
        await box.connected()
        assert presence(primary, gateway.id) == "here"
