"""What of the link waits for a person: rows that could not be applied, and two boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.cli import main
from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from control_plane.ingest import hello
from control_plane.ingest.models import GatewayHalt, ParkedRow
from control_plane.jobs import service as jobs
from control_plane.parked import service as parked
from shared.ids import GatewayId, JobId, new_id
from shared.job_states import Hold, JobState
from shared.messages import codec, envelope
from shared.messages.envelope import Lane
from shared.messages.events import JobChanged, JobReceived, Source
from shared.messages.hello import Hello, LaneHello
from tests.control_plane.readers.test_reader_pages import Desk
from tests.control_plane.web.test_pages import browser_of
from tests.support.houses import TESTER
from tests.support.primary_site import Site, a_site

EPOCH = "e" * 32


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_site(tmp_path) as made:
        with made.parts.database.writing() as session:
            gateway_id = made.town.alder.gateway.id
            gateways.on_enrolled(session, gateway_id, b"\x09" * 32, TESTER, vault=made.parts.vault)
        yield made


@pytest.fixture
def ada(site: Site) -> Desk:
    return Desk(browser_of(site, "alder", "ada"), "alder.localhost")


@pytest.fixture
def cleo(site: Site) -> Desk:
    return Desk(browser_of(site, "cedar", "cleo"), "cedar.localhost")


def facts_of_a_job(site: Site) -> list[Any]:
    """A job that was received and released; the second row needs the first."""
    house, now = site.town.alder, utc_now()
    job_id = JobId(new_id())
    received = JobReceived(
        job_id=job_id, account_id=house.account.id, queue_id=house.pull.id, number=1,
        title="Plan", state=JobState.PENDING_HELD, reasons=(Hold.OWNER.value,),
        identity="verified", owner_id=site.town.ada.id, claimed_name=None,
        source=Source("ipps", "192.0.2.9"), document_format="application/pdf", size_bytes=1,
        sha256="0" * 64, received_ms=1, kept_until=now + timedelta(days=1), at=now,
    )  # fmt: skip
    changed = JobChanged(
        job_id=job_id, account_id=house.account.id, event="released", state=JobState.PENDING,
        reasons=(), at=now, revision=2,
    )  # fmt: skip
    return [received, changed]


def park(site: Site, facts: list[Any], *reasons: str, first: int = 1) -> str:
    with site.parts.database.writing() as session:
        for n, (fact, reason) in enumerate(zip(facts, reasons, strict=True)):
            raw = envelope.encode_row(
                first + n, fact.KIND, fact.entity, codec.to_plain(fact.at), codec.to_plain(fact)
            )
            session.add(
                ParkedRow(
                    gateway_id=site.town.alder.gateway.id,
                    lane="facts",
                    epoch=EPOCH,
                    seq=first + n,
                    kind=fact.KIND,
                    entity=fact.entity,
                    raw=raw,
                    reason=reason,
                    parked_at=utc_now(),
                    settled_at=None,
                )
            )
    return str(facts[0].entity)


WAITS = "waits for an earlier row of the same thing"
NEWER = "UnknownFactError: facts of kind 'job.received' are not known to this version"


def path(site: Site, act: str = "parked") -> str:
    return f"/gateways/{site.town.alder.gateway.id}/{act}"


def audited(site: Site, event: str) -> list[AuditEvent]:
    with site.parts.database.reading() as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.event == event)))


def test_what_could_not_be_taken_in_is_told_on_now_and_tried_again(site: Site, ada: Desk) -> None:
    facts = facts_of_a_job(site)
    entity = park(site, facts, NEWER, WAITS)
    assert "2 lines of gateway Alder one could not be taken in" in ada.get("/").text
    assert "2 lines that it said could not be taken in" in ada.get(path(site, "live")).text
    assert "Alder one" in ada.get("/parked").text
    page = ada.get(path(site)).text
    assert "The gateway is newer than this primary" in page
    assert "Update the primary." in page
    assert ada.send(path(site, "parked/retry"), {"entity": entity}).status_code == 303
    with site.parts.database.reading() as session:
        job = jobs.get_job(session, site.town.alder.account.id, facts[0].job_id).job
        assert job.state == JobState.PENDING
    assert "Nothing waits" in ada.get(path(site)).text
    assert audited(site, "gateway.rows-retried")[0].detail["applied"] == 2


def test_what_still_cannot_be_taken_in_says_why_and_stays(site: Site, ada: Desk) -> None:
    foreign = replace(facts_of_a_job(site)[1], account_id=site.town.cedar.account.id)
    entity = park(site, [foreign], "NotServedError: this gateway does not serve this account")
    assert ada.send(path(site, "parked/retry"), {"entity": entity}).status_code == 303
    page = ada.get(path(site)).text
    assert "It could not be taken in yet" in page
    assert "an account that this gateway never served" in page
    assert audited(site, "gateway.rows-retried")[0].outcome == "refused"


def test_lines_are_given_up_by_a_person_alone_and_kept(site: Site, ada: Desk) -> None:
    entity = park(site, facts_of_a_job(site), NEWER, WAITS)
    assert ada.send(path(site, "parked/give-up"), {"entity": entity}).status_code == 303
    assert "Nothing waits" in ada.get(path(site)).text
    assert audited(site, "gateway.rows-given-up")[0].detail["rows"] == 2
    with site.parts.database.reading() as session:
        assert len(list(session.scalars(select(ParkedRow)))) == 2
    again = ada.send(path(site, "parked/give-up"), {"entity": entity})
    assert again.status_code == 303
    assert "Nothing of this waits any more." in ada.get(path(site)).text


def test_a_job_of_which_lines_wait_says_that_nobody_knows_how_it_is(site: Site, ada: Desk) -> None:
    facts = facts_of_a_job(site)
    with site.parts.database.writing() as session:
        jobs.on_facts(session, site.town.alder.gateway.id, facts[:1])
    job = f"/jobs/{facts[0].job_id}"
    assert "than the primary could take in" not in ada.get(job).text
    park(site, facts[1:], NEWER)
    assert "than the primary could take in" in ada.get(job).text


def test_the_neighbour_sees_and_settles_nothing(site: Site, ada: Desk, cleo: Desk) -> None:
    entity = park(site, facts_of_a_job(site), NEWER, WAITS)
    assert "Alder one" not in cleo.get("/parked").text
    assert cleo.get(path(site)).status_code == 404
    for act in ("parked/retry", "parked/give-up", "choose"):
        assert cleo.send(path(site, act), {"entity": entity, "boot_id": "x"}).status_code == 404
    assert ada.send(path(site, "parked/retry"), {"entity": entity}).status_code == 303


# --- two boxes ------------------------------------------------------------------------------------


def greet(site: Site, boot_id: str, rows: int, hello_id: str = "", anew: str | None = None) -> bool:
    """Say Hello as one box; tells whether it may go on."""
    gateway_id = GatewayId(site.town.alder.gateway.id)
    start = envelope.chain_start(gateway_id, Lane.FACTS, EPOCH)
    lane = LaneHello(EPOCH, 1, start.hex(), 1)
    if rows:
        lane = LaneHello(EPOCH, rows + 1, "a" * 64, 1)
    lanes, hello_id = {Lane.FACTS.value: lane}, hello_id or new_id()
    said = Hello(1, hello_id, boot_id, "0.1.0", utc_now(), lanes, anew=anew)
    with site.parts.database.writing() as session:
        reception = hello.Reception(session, {gateway_id}, saying_hello={gateway_id})
        return not reception.answer(gateway_id, said).is_halted


def two_boxes(site: Site) -> None:
    assert greet(site, "original-box", 0)
    assert greet(site, "copied-box", 0)
    assert not greet(site, "original-box", 7)  # It is asked to say it anew: it may be heard late.
    assert not greet(site, "original-box", 7)


def is_halted(site: Site) -> bool:
    with site.parts.database.reading() as session:
        return session.get(GatewayHalt, site.town.alder.gateway.id) is not None


def test_an_old_hello_that_is_heard_late_parks_nobody(site: Site) -> None:
    """A primary stood still with it while the agent started anew and spoke to another one."""
    assert greet(site, "first-start", 0, "late")
    assert greet(site, "second-start", 0)
    for _ in range(3):  # The same Hello, which was said again until it was answered.
        assert not greet(site, "first-start", 0, "late")
    assert not is_halted(site)
    assert greet(site, "second-start", 0)
    assert not greet(site, "first-start", 0, "of now")  # The twin: a box that is really there.
    assert is_halted(site)
    assert not greet(site, "second-start", 0)


def test_however_many_old_hellos_are_heard_late_they_park_nobody(site: Site) -> None:
    """Two primaries: one stood still with all that the start before had said, each a question."""
    assert greet(site, "first-start", 0, "first", anew="")
    assert greet(site, "second-start", 0, anew="")
    for late in ("second", "third", "second"):
        assert not greet(site, "first-start", 0, late, anew="")
    assert not is_halted(site)
    assert greet(site, "second-start", 0, anew="")
    # The twin: who heard that answer is really there.
    assert not greet(site, "first-start", 0, "of now", anew="second")
    assert is_halted(site)
    assert not greet(site, "second-start", 0, anew="")


def test_a_person_chooses_which_of_two_boxes_is_the_gateway(site: Site, ada: Desk) -> None:
    two_boxes(site)
    assert "Two boxes claim to be gateway Alder one" in ada.get("/").text
    page = ada.get(path(site)).text
    assert "Box original" in page
    assert "Box copied-b" in page
    assert "has told the most" in page
    refused = ada.send(path(site, "choose"), {"boot_id": ""})
    assert refused.headers["Location"].endswith("/parked")
    assert not greet(site, "original-box", 7)
    assert ada.send(path(site, "choose"), {"boot_id": "original-box"}).status_code == 303
    assert greet(site, "original-box", 7)
    assert audited(site, "gateway.unparked")[0].detail["boot_id"] == "original-box"


def test_if_the_wrong_box_was_switched_off_both_are_parked_again(site: Site, ada: Desk) -> None:
    two_boxes(site)
    ada.send(path(site, "choose"), {"boot_id": "original-box"})
    assert not greet(site, "copied-box", 0)
    assert not greet(site, "copied-box", 0)
    assert is_halted(site)
    ada.send(path(site, "choose"), {"boot_id": "copied-box"})
    assert greet(site, "copied-box", 0)


def test_a_box_that_nobody_heard_is_not_chosen(site: Site, ada: Desk) -> None:
    two_boxes(site)
    ada.send(path(site, "choose"), {"boot_id": "made-up"})
    assert "No such box was heard." in ada.get(path(site)).text
    with site.parts.database.reading() as session:
        owner = tenants.account(site.town.alder.account.id)
        assert parked.find_halt(session, owner, site.town.alder.gateway.id) is not None


def test_the_command_line_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fresh = tmp_path / "fresh"
    assert main(["migrate", "--state", str(fresh)]) == 0
    for line in (
        ["vendor", "create", "--name", "Vic"],
        ["account", "create", "--vendor", "Vic", "--name", "Alder", "--short-name", "alder"],
        ["gateway", "add", "--account", "alder", "--name", "HQ-1"],
    ):
        assert main([*line, "--state", str(fresh)]) == 0
    of = ["--account", "alder", "--gateway", "HQ-1", "--state", str(fresh)]
    capsys.readouterr()
    assert main(["gateway", "parked", *of]) == 0
    assert "nothing yet" in capsys.readouterr().out
    assert main(["gateway", "retry", *of, "--entity", "job:x"]) == 1
    assert "nothing of this waits any more" in capsys.readouterr().err
    assert main(["gateway", "boxes", *of]) == 1
    assert main(["gateway", "choose", *of, "--box", "x"]) == 1
    assert "is not parked" in capsys.readouterr().err
