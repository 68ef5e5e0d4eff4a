from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from control_plane.imports.models import PeopleImport
from control_plane.tenants import Tenant


def find_import(session: Session, tenant: Tenant, import_id: str) -> PeopleImport | None:
    return session.scalars(
        select(PeopleImport).where(PeopleImport.tenant == str(tenant), PeopleImport.id == import_id)
    ).one_or_none()


def newest(session: Session, tenant: Tenant) -> PeopleImport | None:
    return session.scalars(
        select(PeopleImport)
        .where(PeopleImport.tenant == str(tenant))
        .order_by(PeopleImport.created_at.desc(), PeopleImport.id.desc())
        .limit(1)
    ).one_or_none()


def delete_all(session: Session, tenant: Tenant) -> None:
    session.execute(delete(PeopleImport).where(PeopleImport.tenant == str(tenant)))


def change(
    session: Session, tenant: Tenant, import_id: str, *, while_state: str, **values: Any
) -> bool:
    """Change an import if it still is in this state; whether it was."""
    changed = session.execute(
        update(PeopleImport)
        .where(
            PeopleImport.tenant == str(tenant),
            PeopleImport.id == import_id,
            PeopleImport.state == while_state,
        )
        .values(**values)
        .returning(PeopleImport.id)
        .execution_options(synchronize_session=False)
    )
    return changed.one_or_none() is not None


def forget_before(session: Session, moment: datetime) -> None:
    session.execute(delete(PeopleImport).where(PeopleImport.heard_at < moment))
