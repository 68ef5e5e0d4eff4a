"""A payload of facts counts once, in its place, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.ingest import facts, marks
from control_plane.ingest.inbox import Inbox, Message
from control_plane.ingest.listener import LinkSettings, Listener
from control_plane.ingest.receiving import Receiver
from control_plane.ingest.worker import Worker
from control_plane.pki.certificates import CertificateFiles
from control_plane.vault import Vault
from shared.clock import SystemClock
from shared.crypto.signing import Signer
from shared.ids import GatewayId, new_id
from shared.messages import codec, envelope
from shared.messages.envelope import BatchHeader, Lane
from shared.messages.events import AuditRecorded
from shared.messages.hello import Ack, LaneHello
from shared.messages.topics import Down, Up
from shared.mqtt import Delivery
from tests.support.houses import TESTER, Town

EPOCH, OTHER = "e" * 32, "f" * 32
LANE = Lane.FACTS


@pytest.fixture
def gateway(database: Database, town: Town, vault: Vault) -> GatewayId:
    """A gateway that said Hello under its first epoch."""
    gateway_id = town.alder.gateway.id
    start = envelope.chain_start(gateway_id, LANE, EPOCH)
    with database.writing() as session:
        gateways.on_enrolled(session, gateway_id, b"\x09" * 32, TESTER, vault=vault)
        marks.on_hello(session, gateway_id, LANE, LaneHello(EPOCH, 1, start.hex(), 1))
    return gateway_id


def a_row(seq: int, event: str) -> bytes:
    fact = AuditRecorded(new_id(), event, "ok", SystemClock().now())
    at = codec.to_plain(fact.at)
    return envelope.encode_row(seq, fact.KIND, fact.entity, at, codec.to_plain(fact))


def say(
    database: Database, gateway: GatewayId, rows: Sequence[bytes], *, first: int, prev: bytes,
    epoch: str = EPOCH,
) -> Ack:  # fmt: skip
    header = BatchHeader(1, LANE, epoch, first, prev.hex())
    batch = envelope.decode_batch(envelope.encode_batch(header, rows))
    with database.writing() as session:
        return facts.receive(session, gateway, batch)


def a_listener(database: Database, folder: Path) -> Listener:
    """One that was not started: it has no connection."""
    files = CertificateFiles(folder / "certificate", folder / "key")
    settings = LinkSettings(1, "primary-1", files, folder / "ca.pem")
    return Listener(settings, database, Signer(b"k" * 32))


def a_receiver(database: Database, folder: Path, says: list[Ack]) -> Receiver:
    """One whose words are kept in ``says``."""

    def say_it(_gateway: GatewayId, _what: Down, ack: Any) -> bool:
        says.append(ack)
        return True

    return Receiver(database, say_it, a_listener(database, folder).pusher, "primary-1")


class Refusing:
    """A database that takes everything and commits nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self._database.writing() as session:
            yield session
            raise OperationalError("COMMIT", {}, Exception("the disk is gone"))


def seen(database: Database) -> list[str]:
    with database.reading() as session:
        query = select(AuditEvent.event).where(AuditEvent.event.startswith("seen."))
        return sorted(session.scalars(query))


def test_rows_of_another_epoch_are_not_applied(database: Database, gateway: GatewayId) -> None:
    start = envelope.chain_start(gateway, LANE, EPOCH)
    ack = say(database, gateway, [a_row(1, "seen.1")], first=1, prev=start, epoch=OTHER)
    assert (ack.want, seen(database)) == (0, [])
    ack = say(database, gateway, [a_row(1, "seen.1")], first=1, prev=start)
    assert (ack.upto_seq, seen(database)) == (1, ["seen.1"])


def test_a_gap_is_asked_for_and_nothing_behind_it_applied(
    database: Database, gateway: GatewayId
) -> None:
    start = envelope.chain_start(gateway, LANE, EPOCH)
    rows = [a_row(n, f"seen.{n}") for n in (1, 2, 3)]
    say(database, gateway, rows[:1], first=1, prev=start)
    # The chain is told as if row 2 had come: only the number tells that it did not.
    ack = say(database, gateway, rows[2:], first=3, prev=envelope.chain_next(start, rows[0]))
    assert (ack.upto_seq, ack.want, seen(database)) == (1, 2, ["seen.1"])


def test_rows_whose_chain_does_not_fit_are_not_applied(
    database: Database, gateway: GatewayId
) -> None:
    ack = say(database, gateway, [a_row(1, "seen.forked")], first=1, prev=b"\x07" * 32)
    assert (ack.upto_seq, ack.want, seen(database)) == (0, 0, [])


