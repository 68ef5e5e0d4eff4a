from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.cards import service as cards
from control_plane.database import Database, utc_now
from control_plane.errors import TooManyError
from control_plane.imports import service as imports
from control_plane.imports.models import PeopleImport
from control_plane.tenants import Tenant
from control_plane.users import csv_file, importing
from control_plane.users import service as users
from control_plane.users.importing import Import
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town, a_user
from tests.support.web import Browser, an_app, give_domains, signed_in

FILE = (
    "username;display_name;email;pin;card\r\n"
    "dora;Dora Dale;dora@example.org;4711;04B17C6A915D80\r\n"
    "ben;Ben Birch;;;\r\n"
    "eve;Eve;no address;;\r\n"
    "DORA;Another;;;\r\n"
    "gil;Gil;;12;\r\n"
    "hal;Hal\r\n"
    "ida;Ida;;;04-b1-7c-6a-91-5d-80\r\n"
    "joe;Joe;;;xyz\r\n"
)
PROBLEMS = {
    4: ("email", "This is not written the way it must be."),
    5: ("username", "The same as in line 2."),
    6: ("pin", "This is not written the way it must be."),
    7: ("", "The heading has 5 columns, this line has 2."),
    8: ("card", "The same as in line 2."),
    9: ("card", ""),
}


@dataclass
class Desk:
    app: Flask
    database: Database
    vault: Vault
    town: Town
    ada: Browser
    ben: Browser
    cleo: Browser

    @property
    def tenant(self) -> Tenant:
        return tenants.account(self.town.alder.account.id)

    def bring(self, data: bytes, who: Browser | None = None) -> Any:
        head = 'Content-Disposition: form-data; name="file"; filename="people.csv"'
        body = f"--x\r\n{head}\r\n\r\n".encode() + data + b"\r\n--x--\r\n"
        browser = who or self.ada
        kind = "multipart/form-data; boundary=x"
        return browser.post("/users/import", data=body, content_type=kind)

    def wait(self, path: str, state: str) -> PeopleImport:
        deadline = time.monotonic() + 60
        while True:
            with self.database.reading() as session:
                found = imports.get_import(session, self.tenant, path.rpartition("/")[2])
            if found.state == state:
                return found
            assert time.monotonic() < deadline, found.state
            time.sleep(0.05)

    def count(self) -> int:
        with self.database.reading() as session:
            return users.count(session, self.tenant)


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    return Desk(
        app,
        database,
        vault,
        town,
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", town.ben),
        signed_in(app, database, "cedar.localhost", town.cleo),
    )


def shown_problems(page: str) -> dict[int, tuple[str, str]]:
    rows = re.findall(
        r'<tr><td class="end"[^>]*>(\d+)</td><td[^>]*>[^<]*</td><td[^>]*>(\w*)</td>'
        r"<td[^>]*>([^<]*)</td></tr>",
        page,
    )
    return {int(number): (column, says) for number, column, says in rows}


def test_a_file_is_checked_shown_line_by_line_and_imported_when_one_says_so(desk: Desk) -> None:
    brought = desk.bring(FILE.encode())
    path = brought.headers["Location"]
    desk.wait(path, imports.CHECKED)
    page = desk.ada.get(path).text
    shown = shown_problems(page)
    assert shown.keys() == PROBLEMS.keys()
    for number, (column, says) in PROBLEMS.items():
        assert shown[number][0] == column
        assert says in shown[number][1]
    assert "2 people would be added or changed." in page
    assert desk.count() == 2
    assert desk.ada.post(f"{path}/start").status_code == 303
    done = desk.wait(path, imports.DONE)
    assert done.counts == {"created": 1, "changed": 1, "refused": 6}
    assert done.sealed_text is None
    assert "2 people were added or changed." in desk.ada.get(path).text
    with desk.database.reading() as session:
        dora = users.find_by_username(session, desk.tenant, "dora")
        assert dora is not None
        assert dora.pin_hash
        held = cards.list_of_user(session, desk.town.alder.account.id, dora.id)
        assert [card.last4 for card in held] == ["5D80"]
        told = session.scalars(select(AuditEvent).where(AuditEvent.event == "user.imported")).one()
        assert told.detail["created"] == 1


def test_many_people_come_in_while_the_page_tells_how_far_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, begun, go = importing.run, threading.Event(), threading.Event()

    def halfway(order: Import, text: str, progress: Callable[[int, int], None]) -> Any:
        """Stop after the first batch until the page was looked at."""

        def tell(done: int, of: int) -> None:
            progress(done, of)
            begun.set()
            assert go.wait(60)

        return run(order, text, tell)

    monkeypatch.setattr(importing, "run", halfway)
    lines = "".join(f"p{n},Person {n},p{n}@example.org,{n:08X}AB\n" for n in range(490))
    path = desk.bring(b"username,display_name,email,card\n" + lines.encode()).headers["Location"]
    assert begun.wait(60)
    live = desk.ada.get(f"{path}/live").text
    assert 'hx-trigger="every 1s"' in live
    assert "200 of 490 lines" in live
    go.set()
    desk.wait(path, imports.CHECKED)
    begun.clear()
    go.clear()
    # The request does not wait for the people: it is answered while the first of them are held up.
    assert desk.ada.post(f"{path}/start").status_code == 303
    assert begun.wait(60)
    assert "200 of 490 lines" in desk.ada.get(f"{path}/live").text
    go.set()
    assert desk.wait(path, imports.DONE).counts == {"created": 490}
    assert desk.count() == 492


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    for expected in ({"created": 1, "changed": 1, "refused": 6}, {"same": 2, "refused": 6}):
        path = desk.bring(FILE.encode()).headers["Location"]
        assert desk.wait(path, imports.CHECKED).counts == expected
        if "created" in expected:
            desk.ada.post(f"{path}/start")
            desk.wait(path, imports.DONE)
    assert "Nothing would change." in desk.ada.get(path).text


