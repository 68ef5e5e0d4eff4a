from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.control import Control
from edge_agent.sync.commands import CommandRefusedError
from shared.clock import SystemClock
from shared.ids import CommandId, new_id
from shared.job_states import Hold, JobEvent
from shared.messages import codec
from shared.messages.commands import Command, CommandKind
from tests.support.ippeveprinter import ippeveprinter
from tests.support.site import Site, a_site

DOCUMENT = b"%PDF-1.4 a page"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with ippeveprinter(tmp_path / "printer") as printer:
        async with a_site(tmp_path / "state", printer) as site:
            yield site


async def do(site: Site, kind: CommandKind, **body: Any) -> dict[str, Any]:
    now = SystemClock().now()
    gateway_id = site.people.gateway_id
    until = now + timedelta(minutes=1)
    command = Command(1, CommandId(new_id()), gateway_id, 1, 1, kind, now, until, body)
    result = await Control(site.agent).acts()[kind](command)
    codec.dumps(codec.to_plain(result))  # it must travel
    return dict(result)


async def a_job(site: Site, user: str = "ada") -> dict[str, Any]:
    await site.submit(DOCUMENT, user=user)
    ((job_id,),) = site.query("SELECT id FROM jobs")
    return {"account_id": site.people.alder.id, "job_id": job_id}


async def test_a_released_job_prints(site: Site) -> None:
    job = await a_job(site)
    ada, printer_id = site.people.alder.users["ada"].id, site.people.printer_id
    result = await do(site, CommandKind.RELEASE_JOB, **job, owner_id=ada, printer_id=printer_id)
    assert result == {"released": [job["job_id"]]}
    assert await site.next_document() == DOCUMENT


async def test_somebody_elses_job_is_not_released(site: Site) -> None:
    job = await a_job(site)
    ben, printer_id = site.people.alder.users["ben"].id, site.people.printer_id
    with pytest.raises(CommandRefusedError):
        await do(site, CommandKind.RELEASE_JOB, **job, owner_id=ben, printer_id=printer_id)
    assert site.query("SELECT state FROM jobs") == [(4,)]


async def test_a_job_is_canceled_for_its_own_account_only(site: Site) -> None:
    job = await a_job(site)
    with pytest.raises(CommandRefusedError):
        await do(site, CommandKind.CANCEL_JOB, **{**job, "account_id": site.people.cedar.id})
    assert await do(site, CommandKind.CANCEL_JOB, **job) == {"state": "canceled"}


async def test_only_nobodys_job_is_given_to_a_person_of_its_account(site: Site) -> None:
    job = await a_job(site)
    ben, cleo = site.people.alder.users["ben"].id, site.people.cedar.users["cleo"].id
    with pytest.raises(CommandRefusedError):
        await do(site, CommandKind.REASSIGN_JOB, **job, owner_id=ben)
    hold = Hold.QUARANTINE
    await site.agent.parts.jobs.store.submit(
        lambda tx: tx.update_job(
            tx.get_job(job["job_id"]), JobEvent.HELD, owner_id=None, holds=frozenset({hold})
        )
    )
    with pytest.raises(CommandRefusedError, match="person"):
        await do(site, CommandKind.REASSIGN_JOB, **job, owner_id=cleo)
    assert await do(site, CommandKind.REASSIGN_JOB, **job, owner_id=ben) == {"owner_id": ben}
    assert site.query("SELECT owner_id FROM jobs") == [(ben,)]


async def test_a_printer_makes_itself_known(site: Site) -> None:
    of = {"account_id": site.people.alder.id, "printer_id": site.people.printer_id}
    assert "known" in (await do(site, CommandKind.IDENTIFY_PRINTER, **of))["says"]
    with pytest.raises(CommandRefusedError):
        await do(site, CommandKind.IDENTIFY_PRINTER, **{**of, "account_id": site.people.cedar.id})
    site.printer.stop()
    with pytest.raises(CommandRefusedError):
        await do(site, CommandKind.IDENTIFY_PRINTER, **of)


async def test_a_diagnosis_says_how_every_service_is_and_what_the_doctor_finds(site: Site) -> None:
    result = await do(site, CommandKind.DIAGNOSE)
    assert result["services"]["ipp"]["ok"]
    assert result["findings"]
    assert all({"what", "ok", "says", "cure"} <= finding.keys() for finding in result["findings"])


async def test_a_printer_is_looked_at_now_for_its_own_account_only(site: Site) -> None:
    of = {"account_id": site.people.alder.id, "printer_id": site.people.printer_id}
    assert (await do(site, CommandKind.DIAGNOSE_PRINTER, **of))["state"] == "idle"
    with pytest.raises(CommandRefusedError):
        await do(site, CommandKind.DIAGNOSE_PRINTER, **{**of, "account_id": site.people.cedar.id})
    site.printer.stop()
    assert (await do(site, CommandKind.DIAGNOSE_PRINTER, **of))["state"] == "unreachable"
    told = site.agent.presence()["printers"][site.people.printer_id]
    assert (told["ok"], told["state"]) == (False, "unreachable")


async def test_what_is_no_identifier_is_refused(site: Site) -> None:
    with pytest.raises(CommandRefusedError, match="job_id"):
        await do(site, CommandKind.CANCEL_JOB, account_id=site.people.alder.id, job_id="../x")
