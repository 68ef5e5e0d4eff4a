"""Which accounts a gateway serves, and the secrets it needs for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import secrets
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.errors import ConflictError, NotFoundError, SpoolhouseError
from control_plane.feed import secrets as feed_secrets
from control_plane.feed import service as feed
from control_plane.gateways import repository
from control_plane.gateways.models import Gateway, GatewayAccount
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from shared.ids import AccountId, GatewayId
from shared.messages.events import AccountForgotten
from shared.messages.records import ServedAccountRecord, gateway_stream

serving_gateways = repository.serving_gateways
served_accounts = repository.served_accounts


class NotServedError(SpoolhouseError):
    """A gateway speaks of an account that it never served: parked, never applied."""

    def __init__(self, gateway_id: GatewayId, account_id: AccountId) -> None:
        super().__init__("this gateway does not serve this account")
        self.gateway_id = gateway_id
        self.account_id = account_id


Served = Mapping[GatewayId, Collection[AccountId]]


def ever_served(session: Session, ids: Collection[GatewayId]) -> Served:
    """The accounts that gateways serve, or did and may be late to speak of."""
    found: dict[GatewayId, set[AccountId]] = {}
    for gateway_id, account_id in repository.ever_served(session, ids):
        found.setdefault(gateway_id, set()).add(account_id)
    return found


def check_speaker(served: Served, gateway_id: GatewayId, account_id: AccountId) -> None:
    """Whether a gateway may speak of an account.

    Raises:
        NotServedError: It never served it.
    """
    if account_id not in served.get(gateway_id, ()):
        raise NotServedError(gateway_id, account_id)


def check_served(session: Session, gateway_id: GatewayId, account_id: AccountId) -> None:
    """The same for one account alone.

    Raises:
        NotServedError: It never served it.
    """
    check_speaker(ever_served(session, {gateway_id}), gateway_id, account_id)


def get_serving(session: Session, account_id: AccountId, gateway_id: GatewayId) -> Gateway:
    """A gateway that serves the account.

    Raises:
        NotFoundError: There is none of this id that does.
    """
    gateway = repository.find_serving(session, account_id, gateway_id)
    if gateway is None:
        raise NotFoundError("gateway", gateway_id)
    return gateway


def serve(
    session: Session, gateway: Gateway, account_id: AccountId, by: Actor, *, vault: Vault
) -> None:
    """Let a gateway serve an account: its own, or one of the vendor it belongs to.

    Raises:
        NotFoundError: The account belongs to somebody else.
        ConflictError: It serves an account of the same short name already, or it is closed.
    """
    account = accounts.get_account(session, account_id)
    if account.is_closed:
        raise ConflictError("the account is closed")
    tenant = tenants.from_text(gateway.tenant)
    if tenant != tenants.account(account_id) and (
        tenant.vendor_id is None
        or tenant.vendor_id not in vendors.ancestors(session, account.vendor_id)
    ):
        raise NotFoundError("account", account_id)
    for other_id in repository.served_accounts(session, gateway.id):
        other = accounts.get_account(session, other_id)
        if other.short_name == account.short_name and other_id != account_id:
            raise ConflictError("the gateway serves another account of this short name")
    row = repository.find_service(session, gateway.id, account_id)
    if row is None:
        session.add(GatewayAccount(gateway_id=gateway.id, account_id=account_id, since=utc_now()))
    else:
        row.ended_at = row.forgotten_at = None
    session.flush()
    give_secrets(session, gateway, account_id, vault=vault)
    feed.publish(session, gateway_stream(gateway.id), ServedAccountRecord(account_id))
    audit.record(
        session, tenants.account(account_id), "gateway.serves", by, subject_kind="gateway",
        subject_id=gateway.id, detail={"name": gateway.name},
    )  # fmt: skip
    _tell_owner(session, gateway, account_id, "gateway.let-serve", by)


def stop_serving(session: Session, gateway: Gateway, account_id: AccountId, by: Actor) -> None:
    """Make a gateway forget an account: it wipes rows, keys and documents, and says so."""
    row = repository.find_service(session, gateway.id, account_id)
    if row is None or row.ended_at is not None:
        raise NotFoundError("account", account_id)
    row.ended_at = utc_now()
    session.flush()
    feed_secrets.retract_secrets(session, gateway.id, account_id)
    feed.retract(session, gateway_stream(gateway.id), "served-account", account_id)
    audit.record(
        session, tenants.account(account_id), "gateway.stops-serving", by,
        subject_kind="gateway", subject_id=gateway.id, detail={"name": gateway.name},
    )  # fmt: skip
    _tell_owner(session, gateway, account_id, "gateway.made-forget", by)


def _tell_owner(
    session: Session, gateway: Gateway, account_id: AccountId, event: str, by: Actor
) -> None:
    """Let the vendor's audit tell, too, what its gateway serves."""
    owner = tenants.from_text(gateway.tenant)
    if owner != tenants.account(account_id):
        account = accounts.get_account(session, account_id)
        audit.record(
            session, owner, event, by, subject_kind="gateway", subject_id=gateway.id,
            detail={"name": account.name, "gateway": gateway.name},
        )  # fmt: skip


def give_secrets(
    session: Session, gateway: Gateway, account_id: AccountId, *, vault: Vault
) -> None:
    """Seal an account's secrets to the gateway's key; before it enrolled there is none yet."""
    if gateway.sealing_key is None:
        return
    for secret in secrets.open_secrets(session, vault, account_id):
        feed_secrets.publish_secret(
            session,
            gateway.id,
            gateway.sealing_key,
            account_id,
            purpose=secret.purpose,
            version=secret.version,
            secret=secret.secret,
        )


def renew_secrets(session: Session, account_id: AccountId, *, vault: Vault) -> None:
    """Give an account's secrets, as they are now, to all that serve it; take others back."""
    known = {(s.purpose, s.version) for s in secrets.open_secrets(session, vault, account_id)}
    for gateway in repository.serving_gateways(session, account_id):
        give_secrets(session, gateway, account_id, vault=vault)
        feed_secrets.retract_others(session, gateway.id, account_id, known)


def on_account_forgotten(
    session: Session, gateway_id: GatewayId, facts: Sequence[AccountForgotten]
) -> None:
    """Record that a gateway wiped an account."""
    for fact in facts:
        row = repository.find_service(session, gateway_id, fact.account_id)
        if row is None:
            raise NotServedError(gateway_id, fact.account_id)
        if row.forgotten_at is None and row.ended_at is not None:
            row.forgotten_at = fact.at
            session.flush()
            audit.record(
                session, tenants.account(fact.account_id), "gateway.forgot-account",
                Actor("gateway", gateway_id), subject_kind="gateway", subject_id=gateway_id,
                detail={"documents": fact.documents}, at=fact.at,
            )  # fmt: skip
