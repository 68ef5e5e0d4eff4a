"""One-time codes for printers: made for others and for oneself, shown once, ended by their use."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from control_plane import tenants
from control_plane.accounts.models import Account
from control_plane.audit import service as audit
from control_plane.audit.words import sentence
from control_plane.cli import main as spoolhouse
from control_plane.database import Database, sqlite_url, utc_now
from control_plane.errors import ConflictError, ForbiddenError, NotFoundError, StaleError
from control_plane.feed.models import FeedRow
from control_plane.gateways.service import NotServedError
from control_plane.models import Base
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.users import codes, passwords
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import UserChanges
from control_plane.vault import Vault
from shared.ids import UserId
from shared.messages.events import SignInCodeUsed
from shared.messages.records import account_stream
from shared.secrets import verify_password
from tests.support.houses import TESTER, House, Town, a_user
from tests.support.web import an_app, give_domains, signed_in

SHOWN = re.compile(r'id="code">(\d{4}) (\d{4})<')


@dataclass
class Desk:
    database: Database
    vault: Vault
    town: Town
    app: Flask

    def make(self, user: User, house: House | None = None, **given: Any) -> codes.MadeCode:
        account_id = (house or self.town.alder).account.id
        with self.database.writing() as session:
            user_id = UserId(user.id)
            return codes.make(session, account_id, user_id, TESTER, vault=self.vault, **given)

    def told(self, user: User) -> dict[str, Any] | None:
        """What gateways have of the person's code."""
        stream = account_stream(self.town.alder.account.id)
        with self.database.reading() as session:
            row = session.get_one(FeedRow, (stream, "user", user.id))
            found: dict[str, Any] | None = row.data.get("code")
            return found

    def used(self, user: User, code_id: str, house: House | None = None) -> None:
        alder = self.town.alder.account.id
        fact = SignInCodeUsed(code_id, alder, UserId(user.id), utc_now())
        with self.database.writing() as session:
            codes.on_used(session, (house or self.town.alder).gateway.id, [fact])

    def events(self, event: str) -> list[str]:
        names: dict[str, str] = {self.town.ben.id: "Ben"}
        with self.database.reading() as session:
            tenant = tenants.account(self.town.alder.account.id)
            rows = audit.list_events(session, tenant).items
            return [sentence(row, names) for row in rows if row.event == event]

    def is_right(self, code: str, told: dict[str, Any] | None) -> bool:
        with self.database.reading() as session:
            tenant = tenants.account(self.town.alder.account.id)
            pepper = passwords.pepper(session, self.vault, tenant)
        return told is not None and verify_password(pepper, code, told["hash"])


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    return Desk(database, vault, town, an_app(tmp_path, database, vault))


def everything_in(database: Database) -> str:
    with database.reading() as session:
        names = Base.metadata.tables
        return repr([session.execute(text(f"SELECT * FROM {name}")).all() for name in names])  # noqa: S608


def test_gateways_are_told_its_hash_and_its_end_and_a_newer_one_takes_its_place(desk: Desk) -> None:
    first = desk.make(desk.town.ben)
    assert re.fullmatch(r"[0-9]{8}", first.code)
    told = desk.told(desk.town.ben)
    assert desk.is_right(first.code, told)
    left = first.expires_at - utc_now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    second = desk.make(desk.town.ben)
    newer = desk.told(desk.town.ben)
    assert desk.is_right(second.code, newer)
    assert not desk.is_right(first.code, newer)
    assert told is not None
    assert newer is not None
    assert newer["id"] != told["id"]
    assert desk.events("user.code-made") == ["A test made a one-time code for ben"] * 2


def test_a_code_that_was_used_ends_and_the_audit_says_so_once(desk: Desk) -> None:
    desk.make(desk.town.ben)
    told = desk.told(desk.town.ben)
    assert told is not None
    for _ in range(2):
        desk.used(desk.town.ben, told["id"])
    assert desk.told(desk.town.ben) is None
    assert desk.events("user.code-used") == ["Ben signed in at a printer by a one-time code"]


