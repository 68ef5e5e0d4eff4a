"""A closed account takes nothing new, whichever way it comes; what waits can still be printed."""

from __future__ import annotations

import socket
from pathlib import Path

from edge_agent.jobs.model import SYSTEM
from shared.ipp.enums import Operation, Status
from shared.job_states import JobState
from tests.support.device_ports import Lpd, a_raw_site, an_lpd_site
from tests.support.doors import a_door
from tests.support.intake import PASSWORD, IntakeSite, an_intake_site
from tests.support.jobs import until

PDF = b"%PDF-1.7 minutes"


async def sent(site: IntakeSite) -> int:
    answer = await site.ipp(Operation.PRINT_JOB, "pull", body=PDF, password=PASSWORD, secure=True)
    return answer.code


async def test_over_ipp_it_says_so_and_a_job_that_waits_is_released(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        people = site.people
        assert await sent(site) == Status.SUCCESSFUL_OK
        people.change_account(people.alder, is_closed=True)
        assert await sent(site) == Status.SERVER_ERROR_NOT_ACCEPTING_JOBS
        shown = (await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, "pull")).printer
        assert shown.get_boolean("printer-is-accepting-jobs") is False
        assert "closed" in shown.get_text("printer-state-message")
        (job,) = await site.jobs.service.list_jobs(people.alder.id)
        ada = people.alder.users["ada"].id
        await site.jobs.service.release(people.alder.id, ada, [], people.printer_id, SYSTEM)
        assert (await site.jobs.service.get(job.id)).state is JobState.PENDING
        people.change_account(people.alder, is_closed=False)
        assert await sent(site) == Status.SUCCESSFUL_OK


async def test_another_account_at_the_same_gateway_prints_on(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        site.people.change_account(site.people.cedar, is_closed=True)
        assert await sent(site) == Status.SUCCESSFUL_OK


async def test_lpd_says_no_and_its_status_says_why(tmp_path: Path) -> None:
    async with an_lpd_site(tmp_path) as (site, server):
        for is_closed, answer, word in ((True, b"\1", b"closed"), (False, b"\0", b"ready")):
            site.people.change_account(site.people.alder, is_closed=is_closed)
            client = await Lpd.connect(server)
            assert await client.say(b"\x02pull\n") == answer
            client.close()
            client = await Lpd.connect(server)
            client.writer.write(b"\x03pull\n")
            assert word in await client.reader.read()
            client.close()


async def test_a_raw_port_is_shut_and_opens_again(tmp_path: Path) -> None:
    async with a_raw_site(tmp_path) as (site, port):
        site.people.change_account(site.people.alder, is_closed=True)
        await until(lambda: not is_taken(port))
        assert not is_taken(port)
        site.people.change_account(site.people.alder, is_closed=False)
        await until(lambda: is_taken(port))
        assert is_taken(port)


def is_taken(port: int) -> bool:
    """Whether somebody listens there; asked without calling them."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


async def test_an_upload_is_refused_and_its_ticket_stays_good(tmp_path: Path) -> None:
    async with a_door(tmp_path) as site:
        ticket = site.sealed(site.ticket())
        site.people.change_account(site.people.alder, is_closed=True)
        assert (await site.put(PDF, ticket))[0] == 403
        assert await site.refusals() == ["account-closed"]
        site.people.change_account(site.people.alder, is_closed=False)
        assert (await site.put(PDF, ticket))[0] == 201
