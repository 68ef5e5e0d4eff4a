"""Who may use a queue, on its page: everybody, or the groups and people it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.feed.models import FeedRow
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.groups import service as groups
from control_plane.groups.schemas import NewGroup
from control_plane.queues import service as queues
from control_plane.queues.models import Queue
from control_plane.security.permissions import Permission
from control_plane.users import service as users
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, an_app, give_domains, signed_in


@dataclass
class Desk:
    """Ada's browser at Alder's pull queue, Ben's and Vic's; a group of Alder's and one of Cedar's."""

    database: Database
    town: Town
    ada: Browser
    ben: Browser
    vic: Browser
    group_id: str
    foreign_id: str

    @property
    def path(self) -> str:
        return f"/queues/{self.town.alder.pull.id}"

    def queue(self) -> Queue:
        with self.database.reading() as session:
            account_id = self.town.alder.account.id
            return queues.get_queue(session, account_id, self.town.alder.pull.id)

    def open_to(self, *group_ids: str, usernames: str = "", who: str = "named") -> tuple[int, str]:
        form = {"open_to": who, "usernames": usernames, "group_ids": list(group_ids)}
        answer = self.ada.post(f"{self.path}/open-to", data=form)
        return answer.status_code, answer.text


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    new = NewGroup(name="Accounting")
    with database.writing() as session:
        group = groups.create(session, town.alder.account.id, new, TESTER)
        foreign = groups.create(session, town.cedar.account.id, new, TESTER)
    return Desk(
        database,
        town,
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", town.ben),
        signed_in(app, database, "vic.localhost", town.vic),
        group.id,
        foreign.id,
    )


def test_a_queue_is_everybodys_until_it_names_somebody(desk: Desk) -> None:
    assert "Everybody of the account." in desk.ada.get(desk.path).text
    assert desk.open_to(desk.group_id, usernames="BEN\nben")[0] == 303
    page = desk.ada.get(desk.path).text
    assert "Everybody of the account." not in page
    assert f'href="/groups/{desk.group_id}"' in page
    assert f'href="/users/{desk.town.ben.id}"' in page
    queue = desk.queue()
    assert (queue.group_ids, queue.user_ids) == ([desk.group_id], [desk.town.ben.id])
    with desk.database.reading() as session:
        row = session.query(FeedRow).filter(FeedRow.id == queue.id).one()
        assert row.data["user_ids"] == [desk.town.ben.id]
        said = session.query(AuditEvent).filter(
            AuditEvent.tenant == str(tenants.account(queue.account_id)),
            AuditEvent.event == "queue.changed",
        )
        assert said.one().detail["group_ids"] == [[], [desk.group_id]]
    assert desk.open_to(desk.group_id, usernames="ben", who="everybody")[0] == 303
    assert (desk.queue().group_ids, desk.queue().user_ids) == ([], [])


def test_naming_nobody_is_refused_and_never_means_everybody(desk: Desk) -> None:
    desk.open_to(usernames="ben")
    status, page = desk.open_to(usernames=" , ")
    assert status == 422
    assert "Name somebody, or choose a group." in page
    assert desk.queue().user_ids == [desk.town.ben.id]


@pytest.mark.parametrize("name", ["nobody-here", "cleo"])
def test_an_unknown_name_changes_nothing_and_is_told(desk: Desk, name: str) -> None:
    status, page = desk.open_to(usernames=f"ben {name}".replace(" ", ","))
    assert status == 422
    assert f"Nobody here is called {name}." in page
    assert desk.queue().user_ids == []


def test_a_group_of_another_account_is_unknown_here(desk: Desk) -> None:
    assert desk.open_to(desk.foreign_id)[0] == 422
    assert desk.queue().group_ids == []
    assert desk.open_to(desk.group_id)[0] == 303


def test_a_queue_whose_people_were_removed_stays_shut_and_says_so(desk: Desk) -> None:
    desk.open_to(usernames="ben")
    alder = tenants.account(desk.town.alder.account.id)
    with desk.database.writing() as session:
        users.delete(session, alder, desk.town.ben.id, TESTER)
    page = desk.ada.get(desk.path).text
    assert "1 person who has been removed" in page
    assert "Everybody of the account." not in page


def test_only_who_changes_things_opens_a_queue(desk: Desk) -> None:
    form = {"open_to": "named", "usernames": "ben"}
    assert desk.ben.post(f"{desk.path}/open-to", data=form).status_code == 403
    assert desk.queue().user_ids == []


def test_who_sees_things_but_no_people_reads_how_many(desk: Desk) -> None:
    desk.open_to(desk.group_id, usernames="ben")
    new = NewGrant(permissions=(Permission.SEE_THINGS,), hours=1, reason="slow")
    account_id = desk.town.alder.account.id
    with desk.database.writing() as session:
        grants.create(session, account_id, new, TESTER)
    page = desk.vic.get(f"/accounts/{account_id}{desk.path}").text
    assert "Accounting" in page
    assert "1 person" in page
    assert "Ben" not in page
    assert "Change who may use it" not in page