def change(desk: Desk, seen: User, **changes: Any) -> None:
    """Save a form that an administrator opened when the person was as ``seen``."""
    tenant = tenants.account(desk.town.alder.account.id)
    with desk.database.writing() as session:
        users.update(
            session, tenant, seen.id, UserChanges(**changes), TESTER, vault=desk.vault,
            expected_version=seen.version,
        )  # fmt: skip


def look(desk: Desk) -> User:
    with desk.database.reading() as session:
        found = users.find_by_username(
            session, tenants.account(desk.town.alder.account.id), desk.town.ben.username
        )
    assert found is not None
    return found


def test_neither_a_code_nor_a_sign_in_is_in_the_way_of_an_open_form(desk: Desk) -> None:
    seen, tenant = look(desk), tenants.account(desk.town.alder.account.id)
    desk.make(seen)
    told = desk.told(seen)
    assert told is not None
    desk.used(seen, told["id"])
    with desk.database.writing() as session:
        users.note_sign_in(session, tenant, seen.id)
    assert look(desk).last_sign_in_at is not None
    change(desk, seen, display_name="Ben Beech")
    assert look(desk).display_name == "Ben Beech"
    assert desk.told(seen) is None
    # Who writes over what somebody else wrote is told.
    with pytest.raises(StaleError):
        change(desk, seen, display_name="Ben Birch")


def test_who_was_read_before_a_code_was_used_is_told_without_it(desk: Desk) -> None:
    """Somebody changes the person at the moment when a gateway tells of the code."""
    desk.make(desk.town.ben)
    told = desk.told(desk.town.ben)
    assert told is not None
    seen = look(desk)
    assert seen.code_id == told["id"]
    desk.used(desk.town.ben, told["id"])
    with desk.database.writing() as session:
        users.publish(session, tenants.account(desk.town.alder.account.id), seen)
    assert desk.told(desk.town.ben) is None


def test_one_that_was_used_late_leaves_the_newer_one_alone(desk: Desk) -> None:
    desk.make(desk.town.ben)
    old = desk.told(desk.town.ben)
    assert old is not None
    newer = desk.make(desk.town.ben)
    desk.used(desk.town.ben, old["id"])
    assert desk.is_right(newer.code, desk.told(desk.town.ben))
    assert desk.events("user.code-used") == []


def test_a_gateway_speaks_of_accounts_that_it_serves_alone(desk: Desk) -> None:
    desk.make(desk.town.ben)
    told = desk.told(desk.town.ben)
    assert told is not None
    with pytest.raises(NotServedError):
        desk.used(desk.town.ben, told["id"], desk.town.cedar)
    assert desk.told(desk.town.ben) == told
    desk.used(desk.town.cleo, told["id"])  # Nobody of this account.
    assert desk.told(desk.town.ben) == told
    desk.used(desk.town.ben, told["id"])
    assert desk.told(desk.town.ben) is None


def test_who_is_locked_gets_none_and_loses_the_one_they_had(desk: Desk) -> None:
    alder = tenants.account(desk.town.alder.account.id)

    def lock(*, enabled: bool) -> None:
        body = UserChanges(enabled=enabled)
        with desk.database.writing() as session:
            users.update(session, alder, desk.town.ben.id, body, TESTER, vault=desk.vault)

    desk.make(desk.town.ben)
    lock(enabled=False)
    with pytest.raises(ConflictError, match="locked"):
        desk.make(desk.town.ben)
    assert desk.told(desk.town.ben) is None
    lock(enabled=True)
    assert desk.told(desk.town.ben) is None
    desk.make(desk.town.ben)
    assert desk.told(desk.town.ben) is not None


