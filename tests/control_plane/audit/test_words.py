from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.audit.words import sentence
from control_plane.printers import service as printers
from control_plane.printers.schemas import PrinterChanges
from control_plane.users import service as users
from control_plane.users.schemas import UserChanges
from tests.support.houses import TESTER
from tests.support.primary_site import Site, a_site


def said(site: Site, event: str) -> str:
    with site.parts.database.reading() as session:
        rows = session.scalars(select(AuditEvent).where(AuditEvent.event == event))
        return sentence(rows.all()[-1])


def test_a_change_names_what_was_changed_whatever_the_change_was(tmp_path: Path) -> None:
    with a_site(tmp_path) as site:
        account_id = site.town.alder.account.id
        with site.parts.database.writing() as session:
            printers.update(
                session, account_id, site.town.alder.printer.id,
                PrinterChanges(location="2nd floor"), TESTER,
            )  # fmt: skip
            users.update(
                session, tenants.account(account_id), site.town.ben.id,
                UserChanges(enabled=False), TESTER, vault=site.parts.vault,
            )  # fmt: skip
        assert said(site, "printer.changed") == "A test changed the printer Hall"
        assert said(site, "user.changed") == "A test changed the person ben"
