"""Who asks over IPP: a print token or Basic, else the name that is claimed."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final, Protocol

from edge_agent.intake.access import CLAIMED, UNKNOWN, VERIFIED, Requester, must_sign_in
from edge_agent.intake.ipp_call import RefusedError, SignInNeededError
from edge_agent.intake.targets import Directory, Target
from shared.i18n import gettext as _
from shared.ids import AccountId, QueueId
from shared.ipp.enums import Status
from shared.ipp.message import Group
from shared.messages.calls import Authenticated
from shared.messages.records import UserRecord
from shared.secrets import canonical_username

ANONYMOUS: Final = "anonymous"
# The token was looked at and is right, but the account does not let anybody in just now.
KNOWN_BUT_NOT_NOW: Final = frozenset({"knowledge-too-old", "not-ready"})
_MOST_REMEMBERED: Final = 4096


class Authentication(Protocol):
    """What intake asks of the Authentication service."""

    async def verify_basic(
        self, account_id: AccountId, username: str, password: str, source: str
    ) -> Authenticated: ...
    async def verify_token(
        self, account_id: AccountId, queue_id: QueueId, token: str, source: str
    ) -> Authenticated: ...


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a request comes from."""

    address: str
    secure: bool
    loopback: bool


class Identifier:
    """Tells who asks."""

    def __init__(self, directory: Directory, authentication: Authentication) -> None:
        self._directory = directory
        self._authentication = authentication
        self._known: dict[tuple[AccountId, str], UserRecord] = {}
        directory.subscribe(self._on_change)

    def _on_change(self, stream: str, kinds: frozenset[str]) -> None:  # noqa: ARG002
        # May come from any thread: a new dictionary is one step.
        self._known = {}

    async def identify(
        self, target: Target, asked: Group, credentials: str | None, connection: Connection
    ) -> Requester:
        """Tell who asks; credentials win over a claimed name.

        Raises:
            SignInNeededError: The credentials are wrong.
            RefusedError: They came in clear over a network, or the path's token does not work.
        """
        if target.token is not None:
            return await self._by_token(target, target.token, connection)
        if credentials is not None:
            return await self._verified(target, credentials, connection)
        return self.claimed(target, asked.find_text("requesting-user-name"), connection)

    def claimed(self, target: Target, name: str | None, connection: Connection) -> Requester:
        """Take somebody's word for who they are, and remember that it is only that."""
        try:
            canonical = canonical_username(name) if name else ANONYMOUS
        except ValueError:
            canonical = ANONYMOUS
        user = self._find(target.account.id, canonical)
        return Requester(
            CLAIMED if name else UNKNOWN,
            connection.address,
            connection.secure,
            connection.loopback,
            user=user,
            name=canonical,
        )

    def _find(self, account_id: AccountId, name: str) -> UserRecord | None:
        known = self._known
        user = known.get((account_id, name))
        if user is None:
            user = self._directory.user_by_name(account_id, name)
            if user is not None and len(known) < _MOST_REMEMBERED:
                known[account_id, name] = user
        return user

    async def _by_token(self, target: Target, token: str, connection: Connection) -> Requester:
        in_clear = not (connection.secure or connection.loopback)
        if in_clear and must_sign_in(target.account, target.queue, secure=False):
            raise RefusedError(
                Status.CLIENT_ERROR_NOT_AUTHORIZED,
                _(
                    "A print token came unencrypted and was not looked at. Use ipps:// for this"
                    " queue, and make a new token."
                ),
                reason="token-in-clear",
            )
        account_id = target.account.id
        answer = await self._authentication.verify_token(
            account_id, target.queue.id, token, connection.address
        )
        if answer.ok and answer.user_id is not None:
            return self._requester(account_id, answer, connection, by_token=True)
        if answer.reason in KNOWN_BUT_NOT_NOW:
            raise RefusedError(Status.CLIENT_ERROR_NOT_AUTHORIZED, answer.says)
        # Sounds as if there were no such queue: a wrong token, a revoked one, a person's who left.
        raise RefusedError(Status.CLIENT_ERROR_NOT_FOUND, _("There is no queue of this name here."))

    async def _verified(
        self, target: Target, credentials: str, connection: Connection
    ) -> Requester:
        if not (connection.secure or connection.loopback):
            raise RefusedError(
                Status.CLIENT_ERROR_NOT_AUTHORIZED,
                _(
                    "A password came unencrypted and was not looked at. Use ipps:// for this"
                    " queue, and change the password."
                ),
                reason="password-in-clear",
            )
        pair = read_basic(credentials)
        if pair is None:
            raise SignInNeededError("unreadable-credentials")
        account_id = target.account.id
        answer = await self._authentication.verify_basic(account_id, *pair, connection.address)
        if not answer.ok or answer.user_id is None:
            raise SignInNeededError(answer.reason)
        return self._requester(account_id, answer, connection)

    def _requester(
        self,
        account_id: AccountId,
        answer: Authenticated,
        connection: Connection,
        *,
        by_token: bool = False,
    ) -> Requester:
        return Requester(
            VERIFIED,
            connection.address,
            connection.secure,
            connection.loopback,
            user=self._directory.user(account_id, answer.user_id) if answer.user_id else None,
            name=answer.username,
            by_token=by_token,
        )


def read_basic(header: str) -> tuple[str, str] | None:
    """Read ``Authorization: Basic ...`` (RFC 7617); None where it is something else."""
    scheme, _space, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        return None
    return (name, password) if colon else None
