"""Whose print token is it? For clients that cannot sign in; always offline.

A token is known by its hash alone, here as at the primary. It is written to no log: what is told of
it is the id and the name that its owner gave it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.audit import Audit
from edge_agent.identity import answers
from edge_agent.identity.counters import Counters
from edge_agent.identity.directory import Directory
from shared.clock import Clock
from shared.i18n import reading_as
from shared.ids import AccountId, QueueId
from shared.messages.calls import Authenticated
from shared.messages.records import PrintTokenRecord, UserRecord
from shared.secrets import hash_print_token

REMEMBERED_SECONDS: Final = 300.0
REMEMBERED: Final = 4096
LONGEST_TOKEN: Final = 128


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as a client shows it."""

    account_id: AccountId
    queue_id: QueueId
    token: str
    address: str
    source: str  # what failures are counted by: the address or its network

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account_id, hash_print_token(self.token), self.source


class PrintTokens:
    """Looks at tokens; right ones are remembered for minutes, until anything changes."""

    def __init__(self, directory: Directory, audit: Audit, clock: Clock) -> None:
        self._directory = directory
        self._audit = audit
        self._clock = clock
        self._right: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def forget(self) -> None:
        """Look anew at every token: somebody's, or somebody, may have gone."""
        self._right = OrderedDict()

    async def verify(self, shown: Presented, counters: Counters) -> Authenticated:
        """Tell who it is; every reason to say no sounds the same to the client."""
        right = self._right
        if self._clock.monotonic() >= right.get(shown.key, 0.0):
            locked = await counters.locked_tokens(shown.source, shown.key[1])
            if locked is not None:
                return self._refused(shown, "locked", None)
        record = self._find(shown)
        user = self._directory.user(shown.account_id, record.user_id) if record else None
        reason = self._what_is_wrong(shown, record, user)
        account = self._directory.account(shown.account_id)
        if reason or record is None or user is None or account is None:
            await counters.wrong_token(shown.source)
            return self._refused(shown, reason or "unknown-account", record)
        with reading_as(user.language or account.language):
            if self._directory.is_knowledge_too_old(account.id):
                return answers.knowledge_too_old()
            if self._clock.monotonic() >= right.get(shown.key, 0.0):
                await counters.right_token(shown.source, shown.key[1])
                self._accepted(shown, record)
                right[shown.key] = self._clock.monotonic() + REMEMBERED_SECONDS
                while len(right) > REMEMBERED:
                    right.popitem(last=False)
            return answers.welcome(user, account)

    def _find(self, shown: Presented) -> PrintTokenRecord | None:
        if len(shown.token) > LONGEST_TOKEN:
            return None
        return self._directory.print_token(shown.account_id, shown.token)

    def _what_is_wrong(
        self, shown: Presented, record: PrintTokenRecord | None, user: UserRecord | None
    ) -> str:
        if record is None:
            return "unknown-token"
        if record.expires_at is not None and record.expires_at <= self._clock.now():
            return "expired"
        if record.queue_id is not None and record.queue_id != shown.queue_id:
            return "other-queue"
        if user is None:
            return "unknown-user"
        return "" if user.enabled else "disabled"

    def _accepted(self, shown: Presented, record: PrintTokenRecord) -> None:
        self._audit.record(
            "token.used",
            ok=True,
            source=shown.address,
            account_id=shown.account_id,
            user_id=record.user_id,
            detail={"token_id": record.id, "name": record.name},
        )

    def _refused(
        self, shown: Presented, reason: str, record: PrintTokenRecord | None
    ) -> Authenticated:
        detail: dict[str, Any] = {"reason": reason}
        if record is not None:
            detail |= {"token_id": record.id, "name": record.name}
        self._audit.record(
            "token.refused",
            ok=False,
            source=shown.address,
            account_id=shown.account_id,
            user_id=record.user_id if record else None,
            detail=detail,
        )
        return Authenticated(ok=False, says="", reason="wrong-token")
