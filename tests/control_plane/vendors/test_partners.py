"""Vendors below a vendor, and its own gateways: listed, made, given accounts, and ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.audit import service as audit
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.users import service as users
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from shared.ids import VendorId
from tests.support.houses import PASSWORD, TESTER, Town
from tests.support.web import Browser, an_app, give_domains, signed_in


@dataclass
class Desk:
    """Vic the owner, a helper who is none, Alder's Ada; a vendor below Vic."""

    database: Database
    vault: Vault
    town: Town
    vic: Browser
    helper: Browser
    ada: Browser
    below: VendorId

    @property
    def path(self) -> str:
        return f"/vendors/{self.below}"

    def delete(self, confirm: str = "Below") -> int:
        return self.vic.post(f"{self.path}/delete", data={"confirm": confirm}).status_code

    def is_there(self) -> bool:
        with self.database.reading() as session:
            found = vendors.list_children(session, self.town.vendor.id)
            return self.below in {vendor.id for vendor in found.items}


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    vic = tenants.vendor(town.vendor.id)
    with database.writing() as session:
        new = NewUser(username="hal", password=PASSWORD, roles=("administrator",))
        hal = users.create(session, vic, new, TESTER, vault=vault)
        below = vendors.create(session, NewVendor(name="Below"), TESTER, parent_id=town.vendor.id)
    app = an_app(tmp_path, database, vault)
    return Desk(
        database,
        vault,
        town,
        signed_in(app, database, "vic.localhost", town.vic),
        signed_in(app, database, "vic.localhost", hal),
        signed_in(app, database, "alder.localhost", town.ada),
        below.id,
    )


def test_a_vendor_is_made_with_its_address_and_its_owners_link(desk: Desk) -> None:
    form = {"name": "Nord", "domain": "nord.vic.localhost", "owner": "nora"}
    answer = desk.vic.post("/vendors", data=form)
    assert answer.status_code == 200
    assert "Nord is ready." in answer.text
    assert "https://nord.vic.localhost/recover/" in answer.text
    assert 'href="/vendors/' in desk.vic.get("/vendors?q=nord").text
    assert desk.vic.post("/vendors", data={"name": ""}).status_code == 422
    assert desk.ada.get("/vendors").status_code in (403, 404)


def test_a_vendor_that_has_nothing_left_is_deleted(desk: Desk) -> None:
    assert desk.delete(confirm="below") == 422
    assert desk.is_there()
    assert desk.helper.post(f"{desk.path}/delete", data={"confirm": "Below"}).status_code == 403
    assert desk.delete() == 303
    assert not desk.is_there()
    with desk.database.reading() as session:
        events = audit.list_events(session, tenants.vendor(desk.town.vendor.id), event="vendor.")
        assert events.items[0].event == "vendor.deleted"
        assert not [broken for _, _, broken in audit.verify(session) if broken]


@pytest.mark.parametrize("what", ["1 account", "1 vendor below it", "1 gateway"])
def test_what_it_still_has_is_in_the_way(desk: Desk, what: str) -> None:
    with desk.database.writing() as session:
        if what == "1 account":
            new = NewAccount(name="Elm", short_name="elm")
            accounts.create(session, desk.below, new, TESTER, vault=desk.vault)
        elif what == "1 gateway":
            box, tenant = NewGateway(name="Box"), tenants.vendor(desk.below)
            gateway = gateways.create(session, tenant, box, TESTER, vault=desk.vault)
        else:
            vendors.create(session, NewVendor(name="Deep"), TESTER, parent_id=desk.below)
    assert desk.delete() == 409
    assert what in desk.vic.get(desk.path).text
    assert desk.is_there()
    if what == "1 gateway":
        with desk.database.writing() as session:
            gateways.revoke(session, tenants.vendor(desk.below), gateway.id, TESTER)
        assert desk.delete() == 303


