from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.terminals.models import Terminal, TerminalCode
from shared.ids import AccountId, PrinterId, TerminalId

_SORTS: Final[Mapping[str, Column]] = {"name": Terminal.name, "paired": Terminal.paired_at}


def find_terminal(
    session: Session, account_id: AccountId, terminal_id: TerminalId
) -> Terminal | None:
    return session.scalars(
        select(Terminal).where(Terminal.account_id == account_id, Terminal.id == terminal_id)
    ).one_or_none()


def list_terminals(
    session: Session,
    account_id: AccountId,
    *,
    text: str | None = None,
    printer_id: PrinterId | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Terminal]:
    query = select(Terminal).where(Terminal.account_id == account_id, Terminal.revoked_at.is_(None))
    if text:
        query = query.where(contains(Terminal.name, text))
    if printer_id:
        query = query.where(Terminal.printer_id == printer_id)
    by = (Terminal.name, Terminal.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def find_code(session: Session, account_id: AccountId, code_id: str) -> TerminalCode | None:
    return session.scalars(
        select(TerminalCode).where(
            TerminalCode.account_id == account_id, TerminalCode.id == code_id
        )
    ).one_or_none()


def list_stale_codes(session: Session, before: datetime) -> Sequence[TerminalCode]:
    """Codes that expired unused."""
    return session.scalars(
        select(TerminalCode).where(TerminalCode.expires_at < before, TerminalCode.used_at.is_(None))
    ).all()
