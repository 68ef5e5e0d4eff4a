from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from edge_agent import health
from edge_agent.health import Report, page_of
from edge_agent.service import Health
from shared.clock import SystemClock
from shared.messages.records import ServiceSetting, gateway_stream
from tests.support.ippeveprinter import ippeveprinter
from tests.support.payloads import SCRIPTING
from tests.support.site import Site, a_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with ippeveprinter(tmp_path / "printer") as printer:
        async with a_site(tmp_path / "state", printer) as site:
            yield site


async def connect_readers(site: Site) -> None:
    for reader in (site.reader, site.chooser):
        await reader.tap("")
    async with asyncio.timeout(5):
        while not site.agent.report().is_ok:
            await asyncio.sleep(0.01)


async def ask(site: Site, path: str, **headers: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{site.port('health')}{path}"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_it_says_as_of_when_and_what_works_without_the_line(site: Site) -> None:
    assert "Needs a person: Card readers." in (await ask(site, "/"))[1]
    await connect_readers(site)
    status, page = await ask(site, "/")
    assert status == 200
    for text in ("as of", "The line to the primary is cut", "Yes, without limit of time."):
        assert text in page
    status, report = await ask(site, "/health.json")
    assert status == 200
    assert '"ok": true' in report


async def test_the_rest_of_the_network_reads_whether_to_come_and_no_names(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, here = await ask(site, "/")
    assert "Alder Ltd" in here
    monkeypatch.setattr(health, "_is_from_here", lambda _request: False)
    for path in ("/", "/health.json"):
        _, told = await ask(site, path)
        assert "Needs a person" in told
        for name in ("Alder", "Cedar", "reader:", "Reception", "Head office"):
            assert name not in told


async def test_it_speaks_german(site: Site) -> None:
    _, page = await ask(site, "/", **{"Accept-Language": "de-AT,de;q=0.9"})
    assert '<html lang="de">' in page


async def test_an_account_with_a_limit_sees_how_long_it_lasts(site: Site) -> None:
    site.people.change_account(site.people.alder, offline_limit_seconds=86_400 * 3)
    works = {act.name: act.says for act in site.agent.report().acts}
    assert works["Signing in at Alder Ltd"].startswith("Yes, for ")
    assert works["Signing in at Cedar"] == "Yes, without limit of time."


async def test_what_the_primary_hears_is_what_runs(site: Site) -> None:
    await connect_readers(site)
    running = site.agent.running()
    assert running.received == running.running is not None
    assert running.errors == {}
    presence = site.agent.presence()
    assert presence["ok"]
    assert presence["services"]["ipp"]["ok"]


async def test_a_service_unknown_here_is_reported_and_the_rest_runs(site: Site) -> None:
    gateway = site.agent.parts.directory.gateway()
    assert gateway is not None
    before = site.agent.keeper.find("ipp")
    services = {**gateway.services, "teleporter": ServiceSetting()}
    changed = replace(gateway, services=services)
    site.people.feed.put(gateway_stream(gateway.id), changed)
    async with asyncio.timeout(5):
        while not site.agent.running().errors:
            await asyncio.sleep(0.01)
    running = site.agent.running()
    assert "teleporter" in running.errors
    assert running.running != running.received
    assert site.agent.keeper.find("ipp") is before


@pytest.mark.parametrize("text", SCRIPTING)
def test_no_text_becomes_markup(text: str) -> None:
    bad = Health(ok=False, says=text)
    now = SystemClock().now()
    report = Report(now, text, bad, {text: bad}, {text: text}, {text: text}, 1, has_room=True)
    page = page_of(report)
    assert text not in page or not set("<>\"'&") & set(text)
