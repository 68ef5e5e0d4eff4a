from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane.audit.models import AuditEvent
from control_plane.commands.models import Command
from control_plane.gateways.models import GatewayState
from tests.control_plane.readers.test_reader_pages import Desk
from tests.control_plane.web.test_pages import browser_of
from tests.support.day import live_a_day
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


def jobs_on(desk: Desk, query: str) -> list[str]:
    return re.findall(r'href="/jobs/([0-9a-f-]{36})"', desk.get(f"/jobs?{query}").text)


def asked(site: Site, kind: str) -> list[Command]:
    with site.parts.database.reading() as session:
        return list(session.scalars(select(Command).where(Command.kind == kind)))


def audited(site: Site) -> list[AuditEvent]:
    with site.parts.database.reading() as session:
        query = select(AuditEvent).where(AuditEvent.event == "command.asked")
        return list(session.scalars(query))


def test_a_job_that_is_nobodys_is_given_to_a_person_and_the_audit_says_who(
    site: Site, ada: Desk
) -> None:
    job_id = jobs_on(ada, "state=quarantine")[0]
    assert "Give it to a person" in ada.get(f"/jobs/{job_id}").text
    page = ada.get(f"/jobs/{job_id}/give?q=be").text
    assert "Ben" in page
    assert "Ada</b>" not in page
    form = {"owner_id": site.town.ben.id}
    assert ada.send(f"/jobs/{job_id}/give", form).status_code == 303
    (command,) = asked(site, "job.reassign")
    assert command.body["owner_id"] == site.town.ben.id
    assert audited(site)[0].detail["owner_id"] == site.town.ben.id
    assert "Asked to give it to its person" in ada.get(f"/jobs/{job_id}").text


def test_somebodys_job_is_given_to_nobody_else(site: Site, ada: Desk, cleo: Desk) -> None:
    held = jobs_on(ada, "state=held")[1]
    nobodys = jobs_on(ada, "state=quarantine")[0]
    assert "Give it to a person" not in ada.get(f"/jobs/{held}").text
    form = {"owner_id": site.town.ben.id}
    assert ada.send(f"/jobs/{held}/give", form).status_code == 422
    assert ada.send(f"/jobs/{nobodys}/give", {"owner_id": site.town.cleo.id}).status_code == 422
    assert cleo.send(f"/jobs/{nobodys}/give", {"owner_id": site.town.cleo.id}).status_code == 404
    assert asked(site, "job.reassign") == []
    assert ada.send(f"/jobs/{nobodys}/give", form).status_code == 303


def test_how_a_job_is_at_a_silent_gateway_is_told_as_old(site: Site, ada: Desk) -> None:
    held, done = jobs_on(ada, "state=held")[0], jobs_on(ada, "state=completed")[0]
    assert "This is how the job was then" not in ada.get(f"/jobs/{held}").text
    with site.parts.database.writing() as session:
        state = session.get(GatewayState, site.town.alder.gateway.id)
        assert state is not None
        assert state.last_seen_at is not None
        state.last_seen_at -= timedelta(hours=2)
    assert "This is how the job was then" in ada.get(f"/jobs/{held}").text
    assert "This is how the job was then" not in ada.get(f"/jobs/{done}").text


def test_several_jobs_are_deleted_after_the_page_said_which(site: Site, ada: Desk) -> None:
    ids = jobs_on(ada, "state=held")[:3]
    first = ada.send("/jobs/delete", {"job": ids})
    assert first.status_code == 200
    assert "Delete 3 jobs?" in first.text
    assert asked(site, "job.cancel") == []
    assert ada.send("/jobs/delete", {"job": ids, "sure": "yes"}).status_code == 303
    assert {command.body["job_id"] for command in asked(site, "job.cancel")} == set(ids)
    assert len(audited(site)) == 3


def test_of_several_jobs_one_that_is_not_there_stops_them_all(
    site: Site, ada: Desk, cleo: Desk
) -> None:
    ids = jobs_on(ada, "state=held")[:2]
    assert cleo.send("/jobs/delete", {"job": ids, "sure": "yes"}).status_code == 422
    assert "nothing left to delete" in cleo.send("/jobs/delete", {"job": ids}).text
    assert asked(site, "job.cancel") == []
    ended = jobs_on(ada, "state=completed")[0]
    answer = ada.send("/jobs/delete", {"job": [*ids, ended], "sure": "yes"})
    assert answer.status_code == 303
    assert {command.body["job_id"] for command in asked(site, "job.cancel")} == set(ids)
    assert ada.send("/jobs/delete", {}).status_code == 303
    ben = Desk(browser_of(site, "alder", "ben"), "alder.localhost")
    assert ben.send("/jobs/delete", {"job": ids}, seen_at="/my").status_code == 403
