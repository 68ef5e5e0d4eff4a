"""An account is closed, opened again as it was, and in the end erased with all that it had."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from control_plane import erasing, schema, tenants
from control_plane.accounts import closing
from control_plane.accounts.models import Account
from control_plane.audit import service as audit
from control_plane.audit.models import AuditEvent
from control_plane.database import Base, Database, sqlite_url, utc_now
from control_plane.enrolment import service as enrolment
from control_plane.enrolment.models import EndedCertificate, GatewayCertificate
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import VENDOR_ROLES, Permission
from control_plane.users import service as users
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from shared.ids import GatewayId
from shared.messages.events import AccountForgotten
from shared.messages.records import account_stream
from tests.support.houses import PASSWORD, TESTER, Town
from tests.support.postgresql import PostgreSql
from tests.support.web import Browser, a_browser, an_app, give_domains, signed_in
from tests.support.worlds import Holding, a_world


@dataclass
class Desk:
    """Vic the owner, an administrator of Vic's who is not, Alder's Ada, and a key of Alder's."""

    database: Database
    town: Town
    vic: Browser
    helper: Browser
    ada: Browser
    stranger: Browser
    key: str
    vics_key: str

    @property
    def account(self) -> Account:
        with self.database.reading() as session:
            return session.get_one(Account, self.town.alder.account.id)

    @property
    def page(self) -> str:
        return f"/customers/{self.town.alder.account.id}"

    def heard(self, *events: str) -> list[str]:
        with self.database.reading() as session:
            found = select(AuditEvent.event).where(
                AuditEvent.tenant == str(tenants.vendor(self.town.vendor.id)),
                AuditEvent.event.startswith("account."),
            )
            return list(session.scalars(found.order_by(AuditEvent.seq)))

    def refusals(self) -> list[tuple[str, str]]:
        """Who was not let in to Alder, and why."""
        with self.database.reading() as session:
            found = select(AuditEvent).where(
                AuditEvent.tenant == str(tenants.account(self.town.alder.account.id)),
                AuditEvent.event == "sign-in.refused",
            )
            rows = session.scalars(found.order_by(AuditEvent.seq))
            return [(row.actor_name, row.detail["reason"]) for row in rows]

    def api(self, method: str, path: str, key: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return self.stranger.client.open(
            f"/api/v1{path}",
            method=method,
            base_url="https://localhost",
            headers=headers,
            json=body,
        )

    def enrolled(self) -> GatewayId:
        """Let Alder's gateway be a box that has what it should forget."""
        gateway_id = self.town.alder.gateway.id
        with self.database.writing() as session:
            gateways.on_enrolled(session, gateway_id, b"\x09" * 32, TESTER, vault=Vault(b"k" * 32))
        return gateway_id

    def forget(self, gateway_id: GatewayId) -> None:
        fact = AccountForgotten(self.town.alder.account.id, 3, utc_now())
        with self.database.writing() as session:
            gateways.on_account_forgotten(session, gateway_id, [fact])

    def go_on(self) -> None:
        with self.database.writing() as session:
            closing.go_on(session)

    def is_gone(self) -> bool:
        with self.database.reading() as session:
            return session.get(Account, self.town.alder.account.id) is None


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    vic, alder = tenants.vendor(town.vendor.id), tenants.account(town.alder.account.id)
    with database.writing() as session:
        new = NewUser(username="hal", password=PASSWORD, roles=("administrator",))
        hal = users.create(session, vic, new, TESTER, vault=vault)
        can_see = NewApiKey(name="x", permissions=(Permission.SEE_THINGS,))
        key = api_keys.create(session, alder, can_see, TESTER)[1]
        everything = NewApiKey(name="y", permissions=tuple(VENDOR_ROLES["owner"]))
        vics_key = api_keys.create(session, vic, everything, TESTER)[1]
    app = an_app(tmp_path, database, vault)
    return Desk(
        database,
        town,
        signed_in(app, database, "vic.localhost", town.vic),
        signed_in(app, database, "vic.localhost", hal),
        signed_in(app, database, "alder.localhost", town.ada),
        a_browser(app, "alder.localhost"),
        key,
        vics_key,
    )


def close(desk: Desk, days: str = "30") -> None:
    assert desk.vic.post(f"{desk.page}/close", data={"keep_days": days}).status_code == 303


def test_nobody_comes_in_to_a_closed_account_and_everybody_after_it_was_opened(desk: Desk) -> None:
    form = {"username": "ada", "password": PASSWORD}
    assert desk.ada.get("/users").status_code == 200
    close(desk)
    sent = desk.ada.get("/users")
    assert (sent.status_code, sent.location) == (303, "/sign-in")
    for who in (desk.ada, desk.stranger):
        door = who.get("/sign-in")
        assert door.status_code == 403
        assert "This account is closed; Vic&#39;s Print Services can open it again." in door.text
        assert 'name="password"' not in door.text
    refused = desk.stranger.post("/sign-in", data=form)
    assert refused.status_code == 403
    assert "This account is closed" in refused.text
    assert desk.refusals() == [("ada", "closed")]
    told = desk.api("GET", "/printers", desk.key)
    assert (told.status_code, "closed" in told.json["title"]) == (403, True)
    assert desk.vic.post(f"{desk.page}/reopen").status_code == 303
    assert desk.ada.get("/users").status_code == 200
    assert desk.api("GET", "/printers", desk.key).status_code == 200
    assert desk.stranger.post("/sign-in", data=form).status_code == 303
    assert desk.refusals() == [("ada", "closed")]
    assert desk.heard() == ["account.created", "account.created", "account.closed",
                            "account.reopened"]  # fmt: skip


def test_gateways_hear_that_it_is_closed_and_that_it_is_open(desk: Desk) -> None:
    def told() -> bool:
        stream = account_stream(desk.town.alder.account.id)
        with desk.database.reading() as session:
            row = feed.find_row(session, stream, "account", desk.town.alder.account.id)
            assert row is not None
            return bool(row.data["is_closed"])

    assert not told()
    close(desk)
    assert told()
    desk.vic.post(f"{desk.page}/reopen")
    assert not told()


def test_another_account_of_the_vendor_is_not_touched(desk: Desk) -> None:
    close(desk)
    with desk.database.reading() as session:
        closing.check_is_open(session, tenants.account(desk.town.cedar.account.id))
    assert desk.vic.get("/accounts").text.count(">closed<") == 1


@pytest.mark.parametrize("what", ["close", "reopen", "delete"])
def test_only_the_vendors_owner_may(desk: Desk, what: str) -> None:
    assert desk.helper.post(f"{desk.page}/{what}", data={"keep_days": "3"}).status_code == 403
    assert desk.ada.post(f"{desk.page}/{what}").status_code == 403
    assert "Close this account" not in desk.helper.get(desk.page).text
    assert "Close this account" in desk.vic.get(desk.page).text
    assert not desk.account.is_closed


@pytest.mark.parametrize("days", ["", "0", "401", "soon"])
def test_a_time_that_cannot_be_meant_closes_nothing(desk: Desk, days: str) -> None:
    answer = desk.vic.post(f"{desk.page}/close", data={"keep_days": days})
    assert answer.status_code == 422
    assert "is-invalid" in answer.text
    assert not desk.account.is_closed


def test_what_is_done_already_is_refused(desk: Desk) -> None:
    assert desk.vic.post(f"{desk.page}/reopen").status_code == 409
    assert desk.vic.post(f"{desk.page}/delete", data={"confirm": "alder"}).status_code == 409
    close(desk)
    assert desk.vic.post(f"{desk.page}/close", data={"keep_days": "30"}).status_code == 409
    assert not desk.is_gone()


def test_a_closed_account_gets_no_gateway(desk: Desk) -> None:
    new = {"name": "Shared"}
    gateway = desk.api("POST", "/gateways", desk.vics_key, new).json["id"]
    path, body = f"/gateways/{gateway}/accounts", {"account_id": desk.town.alder.account.id}
    close(desk)
    assert desk.api("POST", path, desk.vics_key, body).status_code == 409
    desk.vic.post(f"{desk.page}/reopen")
    assert desk.api("POST", path, desk.vics_key, body).status_code == 204


def test_deleting_needs_its_short_name_and_waits_for_its_gateways(desk: Desk) -> None:
    gateway_id = desk.enrolled()
    close(desk)
    wrong = desk.vic.post(f"{desk.page}/delete", data={"confirm": "Alder"})
    assert wrong.status_code == 422
    assert "this cannot be undone" in wrong.text
    assert desk.vic.post(f"{desk.page}/delete", data={"confirm": "alder"}).status_code == 303
    assert "1 gateway has not said yet" in desk.vic.get(desk.page).text
    desk.go_on()
    assert not desk.is_gone()
    assert desk.vic.post(f"{desk.page}/reopen").status_code == 409
    assert "being deleted" in desk.stranger.get("/sign-in").text
    desk.forget(gateway_id)
    assert desk.api("GET", f"/accounts/{desk.account.id}/deletion", desk.vics_key).json[
        "waits_for_gateways"
    ] == 0  # fmt: skip
    desk.go_on()
    assert desk.is_gone()
    assert desk.vic.get(desk.page).status_code == 404
    assert desk.stranger.get("/sign-in").status_code == 421
    assert desk.heard()[-2:] == ["account.deletion-began", "account.deleted"]


def test_a_gateway_that_never_comes_back_is_waited_for_a_week_or_not_at_all(desk: Desk) -> None:
    desk.enrolled()
    close(desk)
    desk.vic.post(f"{desk.page}/delete", data={"confirm": "alder"})
    assert desk.account.erase_at is not None
    assert timedelta(days=6) < desk.account.erase_at - utc_now() <= closing.PATIENCE
    desk.go_on()
    assert not desk.is_gone()
    form = {"confirm": "alder", "without_waiting": "yes"}
    assert desk.vic.post(f"{desk.page}/delete", data=form).status_code == 303
    desk.go_on()
    assert desk.is_gone()


def test_its_time_ends_by_itself(desk: Desk) -> None:
    close(desk, days="1")
    desk.go_on()
    assert desk.account.erase_at is None
    with desk.database.writing() as session:
        session.get_one(Account, desk.account.id).kept_until = utc_now()
    desk.go_on()
    assert desk.is_gone()


def test_the_api_closes_opens_and_deletes(desk: Desk) -> None:
    path = f"/accounts/{desk.account.id}"
    assert desk.api("GET", f"{path}/deletion", desk.vics_key).status_code == 404
    closed = desk.api("POST", f"{path}/close", desk.vics_key, {"keep_days": 3})
    assert (closed.status_code, closed.json["closed_at"] is not None) == (200, True)
    assert desk.api("POST", f"{path}/reopen", desk.vics_key).json["closed_at"] is None
    desk.api("POST", f"{path}/close", desk.vics_key, {})
    wrong = desk.api("POST", f"{path}/deletion", desk.vics_key, {"confirm": "x"})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "confirm")
    begun = desk.api("POST", f"{path}/deletion", desk.vics_key, {"confirm": "alder"})
    assert (begun.status_code, begun.json["waits_for_gateways"]) == (202, 0)
    desk.go_on()
    assert desk.api("GET", path, desk.vics_key).status_code == 404


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(
    request: pytest.FixtureRequest, tmp_path: Path, postgresql: PostgreSql
) -> Iterator[Database]:
    url = sqlite_url(tmp_path / "x.db") if request.param == "sqlite" else postgresql.new_database()
    database = Database(url)
    schema.migrate(database)
    yield database
    database.close()


