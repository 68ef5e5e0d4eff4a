"""A simulated gateway's outbox makes the bytes that docs/link.md says."""

from __future__ import annotations

from datetime import UTC, datetime

from control_plane.simulate.outbox import Outbox
from shared.ids import AccountId, GatewayId, JobId, new_id
from shared.messages import envelope
from shared.messages.envelope import Lane
from shared.messages.events import AuditRecorded, JobCounted

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def an_outbox(count: int) -> Outbox:
    outbox = Outbox(GatewayId(new_id()), Lane.FACTS)
    for n in range(count):
        outbox.append(AuditRecorded(new_id(), f"seen.{n + 1}", "ok", NOW))
    return outbox


def test_a_run_of_rows_hangs_on_the_chain_before_it() -> None:
    outbox = an_outbox(10)
    first, second = outbox.batch(0, 4), outbox.batch(4, 500)
    assert first is not None
    assert second is not None
    assert (first.last, second.first, second.last) == (4, 5, 10)
    one, two = envelope.decode_batch(first.payload), envelope.decode_batch(second.payload)
    chain = envelope.chain_over(bytes.fromhex(one.header.prev), [row.raw for row in one.rows])
    assert chain.hex() == two.header.prev
    assert outbox.hello("").chain == outbox.chain_at(10).hex()
    assert outbox.batch(10, 500) is None


def test_what_is_acknowledged_is_let_go_and_the_rest_keeps_its_chain() -> None:
    outbox = an_outbox(10)
    before = outbox.chain_at(7), outbox.batch(7, 500)
    assert (outbox.acknowledge(6), outbox.acknowledge(6), outbox.waiting) == (6, 0, 4)
    assert (outbox.chain_at(7), outbox.batch(7, 500)) == before
    assert (outbox.knows(5), outbox.knows(6), outbox.knows(11)) == (False, True, False)
    assert outbox.hello("").floor == 7


def test_a_new_epoch_takes_the_rest_along_in_a_later_life() -> None:
    outbox = an_outbox(2)
    outbox.append(JobCounted(JobId("j"), AccountId("a"), "document", "high", 3, NOW, 2))
    outbox.acknowledge(1)
    left = outbox.hello("")
    outbox.begin_anew("behind", 7)
    said = outbox.hello("")
    assert said.epoch != left.epoch
    assert said.previous is not None
    assert (said.previous.epoch, said.previous.seq, said.why) == (left.epoch, 1, "behind")
    sent = outbox.batch(0, 500)
    assert sent is not None
    rows = envelope.decode_batch(sent.payload).rows
    assert [row.kind for row in rows] == ["audit.recorded", "job.counted"]
    assert rows[1].body["home_epoch"] == 7
