"""A file of people who are there already: what differs is changed, however many they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.database import Database, sqlite_url
from control_plane.errors import StaleError
from control_plane.feed.models import FeedRow
from control_plane.groups import service as groups
from control_plane.groups.schemas import NewGroup
from control_plane.models import Base
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.users import importing, repository
from control_plane.users import service as users
from control_plane.users.importing import Import
from control_plane.users.models import User
from control_plane.vault import Vault
from shared.messages.records import account_stream
from tests.control_plane.users.test_importing import counted
from tests.support.houses import TESTER, a_town


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = sqlite_url(tmp_path / "spoolhouse.db")
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    database = Database(url)
    Base.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def order(database: Database, vault: Vault) -> Import:
    town = a_town(database, vault)
    return Import(database, vault, tenants.account(town.alder.account.id), TESTER)


def a_file(count: int, what: str) -> str:
    """Names differ in every line, addresses in every other one, so that lines are unlike."""
    lines = (f"p{n},{what} {n},{what if n % 2 else 'p'}{n}@example.org\n" for n in range(count))
    return f"username,display_name,email\n{''.join(lines)}"


def find(order: Import, username: str) -> User:
    with order.database.reading() as session:
        found = users.find_by_username(session, order.tenant, username)
    assert found is not None
    return found


def told(order: Import, user: User) -> dict[str, object]:
    """What gateways have of somebody."""
    assert order.tenant.account_id is not None
    with order.database.reading() as session:
        of_them = (FeedRow.stream == account_stream(order.tenant.account_id), FeedRow.id == user.id)
        return dict(session.scalars(select(FeedRow.data).where(*of_them)).one())


def test_changing_a_hundred_people_asks_no_more_than_changing_ten(order: Import) -> None:
    importing.run(order, a_file(200, "Old"))
    asked = []
    for count, what in ((10, "New"), (100, "Newer"), (200, "Newest")):
        with counted(order.database) as found:
            lines = importing.run(order, a_file(count, what))
        assert {line.outcome for line in lines} == {"changed"}
        asked.append(len(found))
    assert asked[0] == asked[1] == asked[2] < 30
    with order.database.reading() as session:
        assert [broken for _tenant, _count, broken in audit.verify(session) if broken] == []


def test_who_is_changed_has_a_newer_version_and_gateways_and_audit_know(order: Import) -> None:
    importing.run(order, a_file(3, "Old"))
    before, other = find(order, "p1"), find(order, "p2")
    assert order.tenant.account_id is not None
    with order.database.writing() as session:
        new = NewGroup(name="Some", user_ids=(before.id,))
        group = groups.create(session, order.tenant.account_id, new, TESTER)
    importing.run(order, "username,email\np1,new@example.org\np2,p2@example.org\n")
    after = find(order, "p1")
    assert (after.display_name, after.email) == ("Old 1", "new@example.org")
    assert after.version == before.version + 1
    assert find(order, "p2").version == other.version
    importing.run(order, "username,display_name\np1,New\n")
    record = told(order, after)
    assert (record["display_name"], record["group_ids"]) == ("New", [group.id])
    with order.database.reading() as session:
        rows = [
            row
            for row in audit.list_events(session, order.tenant).items
            if row.event == "user.changed"
        ]
    assert [row.detail for row in rows] == [
        {"username": "p1", "display_name": ["Old 1", "New"]},
        {"username": "p1", "email": ["Old1@example.org", "new@example.org"]},
    ]


def test_somebody_who_may_do_more_is_not_changed_and_the_line_beside_is(order: Import) -> None:
    importing.run(order, "username,display_name,role\nold,Old,owner\nnew,Old,user\n")
    desk = replace(order, may=ACCOUNT_ROLES["help-desk"])
    for dry_run in (True, False):
        asked = replace(desk, dry_run=dry_run)
        lines = importing.run(asked, "username,display_name\nold,New\nnew,New\n")
        assert [line.outcome for line in lines] == ["refused", "changed"]
    assert (find(order, "old").display_name, find(order, "new").display_name) == ("Old", "New")


def test_who_was_changed_meanwhile_is_not_written_over(order: Import) -> None:
    importing.run(order, "username,display_name\ndora,Dora\n")
    seen = find(order, "dora")
    importing.run(order, "username,display_name\ndora,Dora Dale\n")
    with pytest.raises(StaleError), order.database.writing() as session:
        repository.change_all(session, {seen: {"display_name": "Dora Drew"}})
    assert find(order, "dora").display_name == "Dora Dale"