def test_nothing_of_it_is_left_and_nothing_of_others_is_missing(any_database: Database) -> None:
    world = a_world(any_database, Vault(b"k" * 32))
    alder = world["alder"]
    before = rows_naming(any_database, world["cedar"]), rows_naming(any_database, world["elm"])
    assert len(tables_naming(any_database, alder)) > 20
    with any_database.writing() as session:
        erase(session, alder, step=7)
    assert tables_naming(any_database, alder) == {}
    after = rows_naming(any_database, world["cedar"]), rows_naming(any_database, world["elm"])
    assert after == before
    with any_database.reading() as session:
        assert not [broken for _, _, broken in audit.verify(session) if broken]


def erase(session: Session, holding: Holding, step: int) -> None:
    while erasing.erase_some(session, holding.tenant, step) == step:
        pass
    erasing.erase_rest(session, holding.tenant)


def tables_naming(database: Database, holding: Holding) -> dict[str, int]:
    """Where anything of a tenant stands: its mark, its id, or the id of one of its things."""
    found = {table.name: len(_naming(database, table, holding)) for table in
             Base.metadata.sorted_tables}  # fmt: skip
    return {name: count for name, count in found.items() if count}


def rows_naming(database: Database, holding: Holding) -> list[str]:
    return [
        row
        for table in Base.metadata.sorted_tables
        for row in sorted(_naming(database, table, holding))
    ]


