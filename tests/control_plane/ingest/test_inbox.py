"""What waits for ingest is bounded, and what gateways wait for comes first."""

from __future__ import annotations

import zlib
from collections import deque

from control_plane.ingest.inbox import AT_ONCE, Inbox, Message, portion
from control_plane.ingest.worker import Workers
from shared.ids import GatewayId, new_id
from shared.messages.topics import Up
from shared.mqtt import Delivery


def a_message(what: Up = Up.FACTS, payload: bytes = b"{}", gateway: str = "g") -> Message:
    return Message(GatewayId(gateway), what, Delivery("", payload, lambda: None))


def test_a_hello_does_not_wait_behind_rows() -> None:
    inbox = Inbox()
    for _ in range(AT_ONCE + 10):
        assert inbox.put(a_message())
    assert inbox.put(a_message(Up.HELLO))
    taken = inbox.take(0)
    assert taken[0].what is Up.HELLO
    assert len(taken) == 1 + AT_ONCE
    assert len(inbox.take(0)) == 10


def test_each_kind_keeps_its_order() -> None:
    inbox = Inbox()
    said = [a_message(what) for what in (Up.FACTS, Up.HELLO, Up.FACTS, Up.PRESENCE, Up.FEED)]
    for message in said:
        inbox.put(message)
    assert inbox.take(0) == [said[1], said[3], said[4], said[0], said[2]]


def test_what_waits_is_bounded_by_number_and_by_size() -> None:
    few, small = Inbox(most=2), Inbox(most_bytes=100)
    assert [few.put(a_message()) for _ in range(3)] == [True, True, False]
    assert [small.put(a_message(payload=b"{" * 60)) for _ in range(2)] == [True, False]
    small.take(0)
    assert small.put(a_message(payload=b"{" * 60))
    assert Inbox(most_bytes=10).put(a_message(payload=b"{" * 60))  # One alone always finds room.


def test_a_transaction_takes_as_much_compressed_as_plain() -> None:
    plain = deque([a_message(payload=b"{" * 60_000) for _ in range(40)])
    packed = zlib.compress(b"{" * 60_000)
    dense = deque([a_message(payload=packed + b"{" * (15_000 - len(packed))) for _ in range(40)])
    assert len(portion(plain)) == len(portion(dense)) == 14


def test_a_gateway_has_one_worker_and_gateways_have_several() -> None:
    workers = Workers(list, 2)
    gateways = [new_id() for _ in range(50)]
    ours = {gateway: workers.of(a_message(gateway=gateway)) for gateway in gateways}
    assert {worker.name for worker in ours.values()} == {"ingest 1", "ingest 2"}
    assert all(workers.of(a_message(Up.HELLO, gateway=each)) is ours[each] for each in gateways)
