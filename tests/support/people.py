"""Ada and Ben at Alder, Cleo at Cedar: a replica filled as the primary's feed would fill it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.identity.directory import Directory
from edge_agent.sync.replica import Replica
from shared import cards, secrets
from shared.clock import Clock, SystemClock
from shared.ids import (
    AccountId,
    CardId,
    GatewayId,
    PrinterId,
    QueueId,
    ReaderId,
    UserId,
    new_id,
)
from shared.messages import codec
from shared.messages.feed import FeedPage, FeedRow, SnapshotPart
from shared.messages.records import (
    KINDS,
    AccountRecord,
    CardRecord,
    GatewayRecord,
    PrinterRecord,
    QueueRecord,
    QueueType,
    ReaderMode,
    ReaderRecord,
    ReaderRole,
    SecretRecord,
    ServedAccountRecord,
    ServiceSetting,
    TerminalCodeRecord,
    UserRecord,
    account_stream,
    gateway_stream,
)

PEPPER = b"p" * 32
CARD_KEY = b"k" * 32
ADAS_CARD = "04A1B2C3D4E580"
BENS_CARD = "946EBD28"
CLEOS_CARD = "1234ABCD"
PASSWORD = "correct horse"
PIN = "271828"
_KIND_OF = {record: kind for kind, record in KINDS.items()}


class ManualClock:
    """Time that a test moves by hand; ``sleep`` waits in real time."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 10, 41, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)
        self.seconds += timedelta(**span).total_seconds()

    async def sleep(self, seconds: float) -> None:
        await SystemClock().sleep(seconds)


class Feed:
    """Writes to a replica what the primary would send."""

    def __init__(self, replica: Replica, gateway_id: GatewayId, clock: Clock) -> None:
        self._replica = replica
        self._gateway_id = gateway_id
        self._clock = clock
        self._seq: dict[str, int] = {}

    def into(self, replica: Replica) -> None:
        """Write to this one from now on: a running gateway has opened the file itself."""
        self._replica = replica

    def put(self, stream: str, *records: Any) -> None:
        self._send(
            stream,
            [(_KIND_OF[type(record)], record.id, codec.to_plain(record)) for record in records],
        )

    def remove(self, stream: str, kind: type[Any], record_id: str) -> None:
        self._send(stream, [(_KIND_OF[kind], record_id, None)])

    def snapshot(self, stream: str, *records: Any) -> None:
        """Put all of a stream anew, as after the primary was restored: nothing else stays."""
        self._seq.pop(stream, None)
        self.put(stream, *records)

    def _send(self, stream: str, changes: list[tuple[str, str, Any]]) -> None:
        before = self._seq.get(stream)
        seq = (before or 0) + len(changes)
        rows = tuple(
            FeedRow(kind, record_id, seq, seq, data is None, data)
            for kind, record_id, data in changes
        )
        self._seq[stream] = seq
        self._replica.apply(
            FeedPage(
                v=1,
                gateway_id=self._gateway_id,
                stream=stream,
                feed_epoch="e",
                after=before or 0,
                upto=seq,
                rows=rows,
                issued_at=self._clock.now(),
                snapshot=SnapshotPart(new_id(), 0, last=True) if before is None else None,
            )
        )


@dataclass
class Account:
    """One customer and its people."""

    id: AccountId
    record: AccountRecord
    users: dict[str, UserRecord] = field(default_factory=dict)
    cards: dict[str, CardRecord] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        return account_stream(self.id)