def _naming(database: Database, table: Table, holding: Holding) -> list[str]:
    # What lies above it, and what it shares with others, is not its own.
    shared = {"child_id", "key_fingerprint"}
    own = {value for name, value in holding.things.items() if name not in shared}
    own |= {holding.tenant.id, holding.mark}
    above = str(tenants.TenantKind.VENDOR.value)
    with database.reading() as session:
        rows = [dict(row._mapping) for row in session.execute(select(table))]
    told = [str(row) for row in rows if not str(row.get("tenant", "")).startswith(f"{above}:")]
    return [text for text in told if any(name in text for name in own)]


def test_certificates_of_an_erased_account_stay_refused_until_they_are_over(desk: Desk) -> None:
    desk.enrolled()
    now = utc_now()
    ends = {"a1": now + timedelta(days=90), "b2": now - timedelta(days=1)}
    others = {"c3": now + timedelta(days=90)}
    houses = ((desk.town.alder, ends), (desk.town.cedar, others))
    with desk.database.writing() as session:
        for house, serials in houses:
            for serial, expires_at in serials.items():
                row = GatewayCertificate(
                    serial=serial, gateway_id=house.gateway.id, issued_at=now,
                    expires_at=expires_at, why="enrolment",
                )  # fmt: skip
                session.add(row)
    close(desk)
    form = {"confirm": "alder", "without_waiting": "yes"}
    desk.vic.post(f"{desk.page}/delete", data=form)

    def refused() -> set[int]:
        with desk.database.reading() as session:
            return {serial for serial, _ended_at in enrolment.revoked(session)}

    assert refused() == set()
    desk.go_on()
    assert desk.is_gone()
    assert refused() == {0xA1}
    with desk.database.writing() as session:
        session.execute(update(EndedCertificate).values(expires_at=now - timedelta(seconds=1)))
    assert refused() == set()
    with desk.database.writing() as session:
        enrolment.end_certificates(session, tenants.account(desk.town.cedar.account.id))
        assert session.scalars(select(EndedCertificate.serial)).all() == ["c3"]
