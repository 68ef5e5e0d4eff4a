"""On a German page nobody is refused in English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from control_plane import tenants, words
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.words import view
from control_plane.groups import service as groups
from control_plane.groups.schemas import NewGroup
from control_plane.queues import service as queues
from control_plane.queues.schemas import QueueChanges
from control_plane.vault import Vault
from shared import i18n
from tests.support.catalogues import ROOT, read_catalogue
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, an_app, give_domains, signed_in

HOST = "alder.localhost"
# What is done, and the refusal in the two languages; ``{...}`` stands for things of the account.
REFUSALS: tuple[tuple[str, dict[str, str], str, str], ...] = (
    ("/groups", {"name": "Accounting"}, "There is a group with this name.",
     "Es gibt schon eine Gruppe mit diesem Namen."),
    ("/groups/{group}/people", {"usernames": "nobody"}, "Nobody here is called nobody.",
     "Niemand hier heißt nobody."),
    ("/groups/{group}/delete", {}, "The queue Pull is open to this group; take it out there first.",
     "Die Warteschlange Pull steht dieser Gruppe offen; nehmen Sie sie dort zuerst heraus."),
    ("/users/new", {"username": "ben"}, "There is a person with this user name.",
     "Es gibt schon eine Person mit diesem Benutzernamen."),
    ("/users/new", {"username": "x\u0007y"}, "A user name has no control characters.",
     "Ein Benutzername hat keine Steuerzeichen."),
    ("/users/{ada}/roles", {"roles": "user"}, "Somebody must stay owner.",
     "Jemand muss Inhaber bleiben."),
    ("/users/{ben}/cards", {"number": "xyz123"}, "A card number has 1 to 128 hexadecimal digits.",
     "Eine Kartennummer hat 1 bis 128 hexadezimale Ziffern."),
    ("/printers/new", {"name": "Hall", "uri": "ipp://192.0.2.1/x"},
     "There is a printer with this name.", "Es gibt schon einen Drucker mit diesem Namen."),
    ("/printers/new", {"name": "New", "uri": "http://192.0.2.1/x"},
     "Must begin with ipp://, ipps://, socket:// or lpd://.",
     "Muss mit ipp://, ipps://, socket:// oder lpd:// beginnen."),
    ("/queues/new", {"name": "Other", "path": "pull", "type": "pull", "identity": "sign-in"},
     "There is a queue with this path.", "Es gibt schon eine Warteschlange mit diesem Kurznamen."),
    ("/settings", {"name": "Alder", "time_zone": "Mars/Base"},
     "Must be a time zone such as Europe/Berlin.", "Muss eine Zeitzone sein, etwa Europe/Berlin."),
    ("/domains", {"name": HOST}, "This domain is claimed already.",
     "Diese Domain ist schon beansprucht."),
    ("/domains", {"name": "192.0.2.1"}, "Must be a host name, not an address.",
     "Muss ein Rechnername sein, keine Adresse."),
    ("/me/password", {"old": "wrong", "password": "a good new one"}, "This is not your password.",
     "Das ist nicht Ihr Passwort."),
)  # fmt: skip


@pytest.fixture
def things(database: Database, vault: Vault, town: Town) -> dict[str, str]:
    give_domains(database, town)
    alder = town.alder
    with database.writing() as session:
        group = groups.create(session, alder.account.id, NewGroup(name="Accounting"), TESTER)
        body = QueueChanges(group_ids=(group.id,))
        queues.update(session, alder.account.id, alder.pull.id, body, TESTER)
    return {"group": group.id, "ada": town.ada.id, "ben": town.ben.id}


@pytest.fixture
def ada(tmp_path: Path, database: Database, vault: Vault, town: Town, things: Any) -> Browser:
    del things
    return signed_in(an_app(tmp_path, database, vault), database, HOST, town.ada)


def in_language(browser: Browser, language: str) -> None:
    browser.client.set_cookie(
        "__Host-spoolhouse-language", language, domain=browser.host, secure=True
    )


@pytest.mark.parametrize(
    ("path", "form", "said_as"),
    [(path, form, {"en": english, "de": german}) for path, form, english, german in REFUSALS],
)
def test_a_refusal_is_said_in_the_readers_language(
    ada: Browser, things: dict[str, str], path: str, form: dict[str, str], said_as: dict[str, str]
) -> None:
    english, german = said_as["en"], said_as["de"]
    said = {}
    for language in ("en", "de"):
        in_language(ada, language)
        answer = ada.post(path.format(**things), data=form)
        assert answer.status_code in (409, 422), answer.text
        said[language] = " ".join(unescape(answer.text).split())
    assert english in said["en"]
    assert german in said["de"]
    assert english not in said["de"]


@pytest.mark.parametrize("kind", ["sites", "no-such-page"])
def test_a_page_that_is_not_there_says_so_in_german(ada: Browser, kind: str) -> None:
    in_language(ada, "de")
    text = unescape(ada.get(f"/{kind}/{'x' * 8}").text)
    assert "Hier ist nichts" in text or "gibt es nicht" in text
    assert "there is no" not in text.lower()


def kinds() -> Iterator[str]:
    for path in (ROOT / "control_plane").rglob("*.py"):
        yield from re.findall(r'NotFoundError\("([a-z -]+)"', path.read_text())


def test_everything_that_may_be_missing_has_its_sentence() -> None:
    assert {f"there is no such {kind}" for kind in kinds()} <= set(words.NOT_FOUND)


def test_no_refusal_with_values_hides_from_the_catalogue() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in (ROOT / "control_plane").rglob("*.py")
        for found in re.findall(
            r'(?:ConflictError\(|InvalidError\([^,()]+,)\s*f".*', path.read_text()
        )
    ]
    assert hidden == []


def test_what_a_gateway_says_of_its_services_is_said_in_german(
    database: Database, vault: Vault, town: Town
) -> None:
    with database.writing() as session:
        tenant = tenants.account(town.alder.account.id)
        gateway = gateways.get_own(session, tenant, town.alder.gateway.id)
        gateways.on_enrolled(session, gateway.id, b"\x09" * 32, TESTER, vault=vault)
        at = gateway.created_at
        gateways.on_presence(session, gateway.id, here=True, at=at)
        told = {"services": {"ipp": {"ok": True, "says": "IPP takes jobs."}}}
        gateways.on_heartbeat(session, gateway.id, at=at, running={"errors": {}}, health=told)
    with database.reading() as session:
        gateway = gateways.get_own(session, tenant, town.alder.gateway.id)
        state = gateways.states(session, [gateway.id])[gateway.id]
    german = read_catalogue("de").get("IPP takes jobs.")
    assert german is not None
    with i18n.reading_as("de"):
        shown = view(gateway, state, at, people=1, is_own=True)
    assert german.string in {service.says for service in shown.services}