def test_a_closed_account_makes_none_and_another_account_has_no_such_person(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        desk.make(desk.town.ben, desk.town.cedar)
    this = Account.id == desk.town.alder.account.id

    def close(closed_at: Any) -> None:
        with desk.database.writing() as session:
            session.execute(update(Account).where(this).values(closed_at=closed_at))

    close(utc_now())
    with pytest.raises(ConflictError, match="closed"):
        desk.make(desk.town.ben)
    close(None)
    assert desk.make(desk.town.ben).code


def test_help_desk_makes_one_for_a_user_and_none_for_who_may_more(desk: Desk) -> None:
    with desk.database.writing() as session:
        hal = a_user(session, desk.town.alder, desk.vault, "hal", "help-desk")
    with pytest.raises(ForbiddenError):
        desk.make(desk.town.ada, may=frozenset({Permission.CHANGE_PEOPLE, Permission.OWN_JOBS}))
    browser = signed_in(desk.app, desk.database, "alder.localhost", hal)
    path = f"/users/{desk.town.ben.id}"
    assert f'action="{path}/code"' in browser.get(path).text
    made = browser.post(f"{path}/code")
    assert made.status_code == 200
    found = SHOWN.search(made.text)
    assert found is not None
    assert desk.is_right(found[1] + found[2], desk.told(desk.town.ben))
    assert SHOWN.search(browser.get(path).text) is None
    assert browser.post(f"/users/{desk.town.ada.id}/code").status_code == 403
    assert browser.post(f"/users/{desk.town.cleo.id}/code").status_code == 404


def test_the_page_of_who_is_locked_says_why_there_is_none(desk: Desk) -> None:
    ada = signed_in(desk.app, desk.database, "alder.localhost", desk.town.ada)
    path = f"/users/{desk.town.ben.id}"
    assert ada.post(f"{path}/lock", data={"enabled": "no"}).status_code == 303
    assert f'action="{path}/code"' not in ada.get(path).text
    answer = ada.post(f"{path}/code")
    assert answer.status_code == 409
    assert "This person is locked: no code would let them in." in answer.text


def test_people_make_their_own_and_nobody_elses(desk: Desk) -> None:
    ben = signed_in(desk.app, desk.database, "alder.localhost", desk.town.ben)
    assert "I forgot my card" in ben.get("/my").text
    made = ben.post("/my/code")
    found = SHOWN.search(made.text)
    assert (made.status_code, found is not None) == (200, True)
    assert found is not None
    assert "Your user name is ben;" in made.text
    assert desk.is_right(found[1] + found[2], desk.told(desk.town.ben))
    assert ben.post(f"/users/{desk.town.ada.id}/code").status_code == 403
    assert desk.told(desk.town.ada) is None


def test_programs_make_one_that_is_kept_nowhere_in_clear(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with desk.database.writing() as session:
        new = NewApiKey(name="desk", permissions=(Permission.CHANGE_PEOPLE, Permission.OWN_JOBS))
        _, key = api_keys.create(session, tenants.account(desk.town.alder.account.id), new, TESTER)
    client = desk.app.test_client(use_cookies=False)

    def ask(user: User) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"k-{user.id}"}
        body = {"user_id": user.id}
        return client.post(
            "/api/v1/sign-in-codes", json=body, headers=headers, base_url="https://localhost"
        )

    made = ask(desk.town.ben)
    assert made.status_code == 201
    code = made.get_json()["code"]
    assert desk.is_right(code, desk.told(desk.town.ben))
    again = ask(desk.town.ben).get_json()
    assert again == {"user_id": desk.town.ben.id, "expires_at": made.get_json()["expires_at"]}
    assert desk.is_right(code, desk.told(desk.town.ben))
    assert ask(desk.town.cleo).status_code == 422
    assert code not in everything_in(desk.database)
    assert code not in caplog.text


def test_the_command_line_makes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "primary"
    state = ["--state", str(folder), "--json"]
    for words in (
        ["vendor", "create", "--name", "Vic"],
        ["account", "create", "--vendor", "Vic", "--name", "Alder", "--short-name", "alder"],
        ["user", "add", "--account", "alder", "--username", "ada"],
    ):
        assert spoolhouse([*words, *state]) == 0
    capsys.readouterr()
    asked = ["user", "code", "--account", "alder", "--username"]
    assert spoolhouse([*asked, "nobody", *state]) != 0
    capsys.readouterr()
    assert spoolhouse([*asked, "ada", *state]) == 0
    assert re.search(r'"code": "[0-9]{8}"', capsys.readouterr().out)
    database = Database(sqlite_url(folder / "spoolhouse.db"))
    try:
        with database.reading() as session:
            [code_id] = session.scalars(select(User.code_id)).all()
            assert code_id is not None
    finally:
        database.close()
