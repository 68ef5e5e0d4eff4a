from __future__ import annotations

from typing import Final

from sqlalchemy.orm import Session

from control_plane import changes
from control_plane.audit.actor import Actor
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.gateways import service as gateways
from control_plane.printers import service as printers
from control_plane.readers import repository
from control_plane.readers.models import Reader
from control_plane.readers.schemas import NewReader, ReaderChanges
from control_plane.replicated import Kind
from shared.ids import AccountId, GatewayId, PrinterId, ReaderId, new_id
from shared.messages.records import ReaderMode, ReaderRecord, ReaderRole

list_readers = repository.list_readers
find_by_name = repository.find_by_name
names = repository.names


def create(session: Session, account_id: AccountId, new: NewReader, by: Actor) -> Reader:
    _check_name(session, account_id, new.name, None)
    _check_references(session, account_id, new.gateway_id, new.printer_id)
    reader = Reader(id=ReaderId(new_id()), account_id=account_id, **new.model_dump(mode="json"))
    return KIND.add(session, reader, new, by)


def get_reader(session: Session, account_id: AccountId, reader_id: ReaderId) -> Reader:
    reader = repository.find_reader(session, account_id, reader_id)
    if reader is None:
        raise NotFoundError("reader", reader_id)
    return reader


def update(
    session: Session,
    account_id: AccountId,
    reader_id: ReaderId,
    body: ReaderChanges,
    by: Actor,
    *,
    expected_version: int | None = None,
) -> Reader:
    reader = get_reader(session, account_id, reader_id)
    changes.check_version(reader, expected_version)
    _check_name(session, account_id, body.name, reader_id)
    _check_references(session, account_id, body.gateway_id, body.printer_id)
    return KIND.change(session, reader, changes.apply(reader, body), by)


def delete(session: Session, account_id: AccountId, reader_id: ReaderId, by: Actor) -> None:
    KIND.remove(session, get_reader(session, account_id, reader_id), by)


def record_of(reader: Reader) -> ReaderRecord:
    return ReaderRecord(
        id=reader.id,
        name=reader.name,
        gateway_id=reader.gateway_id,
        printer_id=reader.printer_id,
        mode=ReaderMode(reader.mode),
        role=ReaderRole(reader.role),
        address=reader.address,
        port=reader.port,
        profile=reader.profile,
    )


KIND: Final = Kind("reader", record_of)


def _check_name(
    session: Session, account_id: AccountId, name: str | None, own_id: ReaderId | None
) -> None:
    other = repository.find_by_name(session, account_id, name) if name else None
    if other and other.id != own_id:
        raise ConflictError("there is a reader with this name", "name")


def _check_references(
    session: Session,
    account_id: AccountId,
    gateway_id: GatewayId | None,
    printer_id: PrinterId | None,
) -> None:
    try:
        if gateway_id:
            gateways.get_serving(session, account_id, gateway_id)
        if printer_id:
            printers.get_printer(session, account_id, printer_id)
    except NotFoundError as error:
        raise InvalidError(f"{error.kind}_id", str(error)) from None
