"""A vendor's page of one account: its licence, and which gateways of the vendor serve it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.domains import service as domains
from control_plane.domains.schemas import NewDomain
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from shared.ids import AccountId, GatewayId
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, a_domain, an_app, give_domains, signed_in


@dataclass
class Desk:
    """Vic, who looks after Alder; somebody of Vic's who may only look; a rival; Alder's Ada."""

    database: Database
    town: Town
    vic: Browser
    reader: Browser
    rival: Browser
    ada: Browser
    gateway_id: str
    rivals_gateway_id: str

    @property
    def path(self) -> str:
        return f"/customers/{self.town.alder.account.id}"

    def serving(self) -> set[str]:
        with self.database.reading() as session:
            found = gateways.serving_gateways(session, self.town.alder.account.id)
            return {gateway.name for gateway in found}

    def heard(self, event: str) -> list[AuditEvent]:
        tenant = str(tenants.vendor(self.town.vendor.id))
        with self.database.reading() as session:
            rows = session.query(AuditEvent)
            return rows.filter(AuditEvent.tenant == tenant, AuditEvent.event == event).all()


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    with database.writing() as session:
        other = vendors.create(session, NewVendor(name="Rival"), TESTER)

        def staff(tenant: tenants.Tenant, name: str, role: str) -> User:
            new = NewUser(username=name, password="correct horse", roles=(role,))
            return users.create(session, tenant, new, TESTER, vault=vault)

        def a_gateway(tenant: tenants.Tenant, name: str) -> str:
            new = NewGateway(name=name)
            return gateways.create(session, tenant, new, TESTER, vault=vault).id

        vic, rival = tenants.vendor(town.vendor.id), tenants.vendor(other.id)
        people = staff(vic, "rita", "reports"), staff(rival, "rob", "owner")
        ours, theirs = a_gateway(vic, "Shared-1"), a_gateway(rival, "Rivals-1")
    a_domain(database, rival, "rival.localhost")
    app = an_app(tmp_path, database, vault)
    return Desk(
        database,
        town,
        signed_in(app, database, "vic.localhost", town.vic),
        signed_in(app, database, "vic.localhost", people[0]),
        signed_in(app, database, "rival.localhost", people[1]),
        signed_in(app, database, "alder.localhost", town.ada),
        ours,
        theirs,
    )


def test_the_page_tells_of_its_domains_its_licence_and_its_gateways(desk: Desk) -> None:
    assert f'href="{desk.path}"' in desk.vic.get("/accounts").text
    page = desk.vic.get(desk.path).text
    for said in ("Alder", "alder.localhost", "10 devices", "Shared-1", "1 other gateway serves it"):
        assert said in page
    assert "Alder one" not in page


def test_a_gateway_serves_an_account_and_forgets_it_again(desk: Desk) -> None:
    serve = f"{desk.path}/gateways/{desk.gateway_id}"
    assert desk.vic.post(f"{serve}/serve").status_code == 303
    assert desk.serving() == {"Alder one", "Shared-1"}
    assert "Stop serving Alder with Shared-1?" in desk.vic.get(desk.path).text
    assert desk.heard("gateway.let-serve")[0].detail["name"] == "Alder"
    assert desk.vic.post(f"{serve}/stop").status_code == 303
    assert desk.serving() == {"Alder one"}
    assert desk.heard("gateway.made-forget")[0].detail["gateway"] == "Shared-1"
    assert desk.vic.post(f"{serve}/stop").status_code == 404


def test_two_accounts_of_one_short_name_are_refused_on_the_page(
    desk: Desk, database: Database, vault: Vault
) -> None:
    with database.writing() as session:
        below = vendors.create(
            session, NewVendor(name="Below"), TESTER, parent_id=desk.town.vendor.id
        )
        twin = accounts.create(
            session, below.id, NewAccount(name="Twin", short_name="alder"), TESTER, vault=vault
        )
        owner = tenants.vendor(desk.town.vendor.id)
        gateway = gateways.get_own(session, owner, GatewayId(desk.gateway_id))
        gateways.serve(session, gateway, AccountId(twin.id), TESTER, vault=vault)
    answer = desk.vic.post(f"{desk.path}/gateways/{desk.gateway_id}/serve")
    assert answer.status_code == 409
    assert "The gateway serves another account of this short name." in answer.text
    assert desk.serving() == {"Alder one"}


def test_another_vendors_gateway_and_the_accounts_own_are_not_the_vendors(desk: Desk) -> None:
    for gateway_id in (desk.rivals_gateway_id, desk.town.alder.gateway.id):
        for what in ("serve", "stop"):
            answer = desk.vic.post(f"{desk.path}/gateways/{gateway_id}/{what}")
            assert answer.status_code == 404
    assert desk.serving() == {"Alder one"}


def test_the_licence_is_extended_to_the_end_of_a_day(desk: Desk) -> None:
    day = (datetime.now(UTC) + timedelta(days=400)).date().isoformat()
    form = {"devices": "25", "expires_on": day}
    assert desk.vic.post(f"{desk.path}/licence", data=form).status_code == 303
    with desk.database.reading() as session:
        licence = accounts.licence(session, desk.town.alder.account.id)
        assert (licence.devices, licence.kind) == (25, "full")
        assert licence.expires_at.isoformat() == f"{day}T23:59:59+00:00"
    assert desk.heard("licence.extended")[0].detail["devices"] == 25


@pytest.mark.parametrize(
    "form", [{"devices": "0", "expires_on": "2030-01-01"}, {"devices": "5", "expires_on": "soon"}]
)
def test_a_licence_that_cannot_be_meant_changes_nothing(desk: Desk, form: dict[str, str]) -> None:
    answer = desk.vic.post(f"{desk.path}/licence", data=form)
    assert answer.status_code == 422
    assert "is-invalid" in answer.text
    with desk.database.reading() as session:
        assert accounts.licence(session, desk.town.alder.account.id).kind == "trial"


def test_strangers_see_and_change_nothing(desk: Desk) -> None:
    form = {"devices": "25", "expires_on": "2030-01-01"}
    for who, status in ((desk.rival, 404), (desk.ada, 403)):
        assert who.get(desk.path).status_code == status
        assert who.post(f"{desk.path}/licence", data=form).status_code == status
        answer = who.post(f"{desk.path}/gateways/{desk.rivals_gateway_id}/serve")
        assert answer.status_code in (403, 404)
    assert desk.serving() == {"Alder one"}


def test_who_may_only_read_accounts_reads_no_gateways_and_changes_nothing(desk: Desk) -> None:
    page = desk.reader.get(desk.path).text
    assert "Alder" in page
    assert "Shared-1" not in page
    assert "Extend it" not in page
    form = {"devices": "25", "expires_on": "2030-01-01"}
    assert desk.reader.post(f"{desk.path}/licence", data=form).status_code == 403
    answer = desk.reader.post(f"{desk.path}/gateways/{desk.gateway_id}/serve")
    assert answer.status_code == 403


def test_the_way_in_shows_while_the_account_lets_the_vendor_in(desk: Desk) -> None:
    account_id = desk.town.alder.account.id
    assert "Look in" not in desk.vic.get(desk.path).text
    new = NewGrant(permissions=(Permission.SEE_THINGS,), hours=1, reason="slow")
    with desk.database.writing() as session:
        grants.create(session, account_id, new, TESTER)
    assert f'href="/accounts/{account_id}/"' in desk.vic.get(desk.path).text


def test_a_vendor_vouches_for_a_name_below_its_own_and_for_no_other(desk: Desk) -> None:
    alder = tenants.account(desk.town.alder.account.id)
    with desk.database.writing() as session:
        below = domains.create(session, alder, NewDomain(name="print.vic.localhost"), TESTER)
        apart = domains.create(session, alder, NewDomain(name="print.elsewhere.test"), TESTER)
    page = desk.vic.get(desk.path).text
    assert f"/domains/{below.id}/verify" in page
    assert f"/domains/{apart.id}/verify" not in page
    assert desk.vic.post(f"{desk.path}/domains/{apart.id}/verify").status_code == 409
    assert desk.rival.post(f"{desk.path}/domains/{below.id}/verify").status_code == 404
    assert desk.reader.post(f"{desk.path}/domains/{below.id}/verify").status_code == 403
    with desk.database.reading() as session:
        assert domains.get_domain(session, alder, below.id).verified_at is None
    assert desk.vic.post(f"{desk.path}/domains/{below.id}/verify").status_code == 303
    with desk.database.reading() as session:
        verified = domains.get_domain(session, alder, below.id)
        assert verified.verified_at is not None
        assert verified.verified_by == "parent"
        assert domains.get_domain(session, alder, apart.id).verified_at is None
