"""Sites and what stands there: search, order, pages and the file of many of them."""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.paging import DEFAULT_LIMIT
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, an_app, give_domains, signed_in

SHOPS = [f"Shop {number:02}" for number in range(DEFAULT_LIMIT + 10)]


@dataclass
class Desk:
    """Sixty shops of Alder's, one with a gateway; Ada and Ben of Alder, Cleo of Cedar."""

    ada: Browser
    ben: Browser
    cleo: Browser


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    alder = town.alder.account.id
    with database.writing() as session:
        made = [
            sites.create(session, alder, NewSite(name=name, networks=("10.1.0.0/24",)), TESTER)
            for name in SHOPS
        ]
        new = NewGateway(name="Till-1", site_id=made[0].id)
        gateways.create(session, tenants.account(alder), new, TESTER, vault=vault)
    return Desk(
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", town.ben),
        signed_in(app, database, "cedar.localhost", town.cleo),
    )


def shops(text: str) -> list[str]:
    return re.findall(r"Shop \d\d", text.partition("<tbody>")[2].partition("</tbody>")[0])


def test_every_site_is_on_one_page_or_the_next_and_the_rest_stands_at_the_end(desk: Desk) -> None:
    first = desk.ada.get("/sites").text
    assert shops(first) == SHOPS[:DEFAULT_LIMIT]
    assert "Till-1" in first
    assert "Without a site" not in first
    following = re.search(r'href="([^"]*cursor=[^"]*)"', first)
    assert following
    last = desk.ada.get(html.unescape(following[1])).text
    assert shops(last) == SHOPS[DEFAULT_LIMIT:]
    assert "Without a site" in last
    assert "Alder one" in last


def test_sites_are_searched_and_turned_round(desk: Desk) -> None:
    assert shops(desk.ada.get("/sites?q=shop+5&order=-name").text) == SHOPS[59:49:-1]
    nothing = desk.ada.get("/sites?q=harbour").text
    assert "No site is called that" in nothing
    assert "Without a site" not in nothing


def test_the_file_holds_all_sites_with_what_stands_there(desk: Desk) -> None:
    text = desk.ada.get("/sites/export.csv").text.removeprefix("\ufeff")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["Site", "Networks", "Printers", "Gateways"]
    assert rows[1] == ["Shop 00", "10.1.0.0/24", "0", "Till-1"]
    assert [row[0] for row in rows[1:-1]] == SHOPS
    assert rows[-1] == ["", "", "1", "Alder one"]


def test_neither_a_user_nor_another_account_reads_them(desk: Desk) -> None:
    for path in ("/sites", "/sites/export.csv"):
        assert desk.ben.get(path).status_code == 403
        answer = desk.cleo.get(path)
        assert answer.status_code == 200
        assert "Shop" not in answer.text
