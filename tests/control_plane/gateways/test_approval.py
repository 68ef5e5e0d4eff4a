"""Somebody compares a machine's key and approves or refuses it: pages, API, command line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane.accounts.models import Account
from control_plane.audit.models import AuditEvent
from control_plane.cli import main
from control_plane.database import Database, sqlite_url, utc_now
from control_plane.enrolment import approval, words
from control_plane.enrolment.models import EnrolmentRequest
from control_plane.gateways.models import Gateway
from shared.ids import GatewayId
from tests.control_plane.readers.test_reader_pages import Desk
from tests.control_plane.web.test_pages import browser_of
from tests.support.primary_site import Site, a_site

KEY = hashlib.sha256(b"its key").hexdigest()


def waiting_box(gateway_id: GatewayId) -> EnrolmentRequest:
    return EnrolmentRequest(
        code_hash="a code", gateway_id=gateway_id, key_fingerprint=KEY, sealing_key=b"k" * 32,
        host_name="<i>box</i>", source="192.0.2.7", asked_at=utc_now(),
        expires_at=utc_now() + timedelta(days=1), decided_at=None, is_approved=None,
    )  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path) as made:
        with made.parts.database.writing() as session:
            session.add(waiting_box(made.town.alder.gateway.id))
        yield made


@pytest.fixture
def ada(site: Site) -> Desk:
    return Desk(browser_of(site, "alder", "ada"), "alder.localhost")


def decided(site: Site) -> bool | None:
    with site.parts.database.reading() as session:
        return session.get_one(EnrolmentRequest, "a code").is_approved


@pytest.mark.parametrize(("act", "outcome"), [("approve", True), ("refuse", False)])
def test_who_waits_is_shown_with_its_key_and_decided_about_once(
    site: Site, ada: Desk, act: str, outcome: bool
) -> None:
    path = f"/gateways/{site.town.alder.gateway.id}"
    assert "A machine waits to become the gateway" in ada.get("/sites").text
    page = ada.get(path).text
    assert words.fingerprint(KEY) in page
    assert "192.0.2.7" in page
    assert "&lt;i&gt;box" in page
    done = ada.send(f"{path}/boxes/{KEY}/{act}", {}, seen_at=path)
    assert done.status_code == 303
    assert decided(site) is outcome
    other = "refuse" if outcome else "approve"
    ada.send(f"{path}/boxes/{KEY}/{other}", {}, seen_at="/sites")
    assert "Somebody has decided about this box already" in ada.get(path).text
    assert decided(site) is outcome
    assert words.fingerprint(KEY) not in ada.get(path).text
    with site.parts.database.reading() as session:
        event = "gateway.box-approved" if outcome else "gateway.box-refused"
        [row] = session.scalars(select(AuditEvent).where(AuditEvent.event == event))
        assert row.detail["key_fingerprint"] == KEY


def test_another_key_and_the_neighbour_decide_nothing(site: Site, ada: Desk) -> None:
    cleo = Desk(browser_of(site, "cedar", "cleo"), "cedar.localhost")
    path = f"/gateways/{site.town.alder.gateway.id}"
    assert "A machine waits" not in cleo.get("/sites").text
    assert cleo.send(f"{path}/boxes/{KEY}/approve", {}, seen_at="/sites").status_code == 404
    assert ada.send(f"{path}/boxes/{KEY[:-1]}/approve", {}, seen_at=path).status_code == 404
    assert decided(site) is None
    assert ada.send(f"{path}/boxes/{KEY}/approve", {}, seen_at=path).status_code == 303
    assert decided(site) is True


def test_an_account_says_whether_it_wants_this(site: Site, ada: Desk) -> None:
    page = ada.get("/settings").text
    assert 'name="gateways_need_approval"' in page
    form = {
        "name": "Alder", "language": "en", "time_zone": "UTC", "retention_seconds": "86400",
        "offline_limit_seconds": "", "gateways_need_approval": "on",
    }  # fmt: skip
    for wanted in (True, False):
        assert ada.send("/settings", form, seen_at="/settings").status_code == 303
        with site.parts.database.reading() as session:
            account = session.get_one(Account, site.town.alder.account.id)
            assert account.gateways_need_approval is wanted
        form.pop("gateways_need_approval", None)


def test_the_command_line_compares_the_whole_fingerprint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = ["--account", "alder", "--state", str(tmp_path)]
    for line in (
        ["migrate", *of[2:]],
        ["vendor", "create", "--name", "Vic", *of[2:]],
        [
            "account",
            "create",
            "--vendor",
            "Vic",
            "--name",
            "Alder",
            "--short-name",
            "alder",
            *of[2:],
        ],
        ["gateway", "add", "--name", "HQ-1", *of],
    ):
        assert main(line) == 0
    database = Database(sqlite_url(tmp_path / "spoolhouse.db"))
    with database.writing() as session:
        [gateway_id] = session.scalars(select(Gateway.id))
        session.add(waiting_box(gateway_id))
    database.close()
    capsys.readouterr()
    assert main(["gateway", "waiting", *of]) == 0
    assert KEY[:16] in capsys.readouterr().out
    act = ["gateway", "approve", *of, "--gateway", "HQ-1", "--fingerprint"]
    for wrong in (KEY[:8], "0" * 32):
        assert main([*act, wrong]) == 1
    assert main([*act, words.fingerprint(KEY)]) == 0
    capsys.readouterr()
    assert main(["gateway", "waiting", *of]) == 0
    assert KEY[:16] not in capsys.readouterr().out


def test_requests_of_long_ago_are_forgotten(site: Site) -> None:
    with site.parts.database.writing() as session:
        old = waiting_box(site.town.alder.gateway.id)
        old.code_hash, old.expires_at = "an old code", utc_now() - timedelta(days=31)
        session.add(old)
    with site.parts.database.writing() as session:
        assert approval.forget_old(session) == 1
        assert session.get(EnrolmentRequest, "an old code") is None
        assert session.get(EnrolmentRequest, "a code") is not None
