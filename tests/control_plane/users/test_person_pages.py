"""Somebody who looks after people gives a person another name, and removes one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.database import Database
from control_plane.errors import NotFoundError
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.vault import Vault
from tests.support.houses import Town
from tests.support.web import Browser, an_app, give_domains, signed_in


@dataclass
class Desk:
    """Ada, Alder's owner; Ben, a user; Cleo, who owns Cedar."""

    database: Database
    town: Town
    ada: Browser
    ben: Browser
    cleo: Browser

    @property
    def path(self) -> str:
        return f"/users/{self.town.ben.id}"

    def read_ben(self) -> User:
        alder = tenants.account(self.town.alder.account.id)
        with self.database.reading() as session:
            return users.get_user(session, alder, self.town.ben.id)


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    return Desk(
        database,
        town,
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", town.ben),
        signed_in(app, database, "cedar.localhost", town.cleo),
    )


def test_a_person_gets_another_name_and_address(desk: Desk) -> None:
    form = {"display_name": "Ben Ash", "email": "ben@alder.example"}
    assert desk.ada.post(f"{desk.path}/details", data=form).status_code == 303
    page = desk.ada.get(desk.path).text
    assert "<h1>Ben Ash</h1>" in page
    assert 'value="ben@alder.example"' in page
    gone = {"display_name": "Ben Ash", "email": ""}
    assert desk.ada.post(f"{desk.path}/details", data=gone).status_code == 303
    assert desk.read_ben().email == ""


@pytest.mark.parametrize(
    "form",
    [
        {"display_name": "", "email": "ben@alder.example"},
        {"display_name": "Ben", "email": "nowhere"},
        {"display_name": "B\u202een", "email": ""},
    ],
)
def test_what_cannot_be_a_name_or_an_address_changes_nothing(
    desk: Desk, form: dict[str, str]
) -> None:
    answer = desk.ada.post(f"{desk.path}/details", data=form)
    assert answer.status_code == 422
    assert "is-invalid" in answer.text
    assert (desk.read_ben().display_name, desk.read_ben().email) == ("Ben", "")


def test_a_person_is_removed_when_their_name_was_typed(desk: Desk) -> None:
    assert desk.ada.post(f"{desk.path}/delete", data={"confirm": "Ben"}).status_code == 422
    assert desk.read_ben()
    assert desk.ada.post(f"{desk.path}/delete", data={"confirm": "ben"}).status_code == 303
    with pytest.raises(NotFoundError):
        desk.read_ben()


def test_the_last_owner_stays(desk: Desk) -> None:
    answer = desk.ada.post(f"/users/{desk.town.ada.id}/delete", data={"confirm": "ada"})
    assert answer.status_code == 409
    assert "Somebody must stay owner." in answer.text
    assert desk.ada.get(desk.path).status_code == 200


def test_nobody_else_may(desk: Desk) -> None:
    for who, status in ((desk.ben, 403), (desk.cleo, 404)):
        form = {"display_name": "X", "email": ""}
        assert who.post(f"{desk.path}/details", data=form).status_code == status
        assert who.post(f"{desk.path}/delete", data={"confirm": "ben"}).status_code == status
    assert desk.read_ben().display_name == "Ben"
