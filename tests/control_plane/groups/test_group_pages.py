from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.feed.models import FeedRow
from control_plane.groups import service as groups
from control_plane.groups.models import Group
from control_plane.groups.schemas import NewGroup
from control_plane.queues import service as queues
from control_plane.queues.schemas import QueueChanges
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town, a_user
from tests.support.web import Browser, an_app, give_domains, signed_in


@dataclass
class Desk:
    """Ada's and Ben's browsers, and a group of Alder's."""

    database: Database
    town: Town
    ada: Browser
    ben: Browser
    cleo: Browser
    group_id: str

    def people(self) -> set[str]:
        with self.database.reading() as session:
            account_id = self.town.alder.account.id
            found = groups.list_people(session, account_id, self.group_id)
            return {user.username for user in found.items}


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    with database.writing() as session:
        a_user(session, town.alder, vault, "Dora")
        group = groups.create(session, town.alder.account.id, NewGroup(name="Accounting"), TESTER)
    return Desk(
        database,
        town,
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", town.ben),
        signed_in(app, database, "cedar.localhost", town.cleo),
        group.id,
    )


def last_audit(session: Session, town: Town) -> AuditEvent:
    tenant = str(tenants.account(town.alder.account.id))
    rows = session.query(AuditEvent).filter(AuditEvent.tenant == tenant)
    return rows.order_by(AuditEvent.seq.desc()).limit(1).one()


def test_a_group_is_made_filled_by_pasted_names_and_told_to_the_gateways(desk: Desk) -> None:
    made = desk.ada.post("/groups", data={"name": "Sales"})
    path = made.headers["Location"]
    assert made.status_code == 303
    answer = desk.ada.post(f"{path}/people", data={"usernames": "Ben\nDORA, ben"})
    assert answer.status_code == 303
    page = desk.ada.get(path).text
    assert "2 people" in page
    assert "Ben" in page
    with desk.database.reading() as session:
        assert last_audit(session, desk.town).detail["added"] == ["ben", "dora"]
        row = session.query(FeedRow).filter(FeedRow.id == desk.town.ben.id).one()
        assert path.rpartition("/")[2] in row.data["group_ids"]


def test_one_unknown_name_adds_nobody_and_is_named(desk: Desk) -> None:
    answer = desk.ada.post(
        f"/groups/{desk.group_id}/people", data={"usernames": "ben, nobody-here"}
    )
    assert answer.status_code == 422
    assert "Nobody here is called nobody-here." in answer.text
    assert desk.people() == set()


def test_somebody_of_another_account_is_unknown_here(desk: Desk) -> None:
    answer = desk.ada.post(f"/groups/{desk.group_id}/people", data={"usernames": "cleo"})
    assert answer.status_code == 422
    assert desk.people() == set()


def test_people_are_taken_out_one_by_one(desk: Desk) -> None:
    desk.ada.post(f"/groups/{desk.group_id}/people", data={"usernames": "ben"})
    path = f"/groups/{desk.group_id}/people/{desk.town.ben.id}/remove"
    assert desk.ada.post(path).status_code == 303
    assert desk.people() == set()
    assert desk.ada.post(path).status_code == 404


def test_a_group_that_opens_a_queue_stays_until_it_is_taken_out_there(desk: Desk) -> None:
    alder = desk.town.alder
    with desk.database.writing() as session:
        body = QueueChanges(group_ids=(desk.group_id,))
        queues.update(session, alder.account.id, alder.pull.id, body, TESTER)
    refused = desk.ada.post(f"/groups/{desk.group_id}/delete")
    assert refused.status_code == 409
    assert "The queue Pull is open to this group; take it out there first." in refused.text
    assert "Pull" in desk.ada.get("/groups").text
    with desk.database.writing() as session:
        body = QueueChanges(group_ids=())
        queues.update(session, alder.account.id, alder.pull.id, body, TESTER)
    assert desk.ada.post(f"/groups/{desk.group_id}/delete").status_code == 303
    with desk.database.reading() as session:
        assert session.get(Group, desk.group_id) is None


def test_two_groups_of_one_name_are_refused_beside_the_field(desk: Desk) -> None:
    answer = desk.ada.post("/groups", data={"name": "Accounting"})
    assert answer.status_code == 422
    assert "There is a group with this name." in answer.text


@pytest.mark.parametrize("who", ["ben", "cleo"])
def test_neither_a_user_nor_another_account_sees_or_changes_a_group(desk: Desk, who: str) -> None:
    browser: Browser = getattr(desk, who)
    expected = 403 if who == "ben" else 404
    path = f"/groups/{desk.group_id}"
    assert browser.get(path).status_code == expected
    for answer in (
        browser.post(path, data={"name": "Mine"}),
        browser.post(f"{path}/people", data={"usernames": "ben"}),
        browser.post(f"{path}/delete"),
    ):
        assert answer.status_code == expected
    assert desk.ada.get(path).status_code == 200
    assert desk.people() == set()
