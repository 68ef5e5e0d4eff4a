"""Passwords, sessions, print tokens and links: one's own, and somebody else's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.profile.browsers import browser_words
from control_plane.security import api_keys, sessions
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import Permission
from control_plane.tokens import service as tokens
from control_plane.users.models import User
from control_plane.vault import Vault
from tests.support.houses import PASSWORD, TESTER, Town, a_user
from tests.support.web import Browser, a_browser, an_app, give_domains, signed_in

HOST = "alder.localhost"
NEW = "another good one"


@dataclass
class Desk:
    app: Flask
    database: Database
    vault: Vault
    town: Town
    ada: Browser
    ben: Browser

    def helper(self) -> Browser:
        with self.database.writing() as session:
            hal = a_user(session, self.town.alder, self.vault, "Hal", "help-desk")
        return signed_in(self.app, self.database, HOST, hal)

    def sessions_of(self, user: User) -> list[str]:
        with self.database.reading() as session:
            found = sessions.list_of_user(session, tenants.from_text(user.tenant), user.id)
            return [row.id for row in found]

    def may_sign_in(self, username: str, password: str) -> bool:
        form = {"username": username, "password": password}
        return a_browser(self.app, HOST).post("/sign-in", data=form).status_code == 303

    def events(self, event: str) -> int:
        with self.database.reading() as session:
            return len(session.scalars(select(AuditEvent).where(AuditEvent.event == event)).all())


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    ada, ben = (signed_in(app, database, HOST, user) for user in (town.ada, town.ben))
    return Desk(app, database, vault, town, ada, ben)


def test_a_new_password_needs_the_old_one_and_ends_every_other_session(desk: Desk) -> None:
    elsewhere = signed_in(desk.app, desk.database, HOST, desk.town.ben)
    wrong = desk.ben.post("/me/password", data={"old": "not it", "password": NEW})
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    assert desk.events("user.password-refused") == 1
    assert elsewhere.get("/me").status_code == 200
    done = desk.ben.post("/me/password", data={"old": PASSWORD, "password": NEW})
    assert done.status_code == 303
    assert desk.ben.get("/me").status_code == 200  # The answer brought a session of its own.
    assert elsewhere.get("/me").status_code == 303
    assert len(desk.sessions_of(desk.town.ben)) == 1
    assert desk.may_sign_in("ben", NEW)
    assert not desk.may_sign_in("ben", PASSWORD)


def test_a_short_password_is_refused(desk: Desk) -> None:
    short = desk.ben.post("/me/password", data={"old": PASSWORD, "password": "short"})
    assert short.status_code == 422
    assert desk.may_sign_in("ben", PASSWORD)


def test_nobody_guesses_a_password_at_an_unlocked_screen(desk: Desk) -> None:
    for _ in range(5):
        desk.ben.post("/me/password", data={"old": "guess", "password": NEW})
    stopped = desk.ben.post("/me/password", data={"old": PASSWORD, "password": NEW})
    assert stopped.status_code == 422
    assert "Too many attempts." in stopped.text
    other = desk.ada.post("/me/password", data={"old": PASSWORD, "password": NEW})
    assert other.status_code == 303


def test_one_sees_and_ends_ones_own_sessions_alone(desk: Desk) -> None:
    elsewhere = signed_in(desk.app, desk.database, HOST, desk.town.ben)
    page = desk.ben.get("/me").text
    assert "this one" in page
    [other] = re.findall(r"/me/sessions/([\w-]+)/end\"", page.replace("end-others", ""))
    assert desk.ada.post(f"/me/sessions/{other}/end").status_code == 404
    assert elsewhere.get("/me").status_code == 200
    assert desk.ben.post(f"/me/sessions/{other}/end").status_code == 303
    assert elsewhere.get("/me").status_code == 303
    again = signed_in(desk.app, desk.database, HOST, desk.town.ben)
    assert desk.ben.post("/me/sessions/end-others").status_code == 303
    assert again.get("/me").status_code == 303
    assert desk.ben.get("/me").status_code == 200
    assert desk.events("user.session-ended") == 2


def test_help_desk_ends_a_users_session_and_not_an_owners(desk: Desk) -> None:
    hal = desk.helper()
    [of_ben], [of_ada] = (desk.sessions_of(user) for user in (desk.town.ben, desk.town.ada))
    ada, ben = desk.town.ada.id, desk.town.ben.id
    assert hal.post(f"/users/{ada}/sessions/{of_ada}/end").status_code == 403
    assert hal.post(f"/users/{ben}/sessions/{of_ada}/end").status_code == 404
    assert desk.ada.get("/me").status_code == 200
    assert hal.post(f"/users/{ben}/sessions/{of_ben}/end").status_code == 303
    assert desk.ben.get("/me").status_code == 303


def test_a_link_sets_a_password_once_and_help_desk_makes_none_for_an_owner(desk: Desk) -> None:
    hal = desk.helper()
    assert hal.post(f"/users/{desk.town.ada.id}/recovery").status_code == 403
    assert desk.ben.post(f"/users/{desk.town.ben.id}/recovery").status_code == 403
    made = hal.post(f"/users/{desk.town.ben.id}/recovery")
    found = re.search(rf"https://{HOST}(/recover/[\w-]+)", made.text)
    assert found is not None
    stranger = a_browser(desk.app, HOST)
    assert stranger.post(found[1], data={"password": NEW}).status_code == 303
    assert desk.may_sign_in("ben", NEW)
    assert stranger.post(found[1], data={"password": NEW}).status_code == 404
    assert desk.events("user.link-made") == 1


def test_an_administrator_makes_and_revokes_somebodys_print_token(desk: Desk) -> None:
    path = f"/users/{desk.town.ben.id}/print-tokens"
    made = desk.ada.post(path, data={"name": "label printer"})
    assert made.status_code == 200
    assert "Whoever has it prints as Ben." in made.text
    with desk.database.reading() as session:
        [row] = tokens.list_usable(session, desk.town.alder.account.id, desk.town.ben.id)
    assert "label printer" in desk.ada.get(f"/users/{desk.town.ben.id}").text
    others = f"/users/{desk.town.ada.id}/print-tokens/{row.id}/revoke"
    assert desk.ada.post(others).status_code == 404
    assert desk.ben.post(f"{path}/{row.id}/revoke").status_code == 403
    assert desk.ada.post(f"{path}/{row.id}/revoke").status_code == 303
    with desk.database.reading() as session:
        assert tokens.list_usable(session, desk.town.alder.account.id, desk.town.ben.id) == []


def test_help_desk_makes_no_token_that_prints_as_an_owner(desk: Desk) -> None:
    hal = desk.helper()
    given = {"name": "mine"}
    refused = hal.post(f"/users/{desk.town.ada.id}/print-tokens", data=given)
    assert refused.status_code == 403
    assert hal.post(f"/users/{desk.town.ben.id}/print-tokens", data=given).status_code == 200


def test_a_help_desks_program_makes_no_token_that_prints_as_an_owner(desk: Desk) -> None:
    with desk.database.writing() as session:
        new = NewApiKey(name="desk", permissions=(Permission.CHANGE_PEOPLE, Permission.OWN_JOBS))
        account = tenants.account(desk.town.alder.account.id)
        _, key = api_keys.create(session, account, new, TESTER)
    program = desk.app.test_client(use_cookies=False)

    def asked(user: User) -> int:
        return program.post(
            "/api/v1/print-tokens", json={"user_id": user.id, "name": "mine"},
            headers={"Authorization": f"Bearer {key}"}, base_url="https://localhost",
        ).status_code  # fmt: skip

    assert asked(desk.town.ada) == 403
    assert asked(desk.town.ben) == 201


@pytest.mark.parametrize(
    ("user_agent", "says"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/120 Safari/537 Edg/120",
            "Edge, Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU OS 17 like Mac OS X) Version/17 Safari/604", "Safari, iPhone"),
        ("<script>", "an unknown browser"),
    ],
)
def test_a_browser_has_a_name(user_agent: str, says: str) -> None:
    assert browser_words(user_agent) == says
