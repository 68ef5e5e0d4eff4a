"""A role on its page: changed by whoever may give all of it, and by nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.roles import service as roles
from control_plane.roles.models import Role
from control_plane.roles.schemas import NewRole
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town, a_user
from tests.support.web import Browser, an_app, give_domains, signed_in

DESK = (Permission.SEE_PEOPLE, Permission.SEE_JOBS)


@dataclass
class Desk:
    database: Database
    alder: Tenant
    role_id: str
    strong_id: str  # holds what the clerk may not give
    ada: Browser
    clerk: Browser
    cleo: Browser

    def role(self, role_id: str) -> Role:
        with self.database.reading() as session:
            return roles.get_role(session, self.alder, role_id)


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    alder = tenants.account(town.alder.account.id)
    every = frozenset(Permission)
    with database.writing() as session:
        mine = NewRole(name="Front desk", permissions=DESK)
        role = roles.create(session, alder, mine, TESTER, may=every)
        more = NewRole(name="Keeper", permissions=(*DESK, Permission.CHANGE_SETTINGS))
        strong = roles.create(session, alder, more, TESTER, may=every)
        own = NewRole(name="Clerk", permissions=(*DESK, Permission.CHANGE_ROLES))
        clerk_role = roles.create(session, alder, own, TESTER, may=every)
        clerk = a_user(session, town.alder, vault, "clara", clerk_role.id)
    return Desk(
        database,
        alder,
        role.id,
        strong.id,
        signed_in(app, database, "alder.localhost", town.ada),
        signed_in(app, database, "alder.localhost", clerk),
        signed_in(app, database, "cedar.localhost", town.cleo),
    )


def test_a_role_is_renamed_and_may_more_or_less(desk: Desk) -> None:
    form = {"name": "Reception", "permissions": ["jobs.see", "things.see"]}
    assert desk.ada.post(f"/roles/{desk.role_id}", data=form).status_code == 303
    role = desk.role(desk.role_id)
    assert (role.name, sorted(role.permissions)) == ("Reception", ["jobs.see", "things.see"])
    with desk.database.reading() as session:
        said = session.scalars(select(AuditEvent).where(AuditEvent.event == "role.changed"))
        assert said.one().detail["name"] == ["Front desk", "Reception"]


def test_nobody_changes_a_role_that_holds_more_than_they_may_give(desk: Desk) -> None:
    form = {"name": "Weaker", "permissions": ["jobs.see"]}
    page = desk.clerk.get(f"/roles/{desk.strong_id}").text
    assert "It allows more than you may do" in page
    assert desk.clerk.post(f"/roles/{desk.strong_id}", data=form).status_code == 403
    given = {"name": "Front desk", "permissions": ["jobs.see", "settings.change"]}
    assert desk.clerk.post(f"/roles/{desk.role_id}", data=given).status_code == 403
    assert desk.role(desk.strong_id).name == "Keeper"
    assert desk.clerk.post(f"/roles/{desk.role_id}", data=form).status_code == 303


def test_a_built_in_role_and_another_account_s_stay_as_they_are(desk: Desk) -> None:
    with desk.database.reading() as session:
        found = roles.list_roles(session, desk.alder)
        owner = next(role for role in found if role.built_in == "owner")
    form = {"name": "Nothing", "permissions": ["jobs.see"]}
    page = desk.ada.get(f"/roles/{owner.id}").text
    assert "A built-in role stays as it is" in page
    assert 'name="permissions"' not in page
    answer = desk.ada.post(f"/roles/{owner.id}", data=form)
    assert answer.status_code == 422
    assert "A built-in role stays as it is; make one of your own." in answer.text
    assert desk.cleo.get(f"/roles/{desk.role_id}").status_code == 404
    assert desk.cleo.post(f"/roles/{desk.role_id}", data=form).status_code == 404
    assert desk.role(desk.role_id).name == "Front desk"
