"""What the change feed carries down: one record per replicated thing.

A stream is named ``account:<id>`` (everything of one account) or ``gateway:<id>`` (what one
gateway runs, whom it serves, secrets sealed to it). ``KINDS`` maps the ``kind`` of a feed row to
its record; the id of the row is the ``id`` of the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from shared.ids import (
    AccountId,
    CardId,
    GatewayId,
    PrinterId,
    PrintTokenId,
    QueueId,
    ReaderId,
    SiteId,
    TerminalId,
    UserId,
)


class QueueType(Enum):
    """What a queue does with a job."""

    DIRECT = "direct"  # prints at once on its printer
    PULL = "pull"  # holds until its owner releases it


class IdentityPolicy(Enum):
    """Who may send to a queue."""

    SIGN_IN = "sign-in"  # HTTP Basic, over TLS or on the loopback
    SIGN_IN_OVER_TLS = "sign-in-over-tls"  # TLS asks for Basic; plain IPP takes the claimed name
    CLAIMED = "claimed"  # the name in requesting-user-name, marked as claimed for good


class UnknownCards(Enum):
    """What becomes of a card that nobody has."""

    REFUSE = "refuse"
    ENROL = "enrol"  # whoever signs in beside it, at a terminal, has it from then on


class ReaderMode(Enum):
    """What a tap does."""

    PRINT_ALL = "print-all"  # everything the person has waiting
    CHOOSE = "choose"  # the person chooses at the terminal


class ReaderRole(Enum):
    """Who connects (TCP line readers)."""

    CLIENT = "client"  # the gateway connects to the reader's address and port
    SERVER = "server"  # the reader connects to the gateway's port; only from its address


@dataclass(frozen=True, slots=True)
class AccountRecord:
    id: AccountId
    name: str
    short_name: str  # the path segment and LPD prefix: lower-case letters, digits, hyphen
    language: str = "en"
    time_zone: str = "UTC"
    retention_seconds: int = 86_400
    titles_visible_to_vendor: bool = False
    claimed_allowed: bool = True
    offline_limit_seconds: int | None = None  # None: no limit
    card_needs_pin: bool = False
    hash_key_version: int = 1
    is_closed: bool = False  # takes no new jobs; those that wait can still be printed
    unknown_cards: UnknownCards = UnknownCards.REFUSE
    # X25519: what numbers of cards are sealed to that people enrol; without it none is enrolled.
    card_sealing_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class SignInCode:
    """A one-time code for printers, good for one sign-in; hashed as passwords and PINs are."""

    id: str
    hash: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UserRecord:
    id: UserId
    username: str  # canonical: NFKC, casefolded
    display_name: str
    password_hash: str | None = None  # argon2id over the peppered password; see shared.secrets
    pin_hash: str | None = None
    language: str | None = None
    enabled: bool = True
    group_ids: tuple[str, ...] = ()
    is_operator: bool = False  # may use IPP operator operations over TLS
    code: SignInCode | None = None


@dataclass(frozen=True, slots=True)
class CardRecord:
    id: CardId
    user_id: UserId
    card_hash: str  # hex HMAC-SHA256 of the canonical form; see shared.cards
    last4: str
    hash_key_version: int = 1
    form_version: int = 1


@dataclass(frozen=True, slots=True)
class PrintTokenRecord:
    """A token in the path of a queue, for clients that cannot sign in; its removal ends it."""

    id: PrintTokenId
    user_id: UserId
    token_hash: str  # shared.secrets.hash_print_token
    name: str
    expires_at: datetime | None = None
    queue_id: QueueId | None = None  # None: any queue that the person may use


@dataclass(frozen=True, slots=True)
class SiteRecord:
    id: SiteId
    name: str
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrinterRecord:
    id: PrinterId
    name: str
    uri: str  # ipp://host:port/path, ipps:...; later socket:, lpd:
    site_id: SiteId | None = None
    profile: str = "generic/ipp-everywhere"
    location: str = ""
    gateway_id: GatewayId | None = None  # who drives it; None: any gateway of its site
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class QueueRecord:
    id: QueueId
    name: str  # shown to people
    path: str  # the segment in /ipp/print/<path> and the LPD queue name
    type: QueueType
    printer_id: PrinterId | None = None  # direct queues
    identity: IdentityPolicy = IdentityPolicy.SIGN_IN
    user_ids: tuple[UserId, ...] = ()  # empty together with group_ids: everybody of the account
    group_ids: tuple[str, ...] = ()
    ticket_defaults: Mapping[str, Any] = field(default_factory=dict)
    retention_seconds: int | None = None  # None: the account's
    raw_port: int | None = None
    keep_after_printing: bool = False


@dataclass(frozen=True, slots=True)
class ReaderRecord:
    id: ReaderId
    name: str
    gateway_id: GatewayId
    printer_id: PrinterId
    mode: ReaderMode
    role: ReaderRole
    address: str  # the reader's own address: connect there, or accept from there only
    port: int  # the reader's port (client), or ours to listen on (server)
    profile: str = "generic/tcp-line"


@dataclass(frozen=True, slots=True)
class TerminalCodeRecord:
    """A one-time code that pairs a screen with a printer; kept as its hash."""

    id: str
    code_hash: str  # hex SHA-256 of the code without hyphens, upper-case
    printer_id: PrinterId
    expires_at: datetime
    reader_id: ReaderId | None = None


@dataclass(frozen=True, slots=True)
class TerminalRecord:
    """A paired terminal, as the primary knows it; deleting it revokes its token."""

    id: TerminalId
    name: str
    printer_id: PrinterId
    reader_id: ReaderId | None = None


@dataclass(frozen=True, slots=True)
class ServiceSetting:
    """One service that a gateway runs."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """What one gateway runs.

    Services: ipp, storage, authentication, document-output, terminal-client, card-readers,
    health, lpd, raw.
    """

    id: GatewayId
    name: str
    site_id: SiteId | None = None
    services: Mapping[str, ServiceSetting] = field(default_factory=dict)
    trusted_hosts: tuple[str, ...] = ()  # host names its listeners answer to, besides addresses


@dataclass(frozen=True, slots=True)
class ServedAccountRecord:
    """An account that the gateway serves; its deletion means: forget the account."""

    id: AccountId


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """A secret of an account, sealed to the gateway's X25519 key (shared.crypto.sealing)."""

    id: str  # "<account id>/<purpose>/<version>"
    account_id: AccountId
    purpose: str  # card-hmac | pepper | printer:<printer id>
    version: int
    sealed: bytes


KINDS: Final[Mapping[str, type[Any]]] = {
    "account": AccountRecord,
    "user": UserRecord,
    "card": CardRecord,
    "print-token": PrintTokenRecord,
    "site": SiteRecord,
    "printer": PrinterRecord,
    "queue": QueueRecord,
    "reader": ReaderRecord,
    "terminal-code": TerminalCodeRecord,
    "terminal": TerminalRecord,
    "gateway": GatewayRecord,
    "served-account": ServedAccountRecord,
    "secret": SecretRecord,
}


def account_stream(account_id: AccountId) -> str:
    return f"account:{account_id}"


def gateway_stream(gateway_id: GatewayId) -> str:
    return f"gateway:{gateway_id}"


def card_context(account_id: AccountId, card_id: CardId) -> str:
    """Name the number of a card that was enrolled at a terminal, for sealing."""
    return f"card/{account_id}/{card_id}"


def secret_context(record_id: str) -> str:
    """Name what is sealed, so that one secret cannot be handed out as another."""
    return f"secret/{record_id}"
