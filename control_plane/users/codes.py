"""One-time codes for printers: who left the card at home types one where the password goes.

A person has one at a time. Its hash travels in their record; a gateway at which it was used says
so, and then it ends here and everywhere. Those who look after people make codes for others,
and everybody makes their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError
from control_plane.gateways import service as gateways
from control_plane.roles import service as roles
from control_plane.security.permissions import Permission
from control_plane.users import passwords, repository, service
from control_plane.users.models import User
from control_plane.vault import Vault
from shared.ids import AccountId, GatewayId, UserId, new_id
from shared.messages.events import SignInCodeUsed
from shared.secrets import SIGN_IN_CODE_SECONDS, new_sign_in_code

_LIFE: Final = timedelta(seconds=SIGN_IN_CODE_SECONDS)


@dataclass(frozen=True, slots=True)
class MadeCode:
    """What its maker is shown, once."""

    user: User
    code: str = field(repr=False)
    expires_at: datetime


def make(
    session: Session,
    account_id: AccountId,
    user_id: UserId,
    by: Actor,
    *,
    vault: Vault,
    may: frozenset[Permission] | None = None,
) -> MadeCode:
    """Make a code for somebody; the one that they had ends.

    Raises:
        NotFoundError: There is no such person.
        ForbiddenError: They hold permissions that the asker has not.
        ConflictError: They are locked, or the account is closed.
    """
    tenant = tenants.account(account_id)
    user = service.get_user(session, tenant, user_id)
    if may is not None:
        # Whoever may sign in as somebody can print what is theirs.
        roles.check_may_manage(session, tenant, user_id, may)
    if not user.enabled:
        raise ConflictError("this person is locked: no code would let them in")
    if accounts.get_account(session, account_id).is_closed:
        raise ConflictError("the account is closed: no code would let them in")
    code, expires_at = new_sign_in_code(), utc_now() + _LIFE
    repository.note(
        session, tenant, user_id, code_id=new_id(), code_expires_at=expires_at,
        code_hash=passwords.Hasher(session, vault, tenant).hashed(code),
    )  # fmt: skip
    service.publish(session, tenant, user)
    audit.record(
        session, tenant, "user.code-made", by, subject_kind="user", subject_id=user.id,
        detail={"username": user.username},
    )  # fmt: skip
    return MadeCode(user, code, expires_at)


def on_used(session: Session, gateway_id: GatewayId, facts: Sequence[SignInCodeUsed]) -> None:
    """End the codes by which people signed in; told late or twice, a newer one stays.

    Raises:
        NotServedError: The gateway never served the account.
    """
    for fact in facts:
        gateways.check_served(session, gateway_id, fact.account_id)
        tenant = tenants.account(fact.account_id)
        user = repository.end_code(session, tenant, fact.user_id, fact.code_id)
        if user is None:
            continue
        service.publish(session, tenant, user)
        by = Actor("gateway", gateway_id, gateways.get_by_id(session, gateway_id).name)
        audit.record(
            session, tenant, "user.code-used", by, subject_kind="user", subject_id=user.id,
            detail={"user_id": user.id}, at=fact.at,
        )  # fmt: skip
