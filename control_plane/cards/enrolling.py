"""Cards that people made theirs at a terminal, as gateways tell of them.

A gateway lets such a card work at once, and tells of it; here it is decided. Who is told of first
has the card. What is refused (somebody has it by now, it was revoked, the account no longer wants
it so) leaves a tombstone, which ends it at the gateway, and a row in the audit that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane import vault as vaults
from control_plane.accounts import secrets
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.cards import repository, service
from control_plane.errors import NotFoundError
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.users import service as users
from control_plane.vault import Vault
from shared import cards
from shared.crypto import sealing
from shared.crypto.sealing import SealError
from shared.ids import GatewayId
from shared.messages.events import CardEnrolled
from shared.messages.records import CardRecord, UnknownCards, account_stream, card_context

_OWN: Final = "own"


class _RefusedError(Exception):
    """Why the card does not become theirs."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def on_enrolled(session: Session, gateway_id: GatewayId, facts: Sequence[CardEnrolled]) -> None:
    """Make the cards theirs who signed in beside them; right when told twice.

    Raises:
        NotServedError: The gateway never served the account.
    """
    vault = vaults.kept(session)
    for fact in facts:
        gateways.check_served(session, gateway_id, fact.account_id)
        if not feed.was_told(session, account_stream(fact.account_id), CardRecord, fact.card_id):
            _enrol(session, gateway_id, fact, vault)


def _enrol(session: Session, gateway_id: GatewayId, fact: CardEnrolled, vault: Vault) -> None:
    name = gateways.get_by_id(session, gateway_id).name
    by = Actor("gateway", gateway_id, name)
    detail = {"user_id": fact.user_id, "last4": fact.last4, "printer_id": fact.printer_id}
    try:
        number = _checked_number(session, fact, vault)
    except _RefusedError as refused:
        feed.forbid(session, account_stream(fact.account_id), CardRecord, fact.card_id)
        if refused.why == _OWN:
            return  # At another gateway, or by an administrator: they have it, and that is all.
        audit.record(
            session, tenants.account(fact.account_id), "card.enrolment-refused", by,
            outcome="refused", subject_kind="card", subject_id=fact.card_id,
            detail={**detail, "reason": refused.why}, at=fact.at,
        )  # fmt: skip
        return
    service.add(
        session, fact.account_id, fact.card_id, fact.user_id, number, vault=vault,
        enrolled_printer_id=fact.printer_id,
    )  # fmt: skip
    audit.record(
        session, tenants.account(fact.account_id), "card.enrolled", by, subject_kind="card",
        subject_id=fact.card_id, detail=detail, at=fact.at,
    )  # fmt: skip


def _checked_number(session: Session, fact: CardEnrolled, vault: Vault) -> cards.Card:
    """The card's number, if it may become theirs.

    Raises:
        _RefusedError: It may not.
    """
    account = accounts.get_account(session, fact.account_id)
    if account.unknown_cards != UnknownCards.ENROL.value:
        raise _RefusedError("not-wanted")
    try:
        user = users.get_user(session, tenants.account(fact.account_id), fact.user_id)
    except NotFoundError:
        raise _RefusedError("unknown-user") from None
    if not user.enabled:
        raise _RefusedError("disabled")
    number = _open_number(fact, vault)
    key = secrets.get_secret(session, vault, fact.account_id, secrets.CARD_HMAC)
    card_hash = cards.card_hash(key.secret, number)
    taken = repository.find_by_hash(session, fact.account_id, card_hash)
    if taken is not None:
        raise _RefusedError(_OWN if taken.user_id == fact.user_id else "card-taken")
    if repository.was_revoked(session, fact.account_id, card_hash):
        # Only an administrator takes back what an administrator took away.
        raise _RefusedError("revoked")
    return number


def _open_number(fact: CardEnrolled, vault: Vault) -> cards.Card:
    private = secrets.card_sealing_key(vault, fact.account_id).private
    try:
        context = card_context(fact.account_id, fact.card_id)
        number = cards.canonical(sealing.unseal(private, fact.sealed_number, context).decode())
        cards.check_may_enrol(number)
    except (SealError, ValueError):
        raise _RefusedError("no-card") from None
    return number
