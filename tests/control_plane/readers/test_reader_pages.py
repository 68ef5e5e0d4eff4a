from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from tests.control_plane.web.test_pages import browser_of
from tests.support.primary_site import Site, a_site
from tests.support.web import Browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path) as made:
        yield made


class Desk(Browser):
    """Somebody at the pages, with the token that their forms carry."""

    def send(self, path: str, form: dict[str, Any], *, seen_at: str = "/readers/new") -> Any:
        page = self.get(seen_at).text
        token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        return self.post(path, data={"csrf_token": token, **form}, headers={"X-CSRF-Token": None})


@pytest.fixture
def ada(site: Site) -> Desk:
    return Desk(browser_of(site, "alder", "ada"), "alder.localhost")


@pytest.fixture
def cleo(site: Site) -> Desk:
    return Desk(browser_of(site, "cedar", "cleo"), "cedar.localhost")


def a_reader(site: Site, **other: str) -> dict[str, str]:
    house = site.town.alder
    return {
        "name": "At the lift",
        "printer_id": house.printer.id,
        "gateway_id": house.gateway.id,
        "mode": "choose",
        "role": "server",
        "address": "10.1.4.40",
        "port": "7777",
        "profile": "generic/tcp-line",
        **other,
    }


def reader_id_of(answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"].rpartition("/")[2])


def events(site: Site) -> list[str]:
    with site.parts.database.reading() as session:
        owner = tenants.account(site.town.alder.account.id)
        return [row.event for row in audit.list_events(session, owner).items]


def test_a_reader_is_added_changed_and_removed_and_the_audit_says_so(site: Site, ada: Desk) -> None:
    reader_id = reader_id_of(ada.send("/readers/new", a_reader(site)))
    page = ada.get(f"/readers/{reader_id}").text
    assert "At the lift" in page
    assert 'value="10.1.4.40"' in page
    changed = ada.send(f"/readers/{reader_id}", a_reader(site, mode="print-all", port="7778"))
    assert changed.status_code == 303
    assert "10.1.4.40:7778" in ada.get("/readers").text
    assert "prints everything that waits" in ada.get("/readers").text
    assert ada.send(f"/readers/{reader_id}/delete", {}).status_code == 303
    assert "No card reader yet" in ada.get("/readers").text
    assert events(site)[:3] == ["reader.deleted", "reader.changed", "reader.created"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"address": "reader.example"}, "address"), ({"port": "0"}, "port"), ({"port": "x"}, "port"),
     ({"mode": "dance"}, "mode"), ({"name": ""}, "name"), ({"profile": "../etc"}, "profile")],
)  # fmt: skip
def test_a_reader_that_cannot_be_is_refused_beside_its_field(
    site: Site, ada: Desk, wrong: dict[str, str], field: str
) -> None:
    refused = ada.send("/readers/new", a_reader(site, **wrong))
    assert refused.status_code == 422
    below = refused.text.partition(f'id="h-{field}"')[2][:200]
    assert "invalid-feedback" in below
    assert "No card reader yet" in ada.get("/readers").text
    assert ada.send("/readers/new", a_reader(site)).status_code == 303


def test_a_reader_stands_at_ones_own_printer_and_gateway(site: Site, ada: Desk) -> None:
    cedar = site.town.cedar
    for foreign in ({"printer_id": cedar.printer.id}, {"gateway_id": cedar.gateway.id}):
        assert ada.send("/readers/new", a_reader(site, **foreign)).status_code == 422
    assert ada.send("/readers/new", a_reader(site)).status_code == 303


def test_the_neighbours_reader_and_terminal_are_not_there(
    site: Site, ada: Desk, cleo: Desk
) -> None:
    reader_id = reader_id_of(ada.send("/readers/new", a_reader(site)))
    for path in (f"/readers/{reader_id}", f"/readers/{reader_id}/delete"):
        assert cleo.send(path, a_reader(site)).status_code == 404
    assert cleo.get(f"/readers/{reader_id}").status_code == 404
    assert cleo.send("/terminals/code", {"printer_id": site.town.alder.printer.id}).status_code in (
        404, 422,
    )  # fmt: skip
    assert ada.get(f"/readers/{reader_id}").status_code == 200


def tell(site: Site, reader_id: str, *, ok: bool, ago: timedelta) -> None:
    says = "" if ok else "the reader does not answer: timeout"
    at = utc_now() - ago
    with site.parts.database.writing() as session:
        gateway_id = site.town.alder.gateway.id
        gateways.on_presence(session, gateway_id, here=True, at=at)
        health = {"readers": {reader_id: {"ok": ok, "says": says}, "other": "nonsense"}}
        gateways.on_heartbeat(session, gateway_id, at=at, health=health)


def test_a_reader_is_as_its_gateway_last_said_and_old_news_look_old(site: Site, ada: Desk) -> None:
    reader_id = reader_id_of(ada.send("/readers/new", a_reader(site, role="client")))
    assert "not known yet" in ada.get("/readers").text
    tell(site, reader_id, ok=True, ago=timedelta(hours=3))
    page = ada.get("/readers").text
    assert "was connected" in page
    assert "Its gateway was last heard" in page
    tell(site, reader_id, ok=False, ago=timedelta(seconds=2))
    page = ada.get("/readers?fragment=rows").text
    assert "does not answer" in page
    assert "timeout" in page
    tell(site, reader_id, ok=True, ago=timedelta(seconds=1))
    state = ada.get(f"/readers/{reader_id}?fragment=state").text
    assert ">connected" in state
    assert "as of" in state


def test_a_terminals_code_is_shown_once_and_pairs_with_the_only_reader(
    site: Site, ada: Desk
) -> None:
    reader_id = reader_id_of(ada.send("/readers/new", a_reader(site)))
    form = {"printer_id": site.town.alder.printer.id}
    page = ada.send("/terminals/code", form, seen_at="/terminals")
    assert page.status_code == 200
    code = re.search(r'id="code">([A-Z0-9-]+)<', page.text)
    assert code
    assert code[1] not in ada.get("/terminals").text
    assert reader_id
    assert events(site)[0] == "terminal.code-made"
    assert ada.send("/terminals/code", {"printer_id": ""}, seen_at="/terminals").status_code == 422


def test_who_may_only_look_sees_readers_and_changes_none(site: Site, ada: Desk) -> None:
    ben = Desk(browser_of(site, "alder", "ben"), "alder.localhost")
    assert ben.get("/readers").status_code == 403
    assert ben.send("/readers/new", a_reader(site), seen_at="/my").status_code == 403
    assert ben.send("/terminals/x/revoke", {}, seen_at="/my").status_code == 403
    assert ada.get("/readers").status_code == 200
