from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.readers import service as readers
from control_plane.readers.schemas import NewReader, ReaderChanges, ReaderView
from control_plane.request import account_id, actor
from control_plane.rest.routing import Items, Rest, TextQuery, expected_version, items
from control_plane.security.permissions import Permission
from shared.ids import ReaderId

rest = Rest("readers", __name__)


@rest.get("/readers", Permission.SEE_THINGS, query=TextQuery, answer=Items[ReaderView])
def list_readers(session: Session, query: TextQuery) -> Items[ReaderView]:
    """List readers by name."""
    page = readers.list_readers(session, account_id(), **query.model_dump())
    return items(page, ReaderView)


@rest.post("/readers", Permission.CHANGE_THINGS, body=NewReader, answer=ReaderView)
def create_reader(session: Session, body: NewReader) -> ReaderView:
    """Add a reader."""
    return ReaderView.model_validate(readers.create(session, account_id(), body, actor()))


@rest.get("/readers/<reader_id>", Permission.SEE_THINGS, answer=ReaderView)
def get_reader(session: Session, reader_id: ReaderId) -> ReaderView:
    """Show a reader."""
    return ReaderView.model_validate(readers.get_reader(session, account_id(), reader_id))


@rest.patch("/readers/<reader_id>", Permission.CHANGE_THINGS, body=ReaderChanges, answer=ReaderView)
def update_reader(session: Session, reader_id: ReaderId, body: ReaderChanges) -> ReaderView:
    """Change a reader."""
    reader = readers.update(
        session, account_id(), reader_id, body, actor(), expected_version=expected_version()
    )
    return ReaderView.model_validate(reader)


@rest.delete("/readers/<reader_id>", Permission.CHANGE_THINGS)
def delete_reader(session: Session, reader_id: ReaderId) -> None:
    """Remove a card reader."""
    readers.delete(session, account_id(), reader_id, actor())
