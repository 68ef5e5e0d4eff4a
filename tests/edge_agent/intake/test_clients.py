"""What CUPS, Windows, Android and iOS need to find in our answers."""

from __future__ import annotations

import asyncio
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge_agent.intake.attributes import keyword
from edge_agent.services import time_out_of
from shared.ipp.enums import Operation
from shared.ipp.message import Group
from shared.job_states import Hold
from shared.messages.records import ServiceSetting
from tests.support.intake import IntakeSite, an_intake_site
from tests.support.jobs import documents_of
from tests.support.private_cups import PrivateCups, private_cups
from tests.support.samples import a_pdf

CLIENTS = tomllib.loads((Path(__file__).parent / "client_attributes.toml").read_text())["clients"]


async def answer(site: IntakeSite, *asked: str, queue: str = "pull") -> Group:
    wanted = [keyword("requested-attributes", *asked)] if asked else []
    message = await site.ipp(Operation.GET_PRINTER_ATTRIBUTES, queue, user=None, attributes=wanted)
    return message.printer


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("queue", ["pull", "direct"])
async def test_a_client_finds_what_it_asks_for(tmp_path: Path, client: str, queue: str) -> None:
    table: dict[str, Any] = CLIENTS[client]
    async with an_intake_site(tmp_path) as site:
        found = await answer(site, *table["asked"], *table["absent"], queue=queue)
        names = [item.name for item in found]
        assert sorted(names) == sorted(table["asked"])
        assert len(names) == len(set(names))


async def test_values_keep_the_rules_that_clients_fail_without(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        found = await answer(site, "all", "media-col-database")
        sources = found.list_words("media-source-supported")
        # Windows says "connecting" for ever at a bare digit.
        assert sources
        assert not [word for word in sources if word.isdigit()]
        # iOS shows no queue without URF; duplex needs DM.
        assert "image/urf" in found.list_words("document-format-supported")
        assert any(word.startswith("DM") for word in found.list_words("urf-supported"))
        assert re.fullmatch(r"([-A-Za-z ]+:[^;]*;)+", found.get_text("printer-device-id"))
        uris = found.list_words("printer-uri-supported")
        for name in ("uri-security-supported", "uri-authentication-supported"):
            assert len(found.list_words(name)) == len(uris)
        # RFC 8011 5.2: the default is among the supported.
        for name in ("media", "sides", "print-color-mode", "output-bin", "print-scaling"):
            default = found.find_word(f"{name}-default")
            assert default in found.list_words(f"{name}-supported"), name
        # Every sheet by its PWG name, once, and what is ready is supported.
        media = found.list_words("media-supported")
        assert len(media) == len(set(media))
        assert set(found.list_words("media-ready")) <= set(media)


@pytest.mark.parametrize(
    ("option", "seconds"), [({}, 300), ({"multiple_operation_time_out": 90}, 90)]
)
async def test_the_time_out_of_jobs_is_a_setting_and_advertised(
    tmp_path: Path, option: dict[str, Any], seconds: int
) -> None:
    wanted = time_out_of(ServiceSetting(options=option))
    async with an_intake_site(tmp_path, time_out_seconds=wanted) as site:
        found = await answer(site, "multiple-operation-time-out")
        assert found.get_integer("multiple-operation-time-out") == seconds
        assert site.jobs.service.incoming.time_out_seconds == seconds
    for bad in (0, 59, 100_000, "90", None):
        with pytest.raises(ValueError, match="multiple_operation_time_out"):
            time_out_of(ServiceSetting(options={"multiple_operation_time_out": bad}))


async def test_the_database_of_media_is_given_only_by_name(tmp_path: Path) -> None:
    async with an_intake_site(tmp_path) as site:
        assert "media-col-database" not in await answer(site)
        assert "media-col-database" not in await answer(site, "all")
        only = await answer(site, "media-col-database")
        assert [item.name for item in only] == ["media-col-database"]


async def test_cups_makes_an_everywhere_queue_and_its_options_arrive(tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(a_pdf(2))
    async with an_intake_site(tmp_path) as site:
        with private_cups() as cups:
            await asyncio.to_thread(cups.add_queue, "Ada", site.uri("pull"))
            await asyncio.to_thread(send, cups, file)
            jobs: list[Any] = []
            async with asyncio.timeout(20):
                while not jobs or Hold.INCOMING in jobs[0].holds:
                    await asyncio.sleep(0.1)
                    jobs = list(await site.jobs.service.list_jobs(site.people.alder.id))
        (job,) = jobs
        assert job.ticket["sides"] == "two-sided-long-edge"
        assert job.ticket["copies"] == 2
        assert job.owner_id == site.people.alder.users["ada"].id
        assert len(await documents_of(site.jobs, job.id)) == 1


def send(cups: PrivateCups, file: Path) -> None:
    # CUPS aborts what comes in the second in which its queue was made: no filter is known yet.
    time.sleep(1.1)
    cups.run(
        "lp", "-U", "ada", "-d", "Ada", "-n", "2", "-o", "sides=two-sided-long-edge", str(file)
    )
