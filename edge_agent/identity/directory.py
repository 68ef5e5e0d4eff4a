"""Who and what this gateway knows, also with everything upstream gone.

Reads the replica of the change feed; opens the accounts' secrets with the gateway's own key.
Owner first: what belongs to an account is asked for by account.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from shared import cards, secrets
from shared.clock import Clock
from shared.crypto.sealing import SealError
from shared.ids import AccountId, GatewayId, PrinterId, UserId
from shared.messages.records import (
    AccountRecord,
    CardRecord,
    GatewayRecord,
    PrinterRecord,
    PrintTokenRecord,
    QueueRecord,
    ReaderRecord,
    SecretRecord,
    ServedAccountRecord,
    TerminalCodeRecord,
    TerminalRecord,
    UserRecord,
    account_stream,
    gateway_stream,
)

log = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")
OnChange = Callable[[str, frozenset[str]], None]


class Replica(Protocol):
    """What the directory needs of the change feed's replica."""

    def list(self, kind: type[R], stream: str) -> Sequence[R]: ...
    def find(self, kind: type[R], stream: str, record_id: str) -> R | None: ...
    def lookup(self, kind: type[R], stream: str, key: str) -> R | None: ...
    def known_as_of(self, stream: str) -> datetime | None: ...
    def subscribe(self, callback: Any) -> Any: ...


class MissingSecretError(Exception):
    """The account's secret has not reached this gateway, or its key cannot open it."""


@dataclass(frozen=True, slots=True)
class CardHolder:
    """A card and whose it is."""

    card: CardRecord
    user: UserRecord