def test_a_repeat_is_answered_with_the_mark(database: Database, gateway: GatewayId) -> None:
    start = envelope.chain_start(gateway, LANE, EPOCH)
    rows = [a_row(n, f"seen.{n}") for n in (1, 2, 3)]
    say(database, gateway, rows[:2], first=1, prev=start)
    again = say(database, gateway, rows[:2], first=1, prev=start)
    assert (again.upto_seq, again.want) == (2, None)
    overlapping = say(database, gateway, rows, first=1, prev=start)
    assert (overlapping.upto_seq, overlapping.want) == (3, None)
    assert seen(database) == ["seen.1", "seen.2", "seen.3"]


def test_a_mark_that_somebody_else_moved_is_not_moved_back(
    database: Database, gateway: GatewayId
) -> None:
    start = envelope.chain_start(gateway, LANE, EPOCH)
    rows = [a_row(n, f"seen.{n}") for n in (1, 2)]
    say(database, gateway, rows, first=1, prev=start)
    with database.writing() as session:
        assert not marks.advance(session, [marks.Move(gateway, LANE, EPOCH, 1, 1, start)])
        assert not marks.advance(session, [marks.Move(gateway, LANE, OTHER, 3, 3, start)])
        assert marks.advance(session, [marks.Move(gateway, LANE, EPOCH, 3, 3, start)])


def test_what_was_not_committed_is_not_acknowledged(
    database: Database, gateway: GatewayId, tmp_path: Path
) -> None:
    header = BatchHeader(1, LANE, EPOCH, 1, envelope.chain_start(gateway, LANE, EPOCH).hex())
    payload = envelope.encode_batch(header, [a_row(1, "seen.1")])
    said = list[Ack]()
    receiver = a_receiver(database, tmp_path, said)
    message = Message(gateway, Up.FACTS, Delivery("", payload, lambda: None))
    refusing = replace(receiver, database=Refusing(database))  # type: ignore[arg-type]
    with pytest.raises(OperationalError):
        refusing.process([message])
    assert (said, seen(database)) == ([], [])
    receiver.process([message])
    assert ([ack.upto_seq for ack in said], seen(database)) == ([1], ["seen.1"])


def test_each_process_has_a_share_group_that_nobody_can_guess(
    database: Database, tmp_path: Path
) -> None:
    listeners = [a_listener(database, tmp_path) for _ in range(2)]
    topics = [listener._connection.options.subscriptions[0] for listener in listeners]
    groups = [topic.split("/")[1] for topic in topics]
    assert all(topic.startswith("$share/") for topic in topics)
    assert groups[0] != groups[1]
    assert all(len(group) == 32 for group in groups)


def test_a_batch_that_overtook_another_is_looked_at_again_before_it_is_asked_for(
    database: Database, gateway: GatewayId, tmp_path: Path
) -> None:
    """Two primaries share a gateway's batches: the one before may be on its way at the other."""
    start = envelope.chain_start(gateway, LANE, EPOCH)
    rows = [a_row(n, f"seen.{n}") for n in (1, 2)]
    says: list[Ack] = []
    done: list[str] = []
    worker = Worker(a_receiver(database, tmp_path, says).process, "ingest", Inbox())
    header = BatchHeader(1, LANE, EPOCH, 2, envelope.chain_next(start, rows[0]).hex())
    payload = envelope.encode_batch(header, rows[1:])
    message = Message(gateway, Up.FACTS, Delivery("", payload, lambda: done.append("second")))
    assert worker.inbox.put(message)
    worker.step()
    assert (says, done) == ([], [])
    say(database, gateway, rows[:1], first=1, prev=start)  # The other primary's.
    worker.step()
    assert [ack.upto_seq for ack in says] == [2]
    assert (done, seen(database)) == (["second"], ["seen.1", "seen.2"])


def test_what_is_really_missing_is_asked_for_after_a_moment(
    database: Database, gateway: GatewayId, tmp_path: Path
) -> None:
    start = envelope.chain_start(gateway, LANE, EPOCH)
    says: list[Ack] = []
    receiver = a_receiver(database, tmp_path, says)
    header = BatchHeader(1, LANE, EPOCH, 2, start.hex())
    payload = envelope.encode_batch(header, [a_row(2, "seen.2")])
    delivery = Delivery("", payload, lambda: None)
    assert not receiver.process([Message(gateway, Up.FACTS, delivery, time.monotonic() - 1)])
    assert [(ack.upto_seq, ack.want) for ack in says] == [(0, 1)]
