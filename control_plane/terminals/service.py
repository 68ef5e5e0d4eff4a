"""Terminals are paired with a printer by a one-time code; the gateway reports the pairing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.printers import service as printers
from control_plane.readers import service as readers
from control_plane.terminals import repository
from control_plane.terminals.models import Terminal, TerminalCode
from control_plane.terminals.schemas import NewTerminalCode
from shared.ids import AccountId, GatewayId, TerminalId, new_id
from shared.messages.events import TerminalPaired
from shared.messages.records import TerminalCodeRecord, TerminalRecord, account_stream
from shared.secrets import hash_code, new_code

CODE_BITS: Final = 60
CODE_LIFETIME: Final = timedelta(hours=1)

list_terminals = repository.list_terminals


def create_code(
    session: Session, account_id: AccountId, new: NewTerminalCode, by: Actor
) -> tuple[TerminalCode, str]:
    """Make a one-time code for one printer; the code itself is shown once and never kept."""
    try:
        printers.get_printer(session, account_id, new.printer_id)
        if new.reader_id:
            readers.get_reader(session, account_id, new.reader_id)
    except NotFoundError as error:
        raise InvalidError(f"{error.kind}_id", str(error)) from None
    code, now = new_code(CODE_BITS), utc_now()
    row = TerminalCode(
        id=new_id(),
        account_id=account_id,
        code_hash=hash_code(code),
        printer_id=new.printer_id,
        reader_id=new.reader_id,
        created_at=now,
        expires_at=now + CODE_LIFETIME,
    )
    session.add(row)
    session.flush()
    record = TerminalCodeRecord(
        id=row.id,
        code_hash=row.code_hash,
        printer_id=row.printer_id,
        expires_at=row.expires_at,
        reader_id=row.reader_id,
    )
    feed.publish(session, account_stream(account_id), record)
    audit.record(
        session, tenants.account(account_id), "terminal.code-made", by, subject_kind="printer",
        subject_id=new.printer_id, detail={"code_id": row.id},
    )  # fmt: skip
    return row, code


def on_paired(session: Session, gateway_id: GatewayId, facts: Sequence[TerminalPaired]) -> None:
    """Record what gateways paired; a code is used up everywhere then."""
    for fact in facts:
        gateways.check_served(session, gateway_id, fact.account_id)
        if repository.find_terminal(session, fact.account_id, fact.terminal_id) is None:
            _add_paired(session, gateway_id, fact)


def _add_paired(session: Session, gateway_id: GatewayId, fact: TerminalPaired) -> None:
    terminal = Terminal(
        id=fact.terminal_id,
        account_id=fact.account_id,
        gateway_id=gateway_id,
        name=fact.name,
        printer_id=fact.printer_id,
        reader_id=fact.reader_id,
        paired_at=fact.at,
    )
    session.add(terminal)
    stream = account_stream(fact.account_id)
    code = repository.find_code(session, fact.account_id, fact.code_id)
    if code is not None and code.used_at is None:
        code.used_at = fact.at
        feed.retract(session, stream, "terminal-code", code.id)
    session.flush()
    feed.publish(session, stream, record_of(terminal))
    audit.record(
        session, tenants.account(fact.account_id), "terminal.paired",
        Actor("gateway", gateway_id), subject_kind="terminal", subject_id=terminal.id,
        detail={"printer_id": fact.printer_id, "name": fact.name}, at=fact.at,
    )  # fmt: skip


def get_terminal(session: Session, account_id: AccountId, terminal_id: TerminalId) -> Terminal:
    terminal = repository.find_terminal(session, account_id, terminal_id)
    if terminal is None:
        raise NotFoundError("terminal", terminal_id)
    return terminal


def revoke(session: Session, account_id: AccountId, terminal_id: TerminalId, by: Actor) -> Terminal:
    """End a terminal: its token is worth nothing any more."""
    terminal = repository.find_terminal(session, account_id, terminal_id)
    if terminal is None or terminal.revoked_at is not None:
        raise NotFoundError("terminal", terminal_id)
    terminal.revoked_at = utc_now()
    session.flush()
    feed.retract(session, account_stream(account_id), "terminal", terminal_id)
    audit.record(
        session, tenants.account(account_id), "terminal.revoked", by, subject_kind="terminal",
        subject_id=terminal_id, detail={"name": terminal.name},
    )  # fmt: skip
    return terminal


def forget_stale_codes(session: Session) -> int:
    """Take back codes that expired unused; run now and then."""
    stale = repository.list_stale_codes(session, utc_now() - timedelta(days=1))
    for code in stale:
        feed.retract(session, account_stream(code.account_id), "terminal-code", code.id)
        session.delete(code)
    return len(stale)


def record_of(terminal: Terminal) -> TerminalRecord:
    return TerminalRecord(
        id=terminal.id,
        name=terminal.name,
        printer_id=terminal.printer_id,
        reader_id=terminal.reader_id,
    )