def test_a_vendors_gateway_is_added_given_an_account_and_revoked(desk: Desk) -> None:
    added = desk.vic.post("/gateways", data={"gateway_name": "Datacenter-1"})
    assert added.status_code == 303
    page = desk.vic.get(added.location).text
    assert "Accounts that it serves" in page
    wrong = desk.vic.post(f"{added.location}/accounts", data={"short_name": "elm"})
    assert wrong.status_code == 422
    assert "You have no account with this short name." in wrong.text
    given = desk.vic.post(f"{added.location}/accounts", data={"short_name": "alder"})
    assert given.status_code == 303
    shown = desk.vic.get("/gateways").text
    assert re.search(r'Datacenter-1</a>.*data-label="Accounts">1<', shown, re.DOTALL)
    assert "Alder" in desk.vic.get(added.location).text
    assert desk.vic.post(f"{added.location}/revoke", data={"confirm": "x"}).status_code == 422
    assert "Datacenter-1" in desk.vic.get("/gateways").text
    sure = desk.vic.post(f"{added.location}/revoke", data={"confirm": "Datacenter-1"})
    assert sure.status_code == 303
    assert "/gateways/" not in re.sub(r"/gateways/export", "", desk.vic.get("/gateways").text)


def test_a_name_that_is_taken_is_said_on_the_vendors_own_page(desk: Desk) -> None:
    for status in (303, 422):
        answer = desk.vic.post("/gateways", data={"gateway_name": "Twice"})
        assert answer.status_code == status
    assert "There is a gateway with this name." in answer.text


def test_an_accounts_gateways_stay_at_its_sites(desk: Desk) -> None:
    sent = desk.ada.get("/gateways")
    assert (sent.status_code, sent.location) == (303, "/sites")
    shown = desk.ada.get(f"/gateways/{desk.town.alder.gateway.id}").text
    assert "Revoke it" in shown
    assert "Accounts that it serves" not in shown


@pytest.mark.parametrize("path", ["/accounts", "/vendors", "/gateways"])
def test_the_lists_of_a_vendor_sort_and_search(desk: Desk, path: str) -> None:
    desk.vic.post("/gateways", data={"gateway_name": "Alpha"})
    desk.vic.post("/gateways", data={"gateway_name": "Zeta"})
    desk.vic.post("/vendors", data={"name": "Zenith"})
    page = desk.vic.get(path).text
    headings = set(re.findall(r'id="sort-([a-z]+)"', page))
    options = set(re.findall(r'<option value="-?([a-z]+)"[^>]*>[^<]+, (?:a|de)scending', page))
    assert headings == options
    assert len(headings) >= 2
    rows = re.findall(
        r'row-name"><a href="[^"]+">([^<]+)<', desk.vic.get(f"{path}?order=name").text
    )
    back = re.findall(
        r'row-name"><a href="[^"]+">([^<]+)<', desk.vic.get(f"{path}?order=-name").text
    )
    assert rows == back[::-1] == sorted(rows)
    assert len(rows) == 2
    assert rows[1] not in desk.vic.get(f"{path}?q={rows[0]}").text.split("<tbody>")[1]


def test_the_accounts_are_a_file_too(desk: Desk) -> None:
    lines = desk.vic.get("/accounts/export.csv?order=-name").text.splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["Cedar", "Alder"]
    assert desk.ada.get("/accounts/export.csv").status_code in (403, 404)


def test_lists_of_vendors_and_gateways_are_taken_along_as_files(desk: Desk) -> None:
    own = tenants.vendor(desk.town.vendor.id)
    with desk.database.writing() as session:
        gateways.create(session, own, NewGateway(name="Cellar-1"), TESTER, vault=desk.vault)
    vendors_file = desk.vic.get("/vendors/export.csv").text
    assert vendors_file.splitlines()[0] == "\ufeffVendor,Accounts,Since"
    assert "Below,0," in vendors_file
    assert "Below" not in desk.vic.get("/vendors/export.csv?q=nobody").text
    file = desk.vic.get("/gateways/export.csv").text
    assert "Cellar-1," in file
    assert "Alder one" not in file
    at_alder = desk.ada.get("/gateways/export.csv").text
    assert "Alder one," in at_alder
    assert "Cellar-1" not in at_alder
    assert "Cedar one" not in at_alder
    assert desk.ada.get("/vendors/export.csv").status_code == 403
