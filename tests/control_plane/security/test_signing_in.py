from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database, sqlite_url, utc_now
from control_plane.errors import TooManyError
from control_plane.models import Base
from control_plane.security import failures
from control_plane.security.signing_in import SignedIn, SignInRefusedError, sign_in
from control_plane.users import service as users
from control_plane.users.schemas import UserChanges
from control_plane.vault import Vault
from tests.support.houses import PASSWORD, TESTER, Town, a_town
from tests.support.postgresql import PostgreSql


class Door:
    """The sign-in of Alder."""

    def __init__(self, database: Database, vault: Vault, town: Town) -> None:
        self.database, self.vault = database, vault
        self.alder = tenants.account(town.alder.account.id)

    def knock(self, name: str, password: str, address: str = "192.0.2.1") -> SignedIn:
        return sign_in(
            self.database,
            self.vault,
            self.alder,
            username=name,
            password=password,
            address=address,
        )

    def outcome(self, name: str, password: str, address: str = "192.0.2.1") -> str:
        try:
            self.knock(name, password, address)
        except SignInRefusedError:
            return "refused"
        except TooManyError:
            return "too many"
        return "in"


@pytest.fixture
def door(database: Database, vault: Vault, town: Town) -> Door:
    return Door(database, vault, town)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_primaries_count_guesses_together(
    kind: str, tmp_path: Path, vault: Vault, postgresql: PostgreSql
) -> None:
    url = sqlite_url(tmp_path / "both.db") if kind == "sqlite" else postgresql.new_database()
    one, other = Database(url), Database(url)
    Base.metadata.create_all(one.engine)
    town = a_town(one, vault)
    doors = [Door(database, vault, town) for database in (one, other)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(
            pool.map(lambda number: doors[number % 2].outcome("Ada", "wrong one"), range(16))
        )
    assert (outcomes.count("refused"), outcomes.count("too many")) == (5, 11)
    assert [door.outcome("Ada", PASSWORD) for door in doors] == ["too many"] * 2
    assert [door.outcome("Ada", PASSWORD, "192.0.2.77") for door in doors] == ["in"] * 2
    for database in (one, other):
        database.close()


def test_ada_signs_in_and_cleo_does_not(door: Door, database: Database) -> None:
    assert door.knock("Ada", PASSWORD).user.username == "ada"
    assert door.outcome("Cleo", PASSWORD) == "refused"
    with database.reading() as session:
        events = session.scalars(
            select(AuditEvent.event).where(AuditEvent.event.startswith("sign-in"))
        ).all()
    assert sorted(events) == ["sign-in.ok", "sign-in.refused"]


def test_guesses_are_admitted_only_as_often_as_the_policy_says(door: Door) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda n: door.outcome("ada", f"guess {n}"), range(24)))
    assert outcomes.count("refused") == 5
    assert outcomes.count("too many") == 19


def test_a_stranger_who_fails_on_purpose_locks_nobody_out(door: Door, database: Database) -> None:
    assert door.outcome("ada", PASSWORD) == "in"
    for n in range(60):
        address = f"198.51.100.{n}"
        with database.writing() as session:
            known = failures.limits(door.alder, "ada", address, is_known_place=False)
            try:
                failures.admit(session, known)
            except TooManyError:
                break
    assert door.outcome("ada", PASSWORD, "203.0.113.9") == "too many"
    assert door.outcome("ada", PASSWORD) == "in"


def test_one_place_that_tries_many_people_is_slowed_down(door: Door) -> None:
    outcomes = [door.outcome(f"person {n}", "x") for n in range(33)]
    assert outcomes == ["refused"] * 30 + ["too many"] * 3
    assert door.outcome("ada", PASSWORD, "203.0.113.9") == "in"


def test_a_counter_ends_with_its_window(door: Door, database: Database) -> None:
    limits = failures.limits(door.alder, "ada", "192.0.2.1", is_known_place=True)
    with database.writing() as session:
        for _ in range(5):
            failures.admit(session, limits)
        with pytest.raises(TooManyError):
            failures.admit(session, limits)
        failures.admit(session, limits, utc_now() + timedelta(minutes=16))


def test_a_new_password_ends_every_session(
    door: Door, database: Database, vault: Vault, town: Town
) -> None:
    from control_plane.security import sessions  # noqa: PLC0415

    token = door.knock("ada", PASSWORD).token
    with database.writing() as session:
        assert sessions.find(session, token)
        body = UserChanges(password="a new password")
        users.update(session, door.alder, town.ada.id, body, TESTER, vault=vault)
        assert sessions.find(session, token) is None
    assert door.outcome("ada", PASSWORD) == "refused"
    assert door.outcome("ada", "a new password") == "in"
