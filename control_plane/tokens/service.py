"""Print tokens: for clients that cannot sign in. Shown once, kept as a hash, ended at any time."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.feed import service as feed
from control_plane.queues import service as queues
from control_plane.roles import service as roles
from control_plane.security.permissions import Permission
from control_plane.tokens import repository
from control_plane.tokens.models import PrintToken
from control_plane.tokens.schemas import NewPrintToken
from control_plane.users import service as users
from shared.ids import AccountId, PrintTokenId, UserId, new_id
from shared.messages.records import PrintTokenRecord, account_stream
from shared.secrets import hash_print_token, new_print_token

MOST_OF_ONE_PERSON = 50

list_tokens = repository.list_tokens


def create(
    session: Session,
    account_id: AccountId,
    new: NewPrintToken,
    by: Actor,
    *,
    may: frozenset[Permission] | None = None,
) -> tuple[PrintToken, str]:
    """Make a token; what is returned beside its row is seen this once.

    ``may`` is what the asker may do, where they make it for somebody else.

    Raises:
        ForbiddenError: The person holds permissions that the asker has not.
        InvalidError: There is no such person or queue.
        ConflictError: The person has as many as anybody needs.
    """
    if may is not None:
        # Whoever has it prints as that person.
        roles.check_may_manage(session, tenants.account(account_id), new.user_id, may)
    _check_references(session, account_id, new)
    if len(list_usable(session, account_id, new.user_id)) >= MOST_OF_ONE_PERSON:
        raise ConflictError("there are too many print tokens; revoke one first", "name")
    now, token = utc_now(), new_print_token()
    row = PrintToken(
        id=PrintTokenId(new_id()),
        account_id=account_id,
        user_id=new.user_id,
        token_hash=hash_print_token(token),
        name=new.name,
        queue_id=new.queue_id,
        expires_at=now + timedelta(days=new.days) if new.days else None,
    )
    session.add(row)
    session.flush()
    feed.publish(session, account_stream(account_id), record_of(row))
    audit.record(
        session, tenants.account(account_id), "token.added", by, subject_kind="print-token",
        subject_id=row.id, detail={"user_id": row.user_id, "name": row.name},
    )  # fmt: skip
    return row, token


def get_token(session: Session, account_id: AccountId, token_id: PrintTokenId) -> PrintToken:
    row = repository.find_token(session, account_id, token_id)
    if row is None:
        raise NotFoundError("print token", token_id)
    return row


def list_usable(session: Session, account_id: AccountId, user_id: UserId) -> list[PrintToken]:
    """List a person's tokens that work, newest first."""
    now = utc_now()
    return [
        row
        for row in repository.list_of_user(session, account_id, user_id)
        if row.revoked_at is None and (row.expires_at is None or row.expires_at > now)
    ]


def revoke(
    session: Session,
    account_id: AccountId,
    token_id: PrintTokenId,
    by: Actor,
    *,
    user_id: UserId | None = None,
) -> PrintToken:
    """End a token: gateways hear of it at once. Ending it twice changes nothing.

    Raises:
        NotFoundError: There is none, or not of this person where one is named.
    """
    row = get_token(session, account_id, token_id)
    if user_id is not None and row.user_id != user_id:
        raise NotFoundError("print token", token_id)
    if row.revoked_at is None:
        row.revoked_at = utc_now()
        session.flush()
        feed.retract(session, account_stream(account_id), "print-token", row.id)
        audit.record(
            session, tenants.account(account_id), "token.revoked", by, subject_kind="print-token",
            subject_id=row.id, detail={"user_id": row.user_id, "name": row.name},
        )  # fmt: skip
    return row


def record_of(row: PrintToken) -> PrintTokenRecord:
    return PrintTokenRecord(
        id=row.id,
        user_id=row.user_id,
        token_hash=row.token_hash,
        name=row.name,
        expires_at=row.expires_at,
        queue_id=row.queue_id,
    )


def _check_references(session: Session, account_id: AccountId, new: NewPrintToken) -> None:
    field = "user_id"
    try:
        users.get_user(session, tenants.account(account_id), new.user_id)
        field = "queue_id"
        if new.queue_id:
            queues.get_queue(session, account_id, new.queue_id)
    except NotFoundError as error:
        raise InvalidError(field, str(error)) from None
