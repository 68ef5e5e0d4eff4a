"""People from a CSV file: first a dry run that says what would happen, then the same for real.

Columns by name, in any order: ``username`` (needed), ``display_name``, ``email``, ``password``,
``pin``, ``role``, ``card``. Who is there already is changed where the file says otherwise; nobody
is removed. A line that cannot be used is named and left out; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.orm import Session

from control_plane import words
from control_plane.audit.actor import Actor
from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.database import Database
from control_plane.errors import InvalidError, SpoolhouseError
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.users import csv_file
from control_plane.users import service as users
from control_plane.users.csv_file import Problem, Row
from control_plane.users.models import User
from control_plane.users.schemas import NewUser, UserChanges
from control_plane.vault import Vault

# People in one transaction: others write in between. A password costs some 30 ms to hash.
_AT_ONCE: Final = 20
_SECRETS_AT_ONCE: Final = 8
_CHANGED: Final = ("display_name", "email", "password", "pin")
_SECRETS: Final = ("password", "pin")
_COLUMN_OF: Final = {"roles": "role", "number": "card", "user_id": "username"}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one line, or would."""

    number: int  # in the file, its heading being 1
    username: str
    outcome: str  # created | changed | same | refused
    column: str = ""
    problem: Problem | None = None

    @property
    def says(self) -> str:
        return str(self.problem or "")


@dataclass(frozen=True, slots=True)
class Import:
    """Whose people, on whose behalf, and whether for real."""

    database: Database
    vault: Vault
    tenant: Tenant
    by: Actor
    may: frozenset[Permission] | None = None
    dry_run: bool = False


def run(
    order: Import, text: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> list[Line]:
    """Import, or say what would happen; ``progress`` hears of every batch.

    Raises:
        InvalidError: The file as a whole cannot be used.
    """
    rows = csv_file.read(text)
    lines: list[Line] = []
    for some in _batches(rows):
        with order.database.writing() as session:
            lines += [_one(session, order, row) for row in some]
            if order.dry_run:
                session.rollback()
        progress(len(lines), len(rows))
    return lines


def _one(session: Session, order: Import, row: Row) -> Line:
    name = row.cells.get("username", "")
    if row.problem is not None:
        return Line(row.number, name, "refused", row.column, row.problem)
    try:
        with session.begin_nested():
            return Line(row.number, name, _take(session, order, row.cells))
    except ValidationError as error:
        field, text = words.first_problem(error)
        return Line(row.number, name, "refused", _COLUMN_OF.get(field, field), Problem(text))
    except SpoolhouseError as error:
        field = getattr(error, "field", None) or ""
        problem = Problem(error.text, error.values)
        return Line(row.number, name, "refused", _COLUMN_OF.get(field, field), problem)


def _take(session: Session, order: Import, cells: Any) -> str:
    given: dict[str, Any] = {key: cells[key] for key in _CHANGED if cells.get(key)}
    roles = cells.get("role", "").split()
    new = NewUser.model_validate({"username": cells.get("username", ""), **given})
    user = users.find_by_username(session, order.tenant, new.username)
    if user is None:
        changes: dict[str, Any] = {"roles": tuple(roles)} if roles else {}
        if order.dry_run:
            changes |= dict.fromkeys(_SECRETS)  # They were checked; hashing them takes long.
        new = new.model_copy(update=changes)
        user = users.create(session, order.tenant, new, order.by, vault=order.vault, may=order.may)
        outcome = "created"
    else:
        outcome = _change(session, order, user, given)
    if cells.get("card") and _add_card(session, order, user, cells["card"]):
        outcome = "changed" if outcome == "same" else outcome
    return outcome


def _change(session: Session, order: Import, user: User, given: dict[str, Any]) -> str:
    # A file that is imported twice must not sign everybody out: passwords are for new people.
    kept = {key: given[key] for key in ("display_name", "email") if key in given}
    body = UserChanges.model_validate(kept)
    if all(
        getattr(user, key) == value for key, value in body.model_dump(exclude_unset=True).items()
    ):
        return "same"
    users.update(session, order.tenant, user.id, body, order.by, vault=order.vault, may=order.may)
    return "changed"


def _add_card(session: Session, order: Import, user: User, number: str) -> bool:
    account_id = order.tenant.account_id
    if account_id is None:
        raise InvalidError("card", "a vendor's people have no cards")
    known = cards.find_by_number(session, account_id, number, vault=order.vault)
    if known is not None and known.user_id == user.id:
        return False
    new = NewCard(user_id=user.id, number=number)
    cards.create(session, account_id, new, order.by, vault=order.vault)
    return True


def _batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Split the rows so that no transaction takes long."""
    begin = secrets = 0
    for n, row in enumerate(rows):
        more = sum(1 for key in _SECRETS if row.cells.get(key))
        if n - begin >= _AT_ONCE or (secrets and secrets + more > _SECRETS_AT_ONCE):
            yield rows[begin:n]
            begin, secrets = n, 0
        secrets += more
    if begin < len(rows):
        yield rows[begin:]
