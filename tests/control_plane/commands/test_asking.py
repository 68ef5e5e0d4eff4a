"""Asking gateways and printers something, from the pages and by the API, and reading the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from control_plane import tenants
from control_plane.app import create_app
from control_plane.commands import service as commands
from control_plane.commands.models import Command
from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from control_plane.gateways.models import GatewayState
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.web.rendering import LANGUAGE_COOKIE
from shared.ids import CommandId
from shared.messages.events import CommandReported
from tests.control_plane.readers.test_reader_pages import Desk
from tests.control_plane.web.test_pages import browser_of
from tests.support.day import live_a_day
from tests.support.houses import TESTER
from tests.support.primary_site import Site, a_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path) as made:
        live_a_day(made)
        yield made


@pytest.fixture
def ada(site: Site) -> Desk:
    return Desk(browser_of(site, "alder", "ada"), "alder.localhost")


@pytest.fixture
def cleo(site: Site) -> Desk:
    return Desk(browser_of(site, "cedar", "cleo"), "cedar.localhost")


def ask(desk: Desk, path: str) -> str:
    answer = desk.send(path, {})
    assert answer.status_code == 303, answer.text
    place = str(answer.headers["Location"])
    assert place.startswith("/commands/"), place
    return place.rpartition("/")[2]


def command(site: Site, command_id: str) -> Command:
    with site.parts.database.reading() as session:
        found = session.get(Command, CommandId(command_id))
        assert found is not None
        return found


def report(
    site: Site, command_id: str, state: str, message: str = "", result: dict[str, Any] | None = None
) -> None:
    gateway_id = command(site, command_id).gateway_id
    fact = CommandReported(command_id, state, utc_now(), result or {}, message)
    with site.parts.database.writing() as session:
        commands.on_reported(session, gateway_id, [fact])


def test_a_printer_is_asked_to_make_itself_known_and_the_page_follows(
    site: Site, ada: Desk
) -> None:
    printer_id = site.town.alder.printer.id
    asked = ask(ada, f"/printers/{printer_id}/identify")
    made = command(site, asked)
    assert (made.kind, made.body["printer_id"]) == ("printer.identify", printer_id)
    page = ada.get(f"/commands/{asked}").text
    assert "The gateway has not answered yet." in page
    report(site, asked, "in-progress")
    assert "The gateway is at it." in ada.get(f"/commands/{asked}/live").text
    report(site, asked, "succeeded", result={"says": "the printer makes itself known"})
    page = ada.get(f"/commands/{asked}/live").text
    assert "It sounds, flashes or shows it" in page
    assert "One moment" not in page


@pytest.mark.parametrize(
    ("state", "message", "says"),
    [
        ("rejected", "it came too late", "It came too late."),
        ("failed", "this gateway does not know the printer", "This gateway does not know"),
    ],
)
def test_a_refusal_is_told_in_words(
    site: Site, ada: Desk, state: str, message: str, says: str
) -> None:
    asked = ask(ada, f"/printers/{site.town.alder.printer.id}/identify")
    report(site, asked, state, message)
    assert says in ada.get(f"/commands/{asked}").text


def test_what_nobody_carried_out_in_time_is_told_as_void(site: Site, ada: Desk) -> None:
    asked = ask(ada, f"/gateways/{site.town.alder.gateway.id}/diagnose")
    with site.parts.database.writing() as session:
        assert commands.expire(session, utc_now() + timedelta(minutes=3)) == 1
    page = ada.get(f"/commands/{asked}").text
    assert "No answer in time" in page
    assert "It is void now" in page


def test_a_diagnosis_tells_what_is_wrong_and_what_helps(site: Site, ada: Desk) -> None:
    asked = ask(ada, f"/gateways/{site.town.alder.gateway.id}/diagnose")
    clock = {"what": "clock", "ok": False, "says": "says 2020-01-01", "cure": "<b>set it</b>"}
    result = {"ok": False, "says": "Needs a person.", "findings": [clock, "x"], "free_bytes": 5}
    report(site, asked, "succeeded", result=result)
    page = ada.get(f"/commands/{asked}").text
    assert "says 2020-01-01" in page
    assert "&lt;b&gt;set it&lt;/b&gt;" in page


def test_a_printer_is_looked_at_and_its_answer_stands_in_words(site: Site, ada: Desk) -> None:
    asked = ask(ada, f"/printers/{site.town.alder.printer.id}/diagnose")
    supplies = [{"name": "Black", "level": 4}, {"name": "Odd", "level": "many"}, 7]
    result = {"state": "stopped", "reasons": ["media-empty-error"], "supplies": supplies}
    report(site, asked, "succeeded", result=result)
    page = ada.get(f"/commands/{asked}").text
    assert "stopped: out of paper" in page
    assert "4 %" in page


def test_what_cannot_be_asked_is_told_where_it_was_asked(site: Site, ada: Desk) -> None:
    with site.parts.database.writing() as session:
        for gateway in gateways.serving_gateways(session, site.town.alder.account.id):
            gateway.enrolled_at = None
    printer_id = site.town.alder.printer.id
    answer = ada.send(f"/printers/{printer_id}/identify", {})
    assert answer.headers["Location"] == f"/printers/{printer_id}"
    assert (
        "No enrolled gateway looks after this printer." in ada.get(f"/printers/{printer_id}").text
    )


def test_nobody_asks_somebody_elses_things_or_reads_the_answers(
    site: Site, ada: Desk, cleo: Desk
) -> None:
    house = site.town.alder
    for path in (
        f"/printers/{house.printer.id}/identify",
        f"/printers/{house.printer.id}/diagnose",
        f"/gateways/{house.gateway.id}/diagnose",
    ):
        assert cleo.send(path, {}).status_code == 404
    asked = ask(ada, f"/gateways/{house.gateway.id}/diagnose")
    assert cleo.get(f"/commands/{asked}").status_code == 404
    assert ada.get(f"/commands/{asked}").status_code == 200


def test_a_program_asks_and_reads_the_answer(site: Site, cleo: Desk) -> None:
    owner = tenants.account(site.town.alder.account.id)
    new = NewApiKey(name="x", permissions=tuple(ACCOUNT_ROLES["administrator"]))
    with site.parts.database.writing() as session:
        _row, key = api_keys.create(session, owner, new, TESTER)
    client = create_app(site.parts.settings, site.parts).test_client(use_cookies=False)

    def call(method: str, path: str) -> Any:
        return client.open(
            f"/api/v1{path}", method=method, base_url="https://alder.localhost",
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip

    house, cedar = site.town.alder, site.town.cedar
    for path in (
        f"/printers/{house.printer.id}/identify",
        f"/gateways/{house.gateway.id}/diagnose",
    ):
        asked = call("POST", path)
        assert (asked.status_code, asked.json["state"]) == (202, "queued")
        report(site, asked.json["id"], "succeeded", result={"ok": True})
        answer = call("GET", f"/commands/{asked.json['id']}")
        assert (answer.json["state"], answer.json["result"]) == ("succeeded", {"ok": True})
    assert call("POST", f"/printers/{cedar.printer.id}/identify").status_code == 404
    assert call("POST", f"/gateways/{cedar.gateway.id}/diagnose").status_code == 404


def test_a_rehearsal_is_shown_as_one_and_not_as_an_outage(site: Site, ada: Desk) -> None:
    gateway_id = site.town.alder.gateway.id
    asked = ask(ada, f"/gateways/{gateway_id}/rehearse")
    again = ada.send(f"/gateways/{gateway_id}/rehearse", {})
    assert again.headers["Location"] == f"/gateways/{gateway_id}"
    assert "A rehearsal goes on already." in ada.get(f"/gateways/{gateway_id}").text
    report(site, asked, "in-progress")
    with site.parts.database.writing() as session:
        state = session.get(GatewayState, gateway_id)
        assert state is not None
        state.last_seen_at = utc_now() - timedelta(minutes=9)
    page = ada.get("/now/live").text
    assert "HQ-1 rehearses that its line is cut" in page
    assert "HQ-1 has not been heard" not in page
    assert "rehearses that its line is cut, until" in ada.get(f"/gateways/{gateway_id}/live").text
    assert "rehearses that its line is cut, until" in ada.get("/sites").text
    ask(ada, f"/gateways/{gateway_id}/rehearse/end")
    result = {
        "why_ended": "gateway", "jobs_received": 3, "jobs_released": 2, "jobs_printed": 2,
        "sign_ins": {"card": 2}, "refused": {"card.unknown": 1}, "knowledge_seconds": 600,
    }  # fmt: skip
    report(site, asked, "succeeded", result=result)
    page = ada.get(f"/commands/{asked}").text
    for says in (
        "Somebody ended it at the gateway.",
        "by card: 2",
        "card.unknown: 1",
        "10 minutes old",
    ):
        assert says in page
    assert "HQ-1 has not been heard" in ada.get("/now/live").text


def test_only_ones_own_gateway_rehearses(site: Site, ada: Desk, cleo: Desk) -> None:
    gateway_id = site.town.alder.gateway.id
    assert cleo.send(f"/gateways/{gateway_id}/rehearse", {}).status_code == 404
    assert cleo.send(f"/gateways/{gateway_id}/rehearse/end", {}).status_code == 404
    none = ada.send(f"/gateways/{gateway_id}/rehearse/end", {})
    assert none.headers["Location"] == f"/gateways/{gateway_id}"
    assert ask(ada, f"/gateways/{gateway_id}/rehearse")


def test_what_would_go_on_without_the_line_is_the_gateways_own_answer(
    site: Site, ada: Desk
) -> None:
    own, other = site.town.alder.account.id, site.town.cedar.account.id
    acts = {
        "Signing in at Alder": {
            "what": "signing-in", "works": True, "why": "for-a-time", "account_id": own,
            "seconds": 7200,
        },
        "Signing in at Cedar": {
            "what": "signing-in", "works": False, "why": "too-old", "account_id": other,
        },
        "Printing": {"what": "printing", "works": False, "why": "no-output", "account_id": None},
        "odd": 7,
    }  # fmt: skip
    with site.parts.database.writing() as session:
        gateway_id = site.town.alder.gateway.id
        gateways.on_heartbeat(
            session, gateway_id, at=utc_now(), health={"if_the_line_were_cut": acts}
        )
    page = ada.get(f"/gateways/{gateway_id}/live").text
    assert "Yes, for 2 hours." in page
    assert "No: printing does not run there." in page
    assert "older than the account allows" not in page
    assert "Cedar" not in page


def test_a_diagnosis_is_read_in_the_readers_language(site: Site, ada: Desk) -> None:
    asked = ask(ada, f"/gateways/{site.town.alder.gateway.id}/diagnose")
    room = {
        "what": "room", "ok": False, "says": "100 MB free", "cure": "make room on this disk",
        "text": "%(free)s MB free", "cure_text": "make room on this disk", "values": {"free": 100},
    }  # fmt: skip
    strange = {"what": "x", "says": "as it said", "text": "%(y)999999999s", "values": {"y": 1}}
    broken = {"what": "y", "says": "also this", "text": "%(free)s MB free", "values": {"z": 1}}
    report(site, asked, "succeeded", result={"ok": False, "findings": [room, strange, broken]})
    assert "100 MB free" in ada.get(f"/commands/{asked}").text
    ada.client.set_cookie(LANGUAGE_COOKIE, "de", domain="alder.localhost", secure=True)
    page = ada.get(f"/commands/{asked}").text
    assert "100 MB frei" in page
    assert "schaffen Sie Platz auf dieser Platte" in page
    assert "as it said" in page
    assert "also this" in page
