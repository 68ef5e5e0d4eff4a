"""People from a CSV file: first a dry run that says what would happen, then the same for real.

Columns by name, in any order: ``username`` (needed), ``display_name``, ``email``, ``password``,
``pin``, ``role``, ``card``. Who is there already is changed where the file says otherwise; nobody
is removed. A line that cannot be used is named and left out; the others go on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.orm import Session

from control_plane.audit.actor import Actor
from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.database import Database
from control_plane.errors import InvalidError, SpoolhouseError
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import NewUser, UserChanges
from control_plane.vault import Vault

COLUMNS: Final = frozenset({"username", "display_name", "email", "password", "pin", "role", "card"})
MAX_LINES: Final = 20_000
_AT_ONCE: Final = 50  # people in one transaction: others write in between
_CHANGED: Final = ("display_name", "email", "password", "pin")


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one line, or would."""

    number: int  # in the file, its heading being 1
    username: str
    outcome: str  # created | changed | same | refused
    says: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """Whose people, on whose behalf, and whether for real."""

    database: Database
    vault: Vault
    tenant: Tenant
    by: Actor
    may: frozenset[Permission] | None = None
    dry_run: bool = False


def read(text: str) -> list[dict[str, str]]:
    """Read the file; spreadsheets write a mark at its start, and semicolons in some countries.

    Raises:
        InvalidError: It has no heading that we know, or too many lines.
    """
    text = text.removeprefix("\ufeff")
    heading = text.split("\n", 1)[0]
    separator = ";" if heading.count(";") > heading.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    names = {(name or "").strip().lower() for name in reader.fieldnames or ()}
    if "username" not in names:
        raise InvalidError("csv", "the first line must name the columns, one of them username")
    if unknown := sorted(names - COLUMNS):
        raise InvalidError("csv", f"there is no column {unknown[0]!r}")
    try:
        rows = [
            {(name or "").strip().lower(): (value or "").strip() for name, value in row.items()
             if isinstance(value, str | None)}
            for row in islice(reader, MAX_LINES + 1)
        ]  # fmt: skip
    except csv.Error as error:
        raise InvalidError("csv", str(error)) from None
    if len(rows) > MAX_LINES:
        raise InvalidError("csv", f"more than {MAX_LINES} lines; split the file")
    return rows


def run(
    order: Import, text: str, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> list[Line]:
    """Import, or say what would happen; ``progress`` hears of every batch."""
    rows = read(text)
    lines: list[Line] = []
    for some in _batches(rows):
        with order.database.writing() as session:
            for row in some:
                lines.append(_one(session, order, row, number=len(lines) + 2))
            if order.dry_run:
                session.rollback()
        progress(len(lines), len(rows))
    return lines


def _one(session: Session, order: Import, row: dict[str, str], *, number: int) -> Line:
    name = row.get("username", "")
    try:
        with session.begin_nested():
            return Line(number, name, _take(session, order, row))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return Line(number, name, "refused", f"{where}: {first['msg']}")
    except SpoolhouseError as error:
        return Line(number, name, "refused", str(error))


def _take(session: Session, order: Import, row: dict[str, str]) -> str:
    given: dict[str, Any] = {key: row[key] for key in _CHANGED if row.get(key)}
    roles = [role for role in row.get("role", "").split() if role]
    new = NewUser.model_validate({"username": row.get("username", ""), **given})
    user = users.find_by_username(session, order.tenant, new.username)
    if user is None:
        new = new.model_copy(update={"roles": tuple(roles)} if roles else {})
        user = users.create(session, order.tenant, new, order.by, vault=order.vault, may=order.may)
        outcome = "created"
    else:
        outcome = _change(session, order, user, given)
    if row.get("card") and _add_card(session, order, user, row["card"]):
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


def _batches(rows: Sequence[dict[str, str]]) -> Iterator[Sequence[dict[str, str]]]:
    for begin in range(0, len(rows), _AT_ONCE):
        yield rows[begin : begin + _AT_ONCE]
