"""One site on its page: renamed, given its networks, and removed when nothing stands there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.gateways.schemas import NewGateway
from control_plane.sites import service as sites
from control_plane.sites.models import Site
from control_plane.sites.schemas import NewSite
from control_plane.vault import Vault
from shared.ids import SiteId
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, an_app, give_domains, signed_in


@dataclass
class Desk:
    database: Database
    site_id: SiteId
    gateway: Gateway
    ada: Browser
    ben: Browser
    cleo: Browser

    @property
    def path(self) -> str:
        return f"/sites/{self.site_id}"

    def site(self) -> Site | None:
        with self.database.reading() as session:
            return session.get(Site, self.site_id)


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    alder = town.alder.account.id
    with database.writing() as session:
        site = sites.create(session, alder, NewSite(name="Harbour"), TESTER)
        sites.create(session, alder, NewSite(name="Station"), TESTER)
        new = NewGateway(name="Quay-1", site_id=site.id)
        gateway = gateways.create(session, tenants.account(alder), new, TESTER, vault=vault)
    return Desk(
        database,
        site.id,
        gateway,
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", town.ben),
        signed_in(app, database, "cedar.localhost", town.cleo),
    )


def test_a_site_is_renamed_and_given_its_networks(desk: Desk) -> None:
    form = {"name": "Old harbour", "networks": "10.3.0.0/16\n2001:db8::/32, 192.0.2.7"}
    assert desk.ada.post(desk.path, data=form).status_code == 303
    site = desk.site()
    assert site is not None
    assert site.name == "Old harbour"
    assert site.networks == ["10.3.0.0/16", "2001:db8::/32", "192.0.2.7/32"]
    page = desk.ada.get(desk.path).text
    assert "Quay-1" in page
    assert "192.0.2.7/32" in page
    with desk.database.reading() as session:
        said = session.scalars(select(AuditEvent).where(AuditEvent.event == "site.changed"))
        assert said.one().detail["name"] == ["Harbour", "Old harbour"]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"name": "Station", "networks": ""}, "There is a site with this name."),
        ({"name": "Harbour", "networks": "10.3.0.0/99"}, "is-invalid"),
        ({"name": "", "networks": "10.3.0.0/16"}, "is-invalid"),
    ],
)
def test_what_cannot_be_is_told_beside_its_field(
    desk: Desk, form: dict[str, str], told: str
) -> None:
    answer = desk.ada.post(desk.path, data=form)
    assert answer.status_code == 422
    assert told in answer.text
    site = desk.site()
    assert site is not None
    assert (site.name, site.networks) == ("Harbour", [])


def test_only_its_own_account_s_administrators_change_it(desk: Desk) -> None:
    form = {"name": "Mine", "networks": ""}
    assert desk.ben.get(desk.path).status_code == 403
    assert desk.ben.post(desk.path, data=form).status_code == 403
    for path in (desk.path, f"{desk.path}/delete"):
        assert desk.cleo.post(path, data=form).status_code == 404
    assert desk.cleo.get(desk.path).status_code == 404
    assert desk.ada.post(desk.path, data=form).status_code == 303


def test_a_site_goes_when_nothing_stands_there_any_more(desk: Desk) -> None:
    assert "data-open=" not in desk.ada.get(desk.path).text
    assert desk.ada.post(f"{desk.path}/delete").status_code == 409
    assert desk.site() is not None
    revoked = {"confirm": "Quay-1"}
    assert desk.ada.post(f"/gateways/{desk.gateway.id}/revoke", data=revoked).status_code == 303
    assert 'data-open="delete-site"' in desk.ada.get(desk.path).text
    assert desk.ada.post(f"{desk.path}/delete").status_code == 303
    assert desk.site() is None
