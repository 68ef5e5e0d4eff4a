from __future__ import annotations

from sqlalchemy.orm import Session

from control_plane.request import account_id, actor, caller
from control_plane.rest.routing import Items, PageQuery, Rest, items
from control_plane.security.permissions import Permission
from control_plane.tokens import service as tokens
from control_plane.tokens.addresses import addresses
from control_plane.tokens.schemas import NewPrintToken, NewPrintTokenView, PrintTokenView
from shared.ids import PrintTokenId, UserId

rest = Rest("tokens", __name__)


class TokenQuery(PageQuery):
    user_id: UserId | None = None
    with_revoked: bool = False


@rest.get("/print-tokens", Permission.SEE_PEOPLE, query=TokenQuery, answer=Items[PrintTokenView])
def list_print_tokens(session: Session, query: TokenQuery) -> Items[PrintTokenView]:
    """List print tokens, newest first; what they are is kept as a hash."""
    page = tokens.list_tokens(session, account_id(), **query.model_dump())
    return items(page, PrintTokenView)


@rest.post("/print-tokens", Permission.CHANGE_PEOPLE, body=NewPrintToken, answer=NewPrintTokenView)
def create_print_token(session: Session, body: NewPrintToken) -> NewPrintTokenView:
    """Make a print token for a client that cannot sign in; it is shown this once."""
    may = caller().permissions
    row, token = tokens.create(session, account_id(), body, actor(), may=may)
    return NewPrintTokenView(
        **PrintTokenView.model_validate(row).model_dump(),
        token=token,
        addresses=addresses(session, account_id(), row, token),
    )


@rest.get("/print-tokens/<token_id>", Permission.SEE_PEOPLE, answer=PrintTokenView)
def get_print_token(session: Session, token_id: PrintTokenId) -> PrintTokenView:
    """Show a print token, without what it is."""
    return PrintTokenView.model_validate(tokens.get_token(session, account_id(), token_id))


@rest.delete("/print-tokens/<token_id>", Permission.CHANGE_PEOPLE)
def revoke_print_token(session: Session, token_id: PrintTokenId) -> None:
    """End a print token, everywhere at once."""
    tokens.revoke(session, account_id(), token_id, actor())
