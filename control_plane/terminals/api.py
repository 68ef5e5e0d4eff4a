from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy.orm import Session

from control_plane.request import account_id, actor
from control_plane.rest.routing import Items, PageQuery, Rest, items
from control_plane.schemas import View
from control_plane.security.permissions import Permission
from control_plane.terminals import service as terminals
from control_plane.terminals.schemas import NewTerminalCode, TerminalView
from shared.ids import TerminalId

rest = Rest("terminals", __name__)


class TerminalCodeView(View):
    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"code"})

    id: str
    code: str
    expires_at: datetime


@rest.get("/terminals", Permission.SEE_THINGS, query=PageQuery, answer=Items[TerminalView])
def list_terminals(session: Session, query: PageQuery) -> Items[TerminalView]:
    """List paired terminals."""
    page = terminals.list_terminals(session, account_id(), **query.model_dump())
    return items(page, TerminalView)


@rest.get("/terminals/<terminal_id>", Permission.SEE_THINGS, answer=TerminalView)
def get_terminal(session: Session, terminal_id: TerminalId) -> TerminalView:
    """Show a paired terminal."""
    return TerminalView.model_validate(terminals.get_terminal(session, account_id(), terminal_id))


@rest.post(
    "/terminal-codes", Permission.CHANGE_THINGS, body=NewTerminalCode, answer=TerminalCodeView
)
def create_code(session: Session, body: NewTerminalCode) -> TerminalCodeView:
    """Make a one-time code that pairs a screen with a printer."""
    row, code = terminals.create_code(session, account_id(), body, actor())
    return TerminalCodeView(id=row.id, code=code, expires_at=row.expires_at)


@rest.delete("/terminals/<terminal_id>", Permission.CHANGE_THINGS)
def revoke_terminal(session: Session, terminal_id: TerminalId) -> None:
    """End a terminal."""
    terminals.revoke(session, account_id(), terminal_id, actor())
