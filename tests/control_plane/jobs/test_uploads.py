"""An upload's address: a gateway's door that the caller can reach, and a ticket for it alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control_plane import tenants
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway, GatewayState
from control_plane.jobs.uploads import door_of
from control_plane.pki.keys import KeyRing
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.vault import Vault
from shared.crypto.signing import SignatureError, Verifier
from shared.ids import GatewayId, UserId, new_id
from shared.messages import uploads
from shared.messages.uploads import LIFETIME
from tests.control_plane.jobs.test_requests import NOON, Program, program
from tests.support.houses import TESTER, Town

__all__ = ["program"]
PIN = "sha256//abc="
OPEN = {"services": {"api": {"ok": True, "says": "", "figures": {"key_pin": PIN, "port": 9999}}}}


def a_gateway(host: str = "192.0.2.7", **setting: Any) -> Gateway:
    services = {"api": {"enabled": True, "host": host, "port": 8635, "options": {}, **setting}}
    return Gateway(id=GatewayId(new_id()), name="one", services=services, trusted_hosts=["box.lan"])


def here(health: dict[str, Any] = OPEN, presence: str = "here") -> GatewayState:
    return GatewayState(presence=presence, health=health)


@pytest.mark.parametrize(
    ("gateway", "networks", "caller", "url"),
    [
        (a_gateway(), (), "192.0.2.50", "https://192.0.2.7:8635"),
        (a_gateway(), ("192.0.2.0/24",), "192.0.2.50", "https://192.0.2.7:8635"),
        (a_gateway(), ("192.0.2.0/24",), "127.0.0.1", "https://192.0.2.7:8635"),
        (a_gateway("127.0.0.1"), (), "127.0.0.1", "https://127.0.0.1:8635"),
        (a_gateway("0.0.0.0"), (), "192.0.2.50", "https://box.lan:8635"),
        (a_gateway("2001:db8::7"), (), "2001:db8::8", "https://[2001:db8::7]:8635"),
        (
            a_gateway("127.0.0.1", options={"public_url": "https://door.example/"}),
            ("192.0.2.0/24",),
            "198.51.100.1",
            "https://door.example",
        ),
    ],
)
def test_a_door_is_reached_from(
    gateway: Gateway, networks: tuple[str, ...], caller: str, url: str
) -> None:
    door = door_of(gateway, here(), networks, caller)
    assert (door.refusal, door.url, door.key_pin) == ("", f"{url}/upload/v1", PIN)


@pytest.mark.parametrize(
    ("gateway", "state", "networks", "caller", "says"),
    [
        (a_gateway(enabled=False), here(), (), "192.0.2.50", "does not run"),
        (a_gateway(), None, (), "192.0.2.50", "not connected"),
        (a_gateway(), here(presence="gone"), (), "192.0.2.50", "not connected"),
        (a_gateway(), here({}), (), "192.0.2.50", "has not said yet"),
        (a_gateway(), here(), ("10.0.0.0/8",), "192.0.2.50", "not in a network"),
        (a_gateway("127.0.0.1"), here(), (), "192.0.2.50", "its own machine"),
        (a_gateway("localhost"), here(), (), "192.0.2.50", "its own machine"),
        (
            a_gateway(options={"public_url": "http://plain.example"}),
            here(), ("10.0.0.0/8",), "192.0.2.50", "not in a network",
        ),
    ],
)  # fmt: skip
def test_a_door_is_not_reached_where(
    gateway: Gateway,
    state: GatewayState | None,
    networks: tuple[str, ...],
    caller: str,
    says: str,
) -> None:
    assert says in door_of(gateway, state, networks, caller).refusal


@pytest.fixture
def open_door(database: Database, town: Town) -> Callable[[], None]:
    def open_it() -> None:
        with database.writing() as session:
            gateway = session.merge(town.alder.gateway)
            gateway.enrolled_at = NOON
            gateway.services = {**gateway.services, "api": {"host": "127.0.0.1", "port": 8635}}
            gateways.on_presence(session, gateway.id, here=True, at=NOON)
            gateways.on_heartbeat(session, gateway.id, at=NOON, health=OPEN)

    return open_it


def test_a_ticket_is_for_one_gateway_and_says_whose_the_job_will_be(
    program: Program,
    open_door: Callable[[], None],
    tmp_path: Path,
    town: Town,
) -> None:
    open_door()
    body = {"queue_id": town.alder.pull.id, "user_id": town.ada.id, "title": "Plan"}
    answer = program.ask("POST", "/jobs/uploads", body)
    assert answer.status_code == 201
    given = answer.get_json()
    verifier = Verifier([KeyRing.open_or_create(tmp_path / "keys").signer.public_key])
    ticket = uploads.read(verifier, GatewayId(given["gateway_id"]), given["ticket"])
    assert (ticket.account_id, ticket.user_id) == (town.alder.account.id, town.ada.id)
    assert (ticket.job_id, ticket.title) == (given["job_id"], "Plan")
    assert ticket.expires_at - ticket.issued_at == LIFETIME
    with pytest.raises(SignatureError):
        uploads.read(verifier, GatewayId(new_id()), given["ticket"])
    again = program.ask("POST", "/jobs/uploads", body).get_json()
    assert again["job_id"] != given["job_id"]


def test_an_upload_is_somebodys_who_may_print_there(
    program: Program,
    open_door: Callable[[], None],
    database: Database,
    town: Town,
) -> None:
    open_door()
    body = {"queue_id": town.alder.pull.id, "user_id": town.ada.id}
    nobodys = program.ask("POST", "/jobs/uploads", {"queue_id": town.alder.pull.id})
    cleos = program.ask("POST", "/jobs/uploads", {**body, "user_id": town.cleo.id})
    unknown = program.ask("POST", "/jobs/uploads", {**body, "user_id": UserId(new_id())})
    for refused in (nobodys, cleos, unknown):
        assert (refused.status_code, '"user_id"' in refused.text) == (422, True)
    with database.writing() as session:
        session.merge(town.alder.pull).user_ids = [town.ben.id]
    assert program.ask("POST", "/jobs/uploads", body).status_code == 422
    bens = program.ask("POST", "/jobs/uploads", {**body, "user_id": town.ben.id})
    assert bens.status_code == 201


def test_a_key_that_may_not_change_jobs_uploads_nothing(
    program: Program,
    open_door: Callable[[], None],
    database: Database,
    vault: Vault,
    town: Town,
) -> None:
    open_door()
    body = {"queue_id": town.alder.pull.id, "user_id": town.ada.id}
    with database.writing() as session:
        new = NewApiKey(name="looks", permissions=(Permission.SEE_JOBS,))
        tenant = tenants.account(town.alder.account.id)
        _, key = api_keys.create(session, tenant, new, TESTER)
    good, program.key = program.key, key
    assert program.ask("POST", "/jobs/uploads", body).status_code == 403
    program.key = good
    assert program.ask("POST", "/jobs/uploads", body).status_code == 201