class Directory:
    """Accounts, users, cards, queues, printers, readers and secrets of one gateway."""

    def __init__(
        self,
        replica: Replica,
        gateway_id: GatewayId,
        unseal: Callable[[SecretRecord], bytes],
        clock: Clock,
    ) -> None:
        self.gateway_id = gateway_id
        self._replica = replica
        self._unseal = unseal
        self._clock = clock
        self._cache: dict[tuple[str, ...], Any] = {}
        self._generation = 0
        replica.subscribe(self._on_change)

    def subscribe(self, callback: OnChange) -> None:
        """Hear of changes, as stream and kinds; may be called from any thread."""
        self._replica.subscribe(callback)

    def gateway(self) -> GatewayRecord | None:
        stream = gateway_stream(self.gateway_id)
        find = self._replica.find
        return self._cached(("gateway",), lambda: find(GatewayRecord, stream, self.gateway_id))

    def account_ids(self) -> list[AccountId]:
        stream = gateway_stream(self.gateway_id)
        served = self._cached(("served",), lambda: self._replica.list(ServedAccountRecord, stream))
        return [record.id for record in served]

    def accounts(self) -> list[AccountRecord]:
        found = (self.account(account_id) for account_id in self.account_ids())
        return [account for account in found if account is not None]

    def account(self, account_id: AccountId) -> AccountRecord | None:
        """Find an account that this gateway serves; what it no longer serves it does not know."""
        if account_id not in self.account_ids():
            return None
        stream = account_stream(account_id)
        find = self._replica.find
        return self._cached(
            ("account", account_id), lambda: find(AccountRecord, stream, account_id)
        )

    def account_by_short_name(self, short_name: str) -> AccountRecord | None:
        return next((a for a in self.accounts() if a.short_name == short_name), None)

    def queues(self, account_id: AccountId) -> Sequence[QueueRecord]:
        stream = account_stream(account_id)
        return self._cached(("queues", account_id), lambda: self._replica.list(QueueRecord, stream))

    def queue(self, account_id: AccountId, path: str) -> QueueRecord | None:
        return self._replica.lookup(QueueRecord, account_stream(account_id), path)

    def user(self, account_id: AccountId, user_id: UserId) -> UserRecord | None:
        return self._replica.find(UserRecord, account_stream(account_id), user_id)

    def user_by_name(self, account_id: AccountId, username: str) -> UserRecord | None:
        """Find by canonical name; see ``shared.secrets.canonical_username``."""
        return self._replica.lookup(UserRecord, account_stream(account_id), username)

    def user_by_card(self, account_id: AccountId, card: cards.Card) -> CardHolder | None:
        """Whose card is it? Tries the newest hash key first, so that re-keying is no flag day.

        Raises:
            MissingSecretError: The account's card key is not here.
        """
        stream = account_stream(account_id)
        for key in self._keys(account_id, "card-hmac"):
            record = self._replica.lookup(CardRecord, stream, cards.card_hash(key, card))
            if record is not None:
                user = self.user(account_id, record.user_id)
                return CardHolder(record, user) if user is not None else None
        return None

    def print_token(self, account_id: AccountId, token: str) -> PrintTokenRecord | None:
        """Find by the token itself, which only its holder knows."""
        key = secrets.hash_print_token(token)
        return self._replica.lookup(PrintTokenRecord, account_stream(account_id), key)

    def printer(self, printer_id: PrinterId) -> PrinterRecord | None:
        for account_id in self.account_ids():
            found = self.printer_of(account_id, printer_id)
            if found is not None:
                return found
        return None

    def printer_of(self, account_id: AccountId, printer_id: PrinterId) -> PrinterRecord | None:
        return self._replica.find(PrinterRecord, account_stream(account_id), printer_id)

    def printers(self) -> list[tuple[AccountId, PrinterRecord]]:
        """List the printers of every account that this gateway serves."""
        return [
            (account_id, printer)
            for account_id in self.account_ids()
            for printer in self._replica.list(PrinterRecord, account_stream(account_id))
        ]

    def readers(self) -> list[tuple[AccountId, ReaderRecord]]:
        """List the card readers that this gateway looks after."""
        return [
            (account_id, reader)
            for account_id in self.account_ids()
            for reader in self._replica.list(ReaderRecord, account_stream(account_id))
            if reader.gateway_id == self.gateway_id
        ]

    def terminal_code(self, code_hash: str) -> tuple[AccountId, TerminalCodeRecord] | None:
        for account_id in self.account_ids():
            stream = account_stream(account_id)
            found = self._replica.lookup(TerminalCodeRecord, stream, code_hash)
            if found is not None:
                return account_id, found
        return None

    def terminal(self, account_id: AccountId, terminal_id: str) -> TerminalRecord | None:
        return self._replica.find(TerminalRecord, account_stream(account_id), terminal_id)

    def pepper(self, account_id: AccountId) -> bytes:
        """Return the pepper of the account's passwords and PINs.

        Raises:
            MissingSecretError: It is not here.
        """
        return self._keys(account_id, "pepper")[0]

    def card_key(self, account_id: AccountId) -> bytes:
        """Return the newest key of the account's card hashes.

        Raises:
            MissingSecretError: It is not here.
        """
        return self._keys(account_id, "card-hmac")[0]

    def knowledge_age(self, account_id: AccountId) -> timedelta | None:
        """Tell how old the knowledge of an account is; None when there is none at all."""
        known_at = self._replica.known_as_of(account_stream(account_id))
        if known_at is None:
            return None
        # A clock that went back makes knowledge young, never a reason to stop printing.
        return max(self._clock.now() - known_at, timedelta(0))

    def is_knowledge_too_old(self, account_id: AccountId) -> bool:
        """Whether the account's own offline limit has passed."""
        account = self.account(account_id)
        if account is None or account.offline_limit_seconds is None:
            return False
        age = self.knowledge_age(account_id)
        return age is None or age.total_seconds() > account.offline_limit_seconds

    def _keys(self, account_id: AccountId, purpose: str) -> list[bytes]:
        keys = self._cached(("keys", account_id, purpose), lambda: self._open(account_id, purpose))
        if not keys:
            raise MissingSecretError(f"{purpose} of account {account_id} is not here yet")
        return keys

    def _open(self, account_id: AccountId, purpose: str) -> list[bytes]:
        """Open the account's secrets of one purpose, newest first."""
        records = self._replica.list(SecretRecord, gateway_stream(self.gateway_id))
        ours = [r for r in records if r.account_id == account_id and r.purpose == purpose]
        ours.sort(key=lambda record: -record.version)
        opened = []
        for record in ours:
            try:
                opened.append(self._unseal(record))
            except SealError as error:
                log.error("secret %s cannot be opened: %s", record.id, error)  # noqa: TRY400
        return opened

    def _cached(self, key: tuple[str, ...], load: Callable[[], T]) -> T:
        """Remember what was read until the replica changes; a tap reads much of it each time."""
        if key in self._cache:
            found: T = self._cache[key]
            return found
        generation = self._generation
        found = load()
        if generation == self._generation:
            self._cache[key] = found
        return found

    def _on_change(self, _stream: str, _kinds: object) -> None:
        self._generation += 1
        self._cache = {}
