"""A job is deleted and printed by a command: its gateway is asked, and says when it has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from control_plane.cli import main
from control_plane.commands.models import Command
from tests.support.day import live_a_day
from tests.support.primary_site import Site, a_site

Run = Callable[..., Any]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    assert main(["migrate", "--state", str(tmp_path)]) == 0
    with a_site(tmp_path) as found:
        yield found


@pytest.fixture
def run(site: Site, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str, account: str = "alder", fails: bool = False) -> Any:
        state = str(site.parts.settings.state)
        code = main([*words, "--account", account, "--state", state, "--json"])
        said = capsys.readouterr()
        assert (code != 0) == fails, said.err
        return said.err if fails else json.loads(said.out)

    return command


def asked_of_gateways(site: Site) -> list[str]:
    with site.parts.database.reading() as session:
        return [row.kind for row in session.scalars(select(Command).order_by(Command.id))]


def test_a_held_job_is_released_at_a_printer_and_deleted(site: Site, run: Run) -> None:
    held = live_a_day(site)
    released = run("job", "release", held, "--printer", "Reception 1")
    assert released["gateway_id"] == site.town.alder.gateway.id
    canceled = run("job", "cancel", held)
    assert asked_of_gateways(site) == [released["kind"], canceled["kind"]]
    assert "there is no printer" in run("job", "release", held, "--printer", "Attic", fails=True)


def test_neither_an_ended_job_nor_somebody_elses_is_asked_for(site: Site, run: Run) -> None:
    held = live_a_day(site)
    [ended, *_] = run("job", "list", "--job-state", "completed")["items"]
    assert "the job has ended already" in run("job", "cancel", ended["id"], fails=True)
    release = ("job", "release", ended["id"], "--printer", "Reception 1")
    assert "the job is not held" in run(*release, fails=True)
    assert "there is no such job" in run("job", "cancel", held, account="cedar", fails=True)
    assert asked_of_gateways(site) == []
