from __future__ import annotations

import pytest

from control_plane import tenants
from control_plane.cards import service as cards
from control_plane.database import Database
from control_plane.errors import ConflictError, ForbiddenError, InvalidError
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.users import importing
from control_plane.users import service as users
from control_plane.users.importing import Import
from control_plane.users.schemas import UserChanges
from control_plane.vault import Vault
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
    file = "username;display_name\n" + "".join(f"p{n};Person {n}\n" for n in range(120))
    told: list[tuple[int, int]] = []
    lines = importing.run(order, "\ufeff" + file, lambda done, of: told.append((done, of)))
    assert {line.outcome for line in lines} == {"created"}
    assert told[0] == (20, 120)
    assert told[-1] == (120, 120)


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
