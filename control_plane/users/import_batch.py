"""Some lines of a file of people: each is checked against what is there, then all are done at once.

However many lines there are, the database is asked the same few questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy.orm import Session

from control_plane import words
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.cards import service as cards
from control_plane.database import Database
from control_plane.errors import ConflictError, InvalidError, SpoolhouseError
from control_plane.roles import service as roles
from control_plane.security.permissions import Permission
from control_plane.tenants import Tenant
from control_plane.users import service as users
from control_plane.users.csv_file import Problem, Row
from control_plane.users.models import User
from control_plane.users.schemas import NewUser, PlainChanges
from control_plane.vault import Vault
from shared.cards import Card, canonical
from shared.ids import UserId
from shared.secrets import canonical_username

SECRETS: Final = ("password", "pin")
_CHANGED: Final = ("display_name", "email", *SECRETS)
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


class Batch:
    """Lines that no earlier line of the file repeats."""

    def __init__(self, session: Session, order: Import, rows: Sequence[Row]) -> None:
        self._session, self._order, self._rows = session, order, rows
        names = {_canonical_name(row) for row in rows}
        self._known: Mapping[str, User] = users.by_usernames(
            session, order.tenant, names, locked=not order.dry_run
        )
        self._roles = roles.list_roles(session, order.tenant)
        ids = [user.id for user in self._known.values()]
        self._held = roles.roles_of_users(session, order.tenant, ids)
        self._holders = self._find_holders()
        self._new: list[NewUser] = []
        self._changed: list[tuple[User, PlainChanges]] = []
        self._cards: dict[str, Card] = {}  # by user name

    def carry_out(self) -> list[Line]:
        """Do what the lines ask for; those that cannot be used are named and left out."""
        lines = [_guarded(row, self._take) for row in self._rows]
        if self._order.dry_run:
            return lines
        session, order = self._session, self._order
        with audit.together(session):
            made = users.create_all(
                session, order.tenant, self._new, order.by, vault=order.vault, may=order.may
            )
            users.change_all(session, order.tenant, self._changed, order.by)
            owners = {user.username: user.id for user in (*self._known.values(), *made)}
            if self._cards and order.tenant.account_id is not None:
                given = [(owners[name], card) for name, card in self._cards.items()]
                cards.give_all(session, order.tenant.account_id, given, order.by, vault=order.vault)
        return lines

    def _take(self, row: Row) -> str:
        cells = row.cells
        given: dict[str, Any] = {key: cells[key] for key in _CHANGED if cells.get(key)}
        keys = tuple(cells.get("role", "").split())
        new = NewUser.model_validate({"username": cells.get("username", ""), **given})
        if keys:
            new = new.model_copy(update={"roles": keys})
        user = self._known.get(new.username)
        if user is None:
            roles.choose(self._roles, new.roles, self._order.may)
        card = self._free_card(cells.get("card", ""), user)
        outcome = "created" if user is None else self._change(user, given)
        if user is None:
            self._new.append(new)
        if card is not None:
            self._cards[new.username] = card
            outcome = "changed" if outcome == "same" else outcome
        return outcome

    def _change(self, user: User, given: Mapping[str, Any]) -> str:
        # A file that is imported twice must not sign everybody out: passwords are for new people.
        kept = {key: given[key] for key in ("display_name", "email") if key in given}
        body = PlainChanges.model_validate(kept)
        wanted = body.model_dump(exclude_unset=True)
        if all(getattr(user, key) == value for key, value in wanted.items()):
            return "same"
        if self._order.may is not None:
            roles.check_may_manage_holder(self._held[user.id], self._order.may)
        self._changed.append((user, body))
        return "changed"

    def _free_card(self, number: str, user: User | None) -> Card | None:
        """The card that a line gives; None where it gives none, or its person has it already.

        Raises:
            InvalidError: It is none, or a vendor's people are to have it.
            ConflictError: Somebody has it.
        """
        if not number:
            return None
        if self._order.tenant.account_id is None:
            raise InvalidError("card", "a vendor's people have no cards")
        try:
            card = canonical(number)
        except ValueError as error:
            raise InvalidError("number", str(error)) from None
        holder = self._holders.get(card)
        if holder is None:
            return card
        if user is None or holder != user.id:
            raise ConflictError("somebody has this card", "number")
        return None

    def _find_holders(self) -> Mapping[Card, UserId]:
        account_id = self._order.tenant.account_id
        numbers = {card for row in self._rows if (card := _card_of(row)) is not None}
        if account_id is None or not numbers:
            return {}
        return cards.holders(self._session, account_id, numbers, vault=self._order.vault)


def _guarded(row: Row, take: Callable[[Row], str]) -> Line:
    """Take a line; what is wrong with it stands beside its column."""
    name = row.cells.get("username", "")
    if row.problem is not None:
        return Line(row.number, name, "refused", row.column, row.problem)
    try:
        return Line(row.number, name, take(row))
    except ValidationError as error:
        field, text = words.first_problem(error)
        return Line(row.number, name, "refused", _COLUMN_OF.get(field, field), Problem(text))
    except SpoolhouseError as error:
        field = getattr(error, "field", None) or ""
        problem = Problem(error.text, error.values)
        return Line(row.number, name, "refused", _COLUMN_OF.get(field, field), problem)


def _canonical_name(row: Row) -> str:
    try:
        return canonical_username(row.cells.get("username", ""))
    except ValueError:
        return ""  # The person's own check says what is wrong with it.


def _card_of(row: Row) -> Card | None:
    try:
        return canonical(row.cells.get("card", ""))
    except ValueError:
        return None
