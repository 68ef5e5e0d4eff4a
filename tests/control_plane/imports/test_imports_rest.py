"""A program brings a file of people, asks how far it is, and starts the import."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control_plane import tenants
from control_plane.database import Database
from control_plane.imports import service as imports
from control_plane.users import csv_file, importing
from control_plane.users import service as users
from control_plane.vault import Vault
from shared.ids import new_id
from tests.support.houses import TESTER, Town
from tests.support.web import a_program, an_app

Ask = Callable[..., Any]
FILES = "/user-import-files"
FILE = "username;display_name;email\ndora;Dora Dale;dora@example.org\neve;Eve;no address\n"


@pytest.fixture
def as_program(tmp_path: Path, database: Database, vault: Vault) -> Callable[..., Ask]:
    """Ask as a program of a house, with the key of a role."""
    return functools.partial(a_program, an_app(tmp_path, database, vault, pages=()), database)


def when(ask: Ask, path: str, state: str) -> Any:
    """Ask until the file is so."""
    deadline = time.monotonic() + 60
    while (found := ask("GET", path).json)["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def people(database: Database, town: Town) -> int:
    with database.reading() as session:
        return users.count(session, tenants.account(town.alder.account.id))


def test_a_file_is_brought_checked_started_and_done(
    as_program: Callable[..., Ask], database: Database, town: Town
) -> None:
    ask, before = as_program(town.alder), people(database, town)
    brought = ask("POST", FILES, {"csv": FILE, "file_name": "autumn.csv"})
    assert brought.status_code == 202
    assert (brought.json["state"], brought.json["lines"]) == ("checking", 2)
    path = f"{FILES}/{brought.json['id']}"
    checked = when(ask, path, imports.CHECKED)
    assert (checked["created"], checked["refused"], checked["file_name"]) == (1, 1, "autumn.csv")
    assert checked["problems"] == [
        {
            "number": 3,
            "username": "eve",
            "column": "email",
            "says": checked["problems"][0]["says"],
        }
    ]
    assert checked["problems"][0]["says"]
    assert people(database, town) == before
    started = ask("POST", f"{path}/start")
    assert (started.status_code, started.json["state"]) == (202, "importing")
    done = when(ask, path, imports.DONE)
    assert (done["created"], done["lines_done"]) == (1, 2)
    assert people(database, town) == before + 1
    assert ask("POST", f"{path}/start").status_code == 409


def test_a_file_is_thrown_away(as_program: Callable[..., Ask], town: Town) -> None:
    ask = as_program(town.alder)
    path = f"{FILES}/{ask('POST', FILES, {'csv': FILE}).json['id']}"
    when(ask, path, imports.CHECKED)
    assert ask("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == 404
    assert ask("POST", f"{path}/start").status_code == 404


@pytest.mark.parametrize(
    "csv", ["", "name,mail\nx,y\n", "username\n" + "x\n" * 20_001,
            "username\n" + "x" * csv_file.MAX_BYTES],
    ids=["empty", "no-username", "too-many-lines", "too-large"],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused(
    as_program: Callable[..., Ask], town: Town, csv: str
) -> None:
    refused = as_program(town.alder)("POST", FILES, {"csv": csv})
    assert refused.status_code == 422
    assert refused.json["title"]


def test_a_second_file_waits_for_the_first(
    as_program: Callable[..., Ask], town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, run = threading.Event(), importing.run

    def later(*given: Any) -> Any:
        assert go.wait(60)
        return run(*given)

    monkeypatch.setattr(importing, "run", later)
    ask = as_program(town.alder)
    path = f"{FILES}/{ask('POST', FILES, {'csv': FILE}).json['id']}"
    assert ask("POST", FILES, {"csv": FILE}).status_code == 409
    assert ask("DELETE", path).status_code == 409
    go.set()
    when(ask, path, imports.CHECKED)
    again = ask("POST", FILES, {"csv": FILE})
    assert again.status_code == 202
    when(ask, f"{FILES}/{again.json['id']}", imports.CHECKED)


@pytest.mark.parametrize(("house", "role", "status"), [("cedar", "owner", 404),
                                                       ("alder", "user", 403)])  # fmt: skip
def test_nobody_else_looks_starts_or_throws_away(
    as_program: Callable[..., Ask], town: Town, house: str, role: str, status: int
) -> None:
    ask, other = as_program(town.alder), as_program(getattr(town, house), role)
    path = f"{FILES}/{ask('POST', FILES, {'csv': FILE}).json['id']}"
    when(ask, path, imports.CHECKED)
    assert other("GET", path).status_code == status
    assert other("POST", f"{path}/start").status_code == status
    assert other("DELETE", path).status_code == status
    assert ask("GET", path).json["state"] == imports.CHECKED


def test_a_file_that_is_gone_before_anybody_reads_it_is_no_error(
    database: Database, vault: Vault, town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Its account was deleted meanwhile, say."""
    order = importing.Import(database, vault, tenants.account(town.alder.account.id), TESTER)
    desk = imports.Desk(threading.BoundedSemaphore(1))
    assert desk.room.acquire(blocking=False)
    with caplog.at_level("INFO"):
        imports._guarded(desk, order, new_id(), imports.CHECKING, imports.CHECKED)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert desk.room.acquire(blocking=False)
