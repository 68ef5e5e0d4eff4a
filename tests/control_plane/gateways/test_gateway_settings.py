"""What a gateway runs, on its page: services, where they listen, its name and its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.feed.models import FeedRow
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.gateways.schemas import GatewayChanges, NewGateway
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.vault import Vault
from shared.ids import GatewayId, SiteId
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, an_app, give_domains, signed_in


@dataclass
class Desk:
    database: Database
    gateway_id: GatewayId
    vendors_id: GatewayId
    site_id: SiteId
    foreign_site: SiteId
    ada: Browser
    ben: Browser
    cleo: Browser
    vic: Browser

    @property
    def path(self) -> str:
        return f"/gateways/{self.gateway_id}/settings"

    def gateway(self, gateway_id: GatewayId | None = None) -> Gateway:
        with self.database.reading() as session:
            return gateways.get_by_id(session, gateway_id or self.gateway_id)


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    alder, cedar, vendor = town.alder.account.id, town.cedar.account.id, town.vendor.id
    with database.writing() as session:
        site = sites.create(session, alder, NewSite(name="Harbour"), TESTER)
        foreign = sites.create(session, cedar, NewSite(name="Mill"), TESTER)
        new = NewGateway(name="Datacenter-1")
        ours = gateways.create(session, tenants.vendor(vendor), new, TESTER, vault=vault)
        kept = {"ipp": {"host": "127.0.0.1", "port": 8631, "options": {"kept": 7}}, "storage": {}}
        gateways.update(
            session, tenants.account(alder), town.alder.gateway.id,
            GatewayChanges.model_validate({"services": kept}), TESTER,
        )  # fmt: skip
    return Desk(
        database,
        town.alder.gateway.id,
        ours.id,
        site.id,
        foreign.id,
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", town.ben),
        signed_in(app, database, "cedar.localhost", town.cleo),
        signed_in(app, database, "vic.localhost", town.vic),
    )


def a_form(**more: str) -> dict[str, Any]:
    return {
        "name": "HQ-1",
        "trusted_hosts": "hq.example\n10.1.0.5",
        "on-ipp": "on",
        "host-ipp": "0.0.0.0",
        "port-ipp": "631",
        "on-storage": "on",
        "on-lpd": "on",
        "host-lpd": "0.0.0.0",
        "port-lpd": "515",
        **more,
    }


def test_services_and_ports_are_set_and_the_gateway_is_told(desk: Desk) -> None:
    assert desk.ada.post(desk.path, data=a_form(site_id=desk.site_id)).status_code == 303
    gateway = desk.gateway()
    assert (gateway.name, gateway.site_id) == ("HQ-1", desk.site_id)
    assert gateway.trusted_hosts == ["hq.example", "10.1.0.5"]
    ipp, lpd = gateway.services["ipp"], gateway.services["lpd"]
    assert (ipp["host"], ipp["port"], ipp["options"]) == ("0.0.0.0", 631, {"kept": 7})
    assert (lpd["enabled"], lpd["port"]) == (True, 515)
    assert "raw" not in gateway.services
    with desk.database.reading() as session:
        row = session.query(FeedRow).filter(FeedRow.id == gateway.id).one()
        assert row.data["services"]["lpd"]["port"] == 515
        said = session.scalars(
            select(AuditEvent)
            .where(AuditEvent.event == "gateway.changed")
            .order_by(AuditEvent.seq.desc())
        )
        assert said.first().detail["name"] == ["Alder one", "HQ-1"]  # type: ignore[union-attr]


def test_a_service_is_switched_off_and_on_again_with_what_it_had(desk: Desk) -> None:
    off = a_form()
    del off["on-ipp"]
    assert desk.ada.post(desk.path, data=off).status_code == 303
    assert desk.gateway().services["ipp"]["enabled"] is False
    page = desk.ada.get(desk.path).text
    assert 'name="on-lpd" checked' in page
    assert 'name="on-ipp">' in page
    assert desk.ada.post(desk.path, data=a_form()).status_code == 303
    ipp = desk.gateway().services["ipp"]
    assert ipp["enabled"] is True
    assert ipp["options"] == {"kept": 7}


@pytest.mark.parametrize(
    "wrong",
    [
        {"port-ipp": "99999"},
        {"port-ipp": ""},
        {"host-lpd": "not a host"},
        {"name": ""},
        {"trusted_hosts": "what/ever"},
    ],
)
def test_what_cannot_be_is_told_beside_its_field(desk: Desk, wrong: dict[str, str]) -> None:
    answer = desk.ada.post(desk.path, data=a_form(**wrong))
    assert answer.status_code == 422
    assert "is-invalid" in answer.text
    assert desk.gateway().name == "Alder one"


def test_a_name_stands_once_and_a_site_is_one_s_own(desk: Desk) -> None:
    answer = desk.ada.post(desk.path, data=a_form(site_id=desk.foreign_site))
    assert answer.status_code == 422
    assert desk.gateway().site_id is None
    with desk.database.writing() as session:
        owner = tenants.from_text(desk.gateway().tenant)
        gateways.create(session, owner, NewGateway(name="HQ-1"), TESTER, vault=Vault(b"k" * 32))
    answer = desk.ada.post(desk.path, data=a_form())
    assert answer.status_code == 422
    assert "There is a gateway with this name." in answer.text
    assert desk.ada.post(desk.path, data=a_form(name="HQ-2")).status_code == 303


def test_only_its_owner_sets_it(desk: Desk) -> None:
    for browser, refused in ((desk.ben, 403), (desk.cleo, 404)):
        assert browser.get(desk.path).status_code == refused
        assert browser.post(desk.path, data=a_form()).status_code == refused
    assert desk.ada.get(f"/gateways/{desk.vendors_id}/settings").status_code == 404
    path = f"/gateways/{desk.vendors_id}/settings"
    assert 'name="site_id"' not in desk.vic.get(path).text
    assert desk.vic.post(path, data=a_form(name="Datacenter-2")).status_code == 303
    assert desk.gateway(desk.vendors_id).name == "Datacenter-2"
    assert desk.gateway().name == "Alder one"
