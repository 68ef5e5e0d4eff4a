from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from control_plane import tenants
from control_plane.database import Database
from control_plane.recovery import links
from control_plane.security import signing_in
from control_plane.setup import service as setup
from control_plane.users.models import User
from control_plane.vault import Vault
from tests.support.houses import Town
from tests.support.web import a_browser, an_app, give_domains

FORM = {
    "company": "Alder Ltd",
    "short_name": "alder",
    "host": "alder.localhost",
    "username": "ada",
    "password": "correct horse",
}


def prepared(state: Path, database: Database, vault: Vault) -> tuple[Flask, str]:
    with database.writing() as session:
        token = setup.create_token(session)
    return an_app(state, database, vault), f"/setup/{token}"


def test_the_first_run_makes_an_owner_who_signs_in(
    tmp_path: Path, database: Database, vault: Vault
) -> None:
    app, path = prepared(tmp_path, database, vault)
    browser = a_browser(app, "localhost")
    assert "Your company" in browser.get(path).text
    assert browser.post(path, data={**FORM, "password": "short"}).status_code == 422
    done = browser.post(path, data=FORM)
    assert 'href="https://alder.localhost/sign-in"' in done.text
    form = {"username": "ada", "password": "correct horse"}
    assert a_browser(app, "alder.localhost").post("/sign-in", data=form).status_code == 303


def test_afterwards_every_address_of_the_setup_is_gone(
    tmp_path: Path, database: Database, vault: Vault
) -> None:
    app, path = prepared(tmp_path, database, vault)
    browser = a_browser(app, "localhost")
    assert browser.get(path).status_code == 200
    assert browser.post(path, data=FORM).status_code == 200
    assert browser.get(path).status_code == 404
    assert browser.post(path, data=FORM).status_code == 404
    started_again = an_app(tmp_path, database, vault)
    assert "setup.show" not in started_again.view_functions


def test_without_the_printed_token_there_is_no_setup(
    tmp_path: Path, database: Database, vault: Vault
) -> None:
    app, _ = prepared(tmp_path, database, vault)
    browser = a_browser(app, "localhost")
    assert browser.get("/setup/guess").status_code == 404
    assert browser.post("/setup/guess", data=FORM).status_code == 404


def test_of_twenty_at_the_same_moment_one_becomes_owner(
    tmp_path: Path, database: Database, vault: Vault
) -> None:
    app, path = prepared(tmp_path, database, vault)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(
            pool.map(
                lambda _: a_browser(app, "localhost").post(path, data=FORM).status_code, range(20)
            )
        )
    assert statuses.count(200) == 1
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_a_recovery_link_is_used_up_by_a_post_alone_and_only_at_its_own_host(
    tmp_path: Path, database: Database, vault: Vault, town: Town
) -> None:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    alder = tenants.account(town.alder.account.id)
    with database.writing() as session:
        path = "/recover/" + links.create(session, links.RECOVERY, alder, town.ada.id)
    form = {"password": "a new password"}
    assert a_browser(app, "cedar.localhost").post(path, data=form).status_code == 404
    browser = a_browser(app, "alder.localhost")
    for _ in range(3):
        assert browser.get(path).status_code == 200
    assert browser.post(path, data=form).status_code == 303
    assert browser.post(path, data={"password": "another one"}).status_code == 404
    signed = signing_in.sign_in(
        database, vault, alder, username="ada", password="a new password", address="192.0.2.1"
    )
    assert signed.user.id == town.ada.id
