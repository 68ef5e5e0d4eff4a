"""The facts' payload: unbroken runs in, everything else refused with a reason."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import AccountId, JobId, QueueId
from shared.job_states import JobState
from shared.messages import codec, envelope
from shared.messages.codec import MessageError
from shared.messages.envelope import BatchHeader, Lane
from shared.messages.events import JobReceived, Source

HEADER = BatchHeader(1, Lane.FACTS, "0" * 32, 5, "0" * 64)


def row(seq: int, text: str = "x") -> bytes:
    return envelope.encode_row(seq, "job.changed", "job:1", "2026-11-22T10:00:00.000Z", {"t": text})


@given(st.lists(st.text(max_size=300), min_size=1, max_size=40))
def test_a_batch_comes_back_byte_for_byte(texts: list[str]) -> None:
    rows = [row(5 + n, text) for n, text in enumerate(texts)]
    batch = envelope.decode_batch(envelope.encode_batch(HEADER, rows))
    assert batch.header == HEADER
    assert [each.raw for each in batch.rows] == rows


def test_large_batches_are_compressed_and_small_ones_are_readable() -> None:
    small = envelope.encode_batch(HEADER, [row(5)])
    large = envelope.encode_batch(HEADER, [row(5 + n, "y" * 100) for n in range(100)])
    assert small.startswith(b"{")
    assert large[0] == 0x78
    assert len(large) < 2_000


@given(st.binary(max_size=300))
def test_noise_raises_message_error(noise: bytes) -> None:
    with pytest.raises(MessageError):
        envelope.decode_batch(noise)


@pytest.mark.parametrize(
    "rows",
    [[], [row(6)], [row(5), row(7)], [b"{}"], [b"[]"], [b'{"seq":5}'], [row(5)] * 2],
    ids=["none", "late", "gap", "empty", "array", "bare", "twice"],
)
def test_what_is_no_unbroken_run_is_refused(rows: list[bytes]) -> None:
    with pytest.raises(MessageError):
        envelope.decode_batch(envelope.encode_batch(HEADER, rows))


def test_a_small_message_does_not_become_a_large_one() -> None:
    bomb = zlib.compress(b"{" + b" " * 50_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(MessageError, match="too large"):
        envelope.decode_batch(bomb)


def test_a_cut_off_payload_is_refused() -> None:
    payload = envelope.encode_batch(HEADER, [row(5 + n) for n in range(100)])
    with pytest.raises(MessageError):
        envelope.decode_batch(payload[:-10])


@given(
    title=st.text(), name=st.none() | st.text(), ticket=st.dictionaries(st.text(), st.integers())
)
def test_a_fact_written_as_text_is_its_canonical_json(
    title: str, name: str | None, ticket: dict[str, int]
) -> None:
    fact = JobReceived(
        JobId("j"), AccountId("a"), QueueId("q"), 7, title, JobState.PENDING_HELD, ("a", title),
        "claimed", None, name, Source("ipp", "::1", name), "application/pdf", 10, "00", 3,
        kept_until=datetime(2026, 11, 23, tzinfo=UTC), at=datetime(2026, 11, 22, tzinfo=UTC),
        ticket=ticket,
    )  # fmt: skip
    assert codec.to_text(fact).encode() == codec.dumps(codec.to_plain(fact))