@dataclass
class People:
    """The replica, its feed, and who is in it."""

    replica: Replica
    feed: Feed
    directory: Directory
    gateway_id: GatewayId
    alder: Account
    cedar: Account
    printer_id: PrinterId
    reader: ReaderRecord  # print-all
    chooser: ReaderRecord  # choose
    pull: QueueRecord
    direct: QueueRecord
    clock: Clock

    def change_user(self, account: Account, name: str, **changes: Any) -> None:
        account.users[name] = replace(account.users[name], **changes)
        self.feed.put(account.stream, account.users[name])

    def change_account(self, account: Account, **changes: Any) -> None:
        account.record = replace(account.record, **changes)
        self.feed.put(account.stream, account.record)

    def revoke_card(self, account: Account, name: str) -> None:
        self.feed.remove(account.stream, CardRecord, account.cards[name].id)

    def new_code(self, code: str, *, expires_in: float = 3600) -> TerminalCodeRecord:
        record = TerminalCodeRecord(
            id=new_id(),
            code_hash=secrets.hash_code(code),
            printer_id=self.printer_id,
            expires_at=self.clock.now() + timedelta(seconds=expires_in),
        )
        self.feed.put(self.alder.stream, record)
        return record

    def gateway(self, **services: ServiceSetting) -> GatewayRecord:
        named = {name.replace("_", "-"): setting for name, setting in services.items()}
        record = GatewayRecord(self.gateway_id, "Head office", services=named)
        self.feed.put(gateway_stream(self.gateway_id), record)
        return record


def people(
    state_dir: Path,
    *,
    clock: Clock | None = None,
    printer_uri: str = "ipp://127.0.0.1:1/ipp/print",
    seal: Callable[[bytes, str], bytes] | None = None,
    gateway_id: GatewayId | None = None,
) -> People:
    """Fill a replica; without ``seal`` the secrets are open, and so is the directory's key."""
    clock = clock or SystemClock()
    gateway_id = gateway_id or GatewayId(new_id())
    replica = Replica(state_dir / "replica.db")
    feed = Feed(replica, gateway_id, clock)
    alder, cedar = _account("Alder Ltd", "alder"), _account("Cedar", "cedar")
    printer_id, reader_id = PrinterId(new_id()), ReaderId(new_id())
    served: list[Any] = [GatewayRecord(gateway_id, "Head office")]
    for account in (alder, cedar):
        served.append(ServedAccountRecord(account.id))
        for purpose, secret in (("pepper", PEPPER), ("card-hmac", CARD_KEY)):
            record_id = f"{account.id}/{purpose}/1"
            sealed = seal(secret, record_id) if seal else secret
            served.append(SecretRecord(record_id, account.id, purpose, 1, sealed))
    feed.put(gateway_stream(gateway_id), *served)
    _add_person(alder, "ada", "Ada", ADAS_CARD)
    _add_person(alder, "ben", "Ben", BENS_CARD)
    _add_person(cedar, "cleo", "Cleo", CLEOS_CARD)
    reader = ReaderRecord(
        reader_id,
        "Reception reader",
        gateway_id,
        printer_id,
        ReaderMode.PRINT_ALL,
        ReaderRole.SERVER,
        "127.0.0.1",
        0,
    )
    chooser = replace(reader, id=ReaderId(new_id()), name="Desk reader", mode=ReaderMode.CHOOSE)
    pull = QueueRecord(QueueId(new_id()), "Follow me", "pull", QueueType.PULL)
    direct = QueueRecord(QueueId(new_id()), "Direct", "direct", QueueType.DIRECT, printer_id)
    printer = PrinterRecord(printer_id, "Reception 1", printer_uri)
    for account in (alder, cedar):
        feed.put(account.stream, account.record, *account.users.values(), *account.cards.values())
    feed.put(alder.stream, printer, reader, chooser, pull, direct)
    directory = Directory(replica, gateway_id, lambda record: record.sealed, clock)
    return People(
        replica,
        feed,
        directory,
        gateway_id,
        alder,
        cedar,
        printer_id,
        reader,
        chooser,
        pull,
        direct,
        clock,
    )


def _account(name: str, short_name: str) -> Account:
    account_id = AccountId(new_id())
    return Account(account_id, AccountRecord(account_id, name, short_name))


def _add_person(account: Account, username: str, display_name: str, card: str) -> None:
    user = UserRecord(
        UserId(new_id()),
        username,
        display_name,
        password_hash=_hash(PASSWORD),
        pin_hash=_hash(PIN),
    )
    account.users[username] = user
    canonical = cards.canonical(card)
    account.cards[username] = CardRecord(
        CardId(new_id()), user.id, cards.card_hash(CARD_KEY, canonical), canonical.last4
    )


@functools.cache
def _hash(secret: str) -> str:
    return secrets.hash_password(PEPPER, secret)
