"""Things of an account that its gateways know: made, changed and removed, and everybody told.

A noun's service checks what may be. What follows is the same for all of them and stands here: the
row, the record in the account's stream, the row of the audit, in one transaction and this order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import Base
from control_plane.feed import service as feed
from shared.messages.records import account_stream

T = TypeVar("T", bound=Base)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of thing with an id, a name and its account."""

    name: str  # in the feed and the audit: site, printer, ...
    record_of: Callable[[T], Any]  # as gateways are told of it

    def add(self, session: Session, thing: T, new: BaseModel, by: Actor) -> T:
        """Keep a new thing; ``new`` is what was asked for."""
        session.add(thing)
        session.flush()
        self._publish(session, thing)
        self._record(session, thing, "created", by, new.model_dump(mode="json"))
        return thing

    def change(self, session: Session, thing: T, changed: Mapping[str, Any], by: Actor) -> T:
        """Keep a changed thing; ``changed`` is what is different now (changes.apply)."""
        session.flush()
        if changed:
            row: Any = thing
            self._publish(session, thing)
            self._record(session, thing, "changed", by, {"name": row.name, **changed})
        return thing

    def remove(self, session: Session, thing: T, by: Actor, **more: str) -> None:
        """Remove a thing; the database refuses while something belongs to it."""
        row: Any = thing
        session.delete(thing)
        session.flush()
        feed.retract(session, account_stream(row.account_id), self.name, row.id)
        self._record(session, thing, "deleted", by, {"name": row.name, **more})

    def _publish(self, session: Session, thing: T) -> None:
        row: Any = thing
        feed.publish(session, account_stream(row.account_id), self.record_of(thing))

    def _record(
        self, session: Session, thing: T, what: str, by: Actor, detail: Mapping[str, Any]
    ) -> None:
        row: Any = thing
        audit.record(
            session, tenants.account(row.account_id), f"{self.name}.{what}", by,
            subject_kind=self.name, subject_id=row.id, detail=detail,
        )  # fmt: skip
