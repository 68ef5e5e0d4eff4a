from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.cards import service as cards
from control_plane.database import Database
from control_plane.errors import ConflictError, ForbiddenError, InvalidError
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.users import importing, passwords
from control_plane.users import service as users
from control_plane.users.importing import Import
from control_plane.users.schemas import UserChanges
from control_plane.vault import Vault
from shared.secrets import verify_password
from tests.support.houses import TESTER, Town

FILE = """username,display_name,email,card,role
dora,Dora Dale,dora@example.org,04B17C6A915D80,
Ada,Ada Alder,ada@example.org,,
ben,Ben,,,
bad\x07name,Nobody,,,
eve,Eve,no address,,
finn,Finn,,04B17C6A915D80,
gil,Gil,,,king
"""


@pytest.fixture
def order(database: Database, vault: Vault, town: Town) -> Import:
    return Import(database, vault, tenants.account(town.alder.account.id), TESTER)


def outcomes(lines: list[importing.Line]) -> dict[str, str]:
    return {line.username: line.outcome for line in lines}


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that the database is asked meanwhile."""
    found: list[str] = []

    def note(*given: object) -> None:
        found.append(str(given[2]))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


EXPECTED = {
    "dora": "created",
    "Ada": "changed",
    "ben": "same",
    "bad\x07name": "refused",
    "eve": "refused",
    "finn": "refused",
    "gil": "refused",
}


def test_a_dry_run_says_what_the_import_then_does(order: Import) -> None:
    dry = Import(order.database, order.vault, order.tenant, order.by, dry_run=True)
    foretold = importing.run(dry, FILE)
    assert outcomes(foretold) == EXPECTED
    with order.database.reading() as session:
        assert users.count(session, order.tenant) == 2
    assert importing.run(order, FILE) == foretold
    with order.database.reading() as session:
        assert users.count(session, order.tenant) == 3
        dora = users.find_by_username(session, order.tenant, "dora")
        assert dora is not None
        assert order.tenant.account_id is not None
        held = cards.list_of_user(session, order.tenant.account_id, dora.id)
        assert [card.last4 for card in held] == ["5D80"]


def test_a_file_may_be_imported_twice(order: Import) -> None:
    importing.run(order, FILE)
    assert set(outcomes(importing.run(order, FILE)).values()) == {"same", "refused"}


def test_many_people_come_in_batches_and_progress_is_told(order: Import) -> None:
    file = "username;display_name\n" + "".join(f"p{n};Person {n}\n" for n in range(500))
    told: list[tuple[int, int]] = []
    lines = importing.run(order, "\ufeff" + file, lambda done, of: told.append((done, of)))
    assert {line.outcome for line in lines} == {"created"}
    assert told == [(200, 500), (400, 500), (500, 500)]


def test_a_batch_asks_as_many_questions_for_many_as_for_few(order: Import) -> None:
    def statements(first: int, last: int) -> int:
        lines = "".join(f"p{n},Person {n},04{n:012X},user\n" for n in range(first, last))
        with counted(order.database) as found:
            told = importing.run(order, f"username,display_name,card,role\n{lines}")
        assert {line.outcome for line in told} == {"created"}
        return len(found)

    assert statements(0, 10) == statements(1000, 1200) < 30
    with order.database.reading() as session:
        assert users.count(session, order.tenant) == 2 + 210
        assert [broken for _tenant, _count, broken in audit.verify(session) if broken] == []
        assert order.tenant.account_id is not None
        held = cards.list_cards(session, order.tenant.account_id, limit=200)
        assert len(held.items) == 200


def test_a_card_stays_with_whoever_has_it_and_the_lines_beside_it_go_on(order: Import) -> None:
    importing.run(order, "username,card\ndora,04B17C6A915D80\n")
    again = importing.run(
        order,
        "username,card\ndora,04B17C6A915D80\nfinn,04B17C6A915D80\nada,04B17C6A915D80\n"
        "ben,04C3D9125B4F80\ngil,not a card\nhal,04AA33445566FF\n",
    )
    assert [line.outcome for line in again] == [
        "same", "refused", "refused", "changed", "refused", "created",
    ]  # fmt: skip
    assert [line.column for line in again if line.problem] == ["card"] * 3
    with order.database.reading() as session:
        assert users.find_by_username(session, order.tenant, "finn") is None
        assert users.find_by_username(session, order.tenant, "gil") is None


def test_a_role_that_its_giver_has_not_is_refused_on_its_line_alone(order: Import) -> None:
    desk = replace(order, may=ACCOUNT_ROLES["help-desk"])
    told = importing.run(desk, "username,role\ndora,administrator\nfinn,user\n")
    assert [(line.username, line.outcome) for line in told] == [
        ("dora", "refused"), ("finn", "created"),
    ]  # fmt: skip
    assert importing.run(order, "username,role\ndora,administrator\n")[0].outcome == "created"


def test_a_password_from_the_file_lets_its_person_in(order: Import) -> None:
    importing.run(order, "username,password,pin\ndora,correct horse,482916\n")
    with order.database.reading() as session:
        dora = users.find_by_username(session, order.tenant, "dora")
        pepper = passwords.pepper(session, order.vault, order.tenant)
    assert dora is not None
    assert dora.password_hash is not None
    assert dora.pin_hash is not None
    assert verify_password(pepper, "correct horse", dora.password_hash)
    assert verify_password(pepper, "482916", dora.pin_hash)
    assert not verify_password(pepper, "wrong horse", dora.password_hash)


@pytest.mark.parametrize("text", ["", "name,mail\nx,y\n", "username,colour\nx,red\n"])
def test_a_file_without_our_columns_is_refused(order: Import, text: str) -> None:
    with pytest.raises(InvalidError):
        importing.run(order, text)


def test_an_owner_who_alone_is_owner_stays_so(database: Database, vault: Vault, town: Town) -> None:
    alder = tenants.account(town.alder.account.id)
    for body in (UserChanges(roles=("user",)), UserChanges(enabled=False)):
        with pytest.raises(ConflictError, match="owner"), database.writing() as session:
            users.update(session, alder, town.ada.id, body, TESTER, vault=vault)
    with pytest.raises(ConflictError, match="owner"), database.writing() as session:
        users.delete(session, alder, town.ada.id, TESTER)
    with database.writing() as session:
        users.update(
            session, alder, town.ben.id, UserChanges(roles=("owner",)), TESTER, vault=vault
        )
        users.delete(session, alder, town.ada.id, TESTER)


def test_help_desk_sets_no_owners_password(database: Database, vault: Vault, town: Town) -> None:
    alder = tenants.account(town.alder.account.id)
    may = ACCOUNT_ROLES["help-desk"]
    body = UserChanges(password="a new password")
    with pytest.raises(ForbiddenError), database.writing() as session:
        users.update(session, alder, town.ada.id, body, TESTER, vault=vault, may=may)
    new = UserChanges(roles=("administrator",))
    with pytest.raises(ForbiddenError), database.writing() as session:
        users.update(session, alder, town.ben.id, new, TESTER, vault=vault, may=may)
    with database.writing() as session:
        users.update(session, alder, town.ben.id, body, TESTER, vault=vault, may=may)