def test_a_file_waits_sealed_and_goes_after_an_hour(desk: Desk) -> None:
    path = desk.bring(b"username,password\ndora,correct battery\n").headers["Location"]
    found = desk.wait(path, imports.CHECKED)
    assert found.sealed_text is not None
    assert b"battery" not in found.sealed_text
    with desk.database.writing() as session:
        imports.forget_old(session)
        assert imports.newest(session, desk.tenant) is not None
        session.execute(update(PeopleImport).values(heard_at=utc_now() - timedelta(hours=2)))
        imports.forget_old(session)
        assert imports.newest(session, desk.tenant) is None
    assert desk.ada.get(path).status_code == 404


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "The first line must name the columns, one of them username."),
        (b"name,mail\nx,y\n", "The first line must name the columns, one of them username."),
        (b"username|display_name\nx|y\n", "The first line must name the columns"),
        (b"username,colour\nx,red\n", "There is no column &#39;colour&#39;."),
        (b"username,email,email\nx,,\n", "The column email stands there twice."),
        ("username\nada\nj\u00f6rg\n".encode("latin-1"), "Line 3 is not UTF-8"),
        (b'username,email\nx,"y\n', "Line 2 is not CSV"),
        (b"\x50\x4b\x03\x04\x00\x00", "This is no text; save the table as CSV in UTF-8."),
        (b"username\n" + b"x" * csv_file.MAX_BYTES, "The file is larger than 2 MB; split it."),
        (b"username\n" + b"x\n" * 20_001, "More than 20,000 lines; split the file."),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_where(desk: Desk, data: bytes, says: str) -> None:
    answer = desk.bring(data)
    assert answer.status_code == 422
    assert says in answer.text
    with desk.database.reading() as session:
        assert imports.newest(session, desk.tenant) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(desk: Desk, encoding: str, separator: str) -> None:
    text = f"Username{separator}Display_Name\r\njoerg{separator}J\u00f6rg\r\n"
    rows = csv_file.read(csv_file.decode(text.encode(encoding)))
    assert [dict(row.cells) for row in rows] == [{"username": "joerg", "display_name": "J\u00f6rg"}]
    assert rows[0].number == 2


def test_a_second_file_waits_until_the_first_is_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    run = importing.run

    def later(*given: Any) -> Any:
        assert go.wait(30)
        return run(*given)

    monkeypatch.setattr(importing, "run", later)
    path = desk.bring(FILE.encode()).headers["Location"]
    refused = desk.bring(FILE.encode())
    assert refused.status_code == 422
    assert "A file is being worked on; wait until it is done." in refused.text
    assert desk.ada.post(f"{path}/start").status_code == 409
    assert desk.ada.post(f"{path}/discard").status_code == 409
    go.set()
    desk.wait(path, imports.CHECKED)
    assert desk.ada.post(f"{path}/discard").status_code == 303
    assert desk.ada.get(path).status_code == 404


def test_no_more_files_than_there_is_room_for(desk: Desk) -> None:
    order = Import(desk.database, desk.vault, desk.tenant, TESTER)
    full = imports.Desk(threading.BoundedSemaphore(1))
    full.room.acquire()
    with pytest.raises(TooManyError):
        imports.bring(full, order, FILE.encode(), file_name="people.csv")
    full.room.release()
    imports.bring(full, order, FILE.encode(), file_name="people.csv")


def test_what_was_interrupted_says_so_and_may_come_again(desk: Desk) -> None:
    path = desk.bring(FILE.encode()).headers["Location"]
    desk.wait(path, imports.CHECKED)
    with desk.database.writing() as session:
        stale = {"state": imports.IMPORTING, "heard_at": utc_now() - timedelta(minutes=2)}
        session.execute(update(PeopleImport).values(**stale))
    assert "was not finished" in desk.ada.get(path).text
    assert desk.bring(FILE.encode()).status_code == 303


def test_a_failure_of_ours_is_told_and_the_file_is_gone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(importing, "run", broken)
    path = desk.bring(FILE.encode()).headers["Location"]
    assert desk.wait(path, imports.FAILED).sealed_text is None
    assert "was not finished" in desk.ada.get(path).text


def test_neither_a_user_nor_another_account_imports_or_looks(desk: Desk) -> None:
    path = desk.bring(FILE.encode()).headers["Location"]
    desk.wait(path, imports.CHECKED)
    assert desk.bring(FILE.encode(), desk.ben).status_code == 403
    for browser, expected in ((desk.ben, 403), (desk.cleo, 404)):
        assert browser.get(path).status_code == expected
        assert browser.get(f"{path}/live").status_code == expected
        assert browser.post(f"{path}/start").status_code == expected
        assert browser.post(f"{path}/discard").status_code == expected
    assert desk.count() == 2
    assert desk.bring(FILE.encode(), desk.cleo).status_code == 303


def test_help_desk_imports_nobody_mightier_than_themselves(desk: Desk) -> None:
    with desk.database.writing() as session:
        helper = a_user(session, desk.town.alder, desk.vault, "Hal", "help-desk")
    hal = signed_in(desk.app, desk.database, "alder.localhost", helper)
    path = desk.bring(b"username,role\nkim,owner\nlea,user\nada,\n", hal).headers["Location"]
    found = desk.wait(path, imports.CHECKED)
    assert found.counts == {"refused": 1, "created": 1, "same": 1}
    assert shown_problems(hal.get(path).text)[2][1].startswith("This needs the permission")
