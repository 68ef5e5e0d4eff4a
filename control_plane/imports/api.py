from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.imports import service as imports
from control_plane.imports.schemas import NewPeopleImport, PeopleImportView
from control_plane.request import actor, caller, parts, vault
from control_plane.rest.routing import Rest
from control_plane.security.permissions import Permission
from control_plane.users.importing import Import

rest = Rest("imports", __name__)


@rest.ask(
    "/user-import-files",
    Permission.CHANGE_PEOPLE,
    body=NewPeopleImport,
    answer=PeopleImportView,
    own_transactions=True,
)
def bring_file(body: NewPeopleImport) -> PeopleImportView:
    """Bring a file of people; it is checked by itself, and changes nobody yet."""
    found = imports.bring(parts().imports, _order(), body.csv.encode(), file_name=body.file_name)
    return PeopleImportView.of(found)


@rest.get("/user-import-files/<import_id>", Permission.CHANGE_PEOPLE, answer=PeopleImportView)
def get_file(session: Session, import_id: str) -> PeopleImportView:
    """Tell how far a file is, and which of its lines are left out."""
    return PeopleImportView.of(imports.get_import(session, caller().tenant, import_id))


@rest.ask(
    "/user-import-files/<import_id>/start",
    Permission.CHANGE_PEOPLE,
    answer=PeopleImportView,
    own_transactions=True,
)
def start_import(import_id: str) -> PeopleImportView:
    """Import the people of a checked file."""
    return PeopleImportView.of(imports.start(parts().imports, _order(), import_id))


@rest.delete("/user-import-files/<import_id>", Permission.CHANGE_PEOPLE)
def discard_file(session: Session, import_id: str) -> None:
    """Throw a file away that nobody works on."""
    imports.discard(session, caller().tenant, import_id)


def _order() -> Import:
    return Import(parts().database, vault(), caller().tenant, actor(), may=caller().permissions)
