"""Attacks on a sealed document: each must be noticed before a byte of it is given out."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto.documents import (
    HEADER_BYTES,
    TAG_BYTES,
    DocumentDamagedError,
    Header,
    Opener,
    Recipient,
    Sealer,
    unwrap_key,
    wrap_key,
)
from shared.ids import AccountId, JobId, new_id

KEY = os.urandom(32)
CHUNK = 64
HEADER = replace(Header.new(AccountId(new_id()), JobId(new_id()), 1), chunk_bytes=CHUNK)
documents = st.binary(max_size=5 * CHUNK + 7)


def seal(data: bytes, header: Header = HEADER, key: bytes = KEY) -> bytes:
    sealer = Sealer(key, header)
    return b"".join([*sealer.update(data), sealer.finish()])


def unseal(sealed: bytes, header: Header = HEADER, key: bytes = KEY) -> bytes:
    opener = Opener(key, header)
    return opener.update(sealed) + opener.finish()


def chunks_of(sealed: bytes) -> list[bytes]:
    size = CHUNK + TAG_BYTES
    return [sealed[at : at + size] for at in range(0, len(sealed), size)]


@given(documents, st.integers(min_value=1, max_value=200))
def test_a_document_survives_arriving_and_leaving_in_pieces(data: bytes, size: int) -> None:
    sealer, opener = Sealer(KEY, HEADER), Opener(KEY, HEADER)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    sealed = b"".join(chunk for piece in pieces for chunk in sealer.update(piece))
    sealed += sealer.finish()
    opened = b"".join(opener.update(sealed[at : at + size]) for at in range(0, len(sealed), size))
    assert opened + opener.finish() == data


@given(documents)
def test_sealing_adds_one_tag_per_chunk_and_hides_the_text(data: bytes) -> None:
    sealed = seal(data)
    assert len(sealed) == len(data) + TAG_BYTES * max(1, -(-len(data) // CHUNK))
    assert len(data) < 8 or data not in sealed


@given(documents, st.data())
def test_a_flipped_bit_is_noticed(data: bytes, draw: st.DataObject) -> None:
    sealed = bytearray(seal(data))
    sealed[draw.draw(st.integers(0, len(sealed) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(DocumentDamagedError):
        unseal(bytes(sealed))


@given(documents, st.data())
def test_a_cut_at_any_place_is_noticed(data: bytes, draw: st.DataObject) -> None:
    sealed = seal(data)
    with pytest.raises(DocumentDamagedError):
        unseal(sealed[: draw.draw(st.integers(0, len(sealed) - 1))])


@given(documents, st.binary(min_size=1, max_size=3 * CHUNK))
def test_bytes_after_the_end_are_noticed(data: bytes, more: bytes) -> None:
    with pytest.raises(DocumentDamagedError):
        unseal(seal(data) + more)


@given(st.binary(min_size=2 * CHUNK + 1, max_size=5 * CHUNK), st.data())
def test_chunks_in_another_order_are_noticed(data: bytes, draw: st.DataObject) -> None:
    parts = chunks_of(seal(data))
    order = draw.draw(st.permutations(range(len(parts))).filter(lambda o: o != sorted(o)))
    with pytest.raises(DocumentDamagedError):
        unseal(b"".join(parts[n] for n in order))


@given(st.binary(min_size=2 * CHUNK + 1, max_size=5 * CHUNK), st.data())
def test_a_dropped_chunk_is_noticed(data: bytes, draw: st.DataObject) -> None:
    parts = chunks_of(seal(data))
    del parts[draw.draw(st.integers(0, len(parts) - 1))]
    with pytest.raises(DocumentDamagedError):
        unseal(b"".join(parts))


def test_a_chunk_of_another_document_under_the_same_key_is_noticed() -> None:
    mine = chunks_of(seal(b"a" * 3 * CHUNK))
    other = Header(HEADER.account_id, HEADER.job_id, 2, HEADER.nonce_prefix, CHUNK)
    mine[1] = chunks_of(seal(b"b" * 3 * CHUNK, other))[1]
    with pytest.raises(DocumentDamagedError):
        unseal(b"".join(mine))


@pytest.mark.parametrize(
    "claim",
    [
        {"account_id": AccountId(new_id())},
        {"job_id": JobId(new_id())},
        {"number": 2},
        {"nonce_prefix": b"\0" * 7},
        {"chunk_bytes": CHUNK + 1},
    ],
)
def test_a_header_that_claims_something_else_opens_nothing(claim: dict[str, object]) -> None:
    sealed = seal(b"for Ada at Alder")
    assert unseal(sealed) == b"for Ada at Alder"
    with pytest.raises(DocumentDamagedError):
        unseal(sealed, replace(HEADER, **claim))  # type: ignore[arg-type]


def test_another_key_opens_nothing() -> None:
    with pytest.raises(DocumentDamagedError):
        unseal(seal(b"for Ada"), key=os.urandom(32))


@given(st.integers(1, 2**32 - 1), st.binary(min_size=7, max_size=7), st.integers(1, 2**24))
def test_a_header_reads_back(number: int, prefix: bytes, chunk: int) -> None:
    header = Header(HEADER.account_id, HEADER.job_id, number, prefix, chunk)
    assert Header.decode(header.encode()) == header


@given(st.binary(max_size=2 * HEADER_BYTES))
def test_noise_is_no_header(noise: bytes) -> None:
    with pytest.raises(DocumentDamagedError):
        Header.decode(noise)


@pytest.mark.parametrize("at", [8, 9, 10, 59])
def test_an_unknown_version_or_suite_is_refused(at: int) -> None:
    changed = bytearray(HEADER.encode())
    changed[at] ^= 2
    with pytest.raises(DocumentDamagedError, match="not known here"):
        Header.decode(bytes(changed))


def test_a_wrapped_key_opens_for_its_recipient_and_document_only() -> None:
    day, other_day = AESGCM(os.urandom(32)), AESGCM(os.urandom(32))
    header = HEADER.encode()
    recipient = wrap_key(day, "day-1", KEY, header)
    assert unwrap_key(day, recipient, header) == KEY
    for cipher, who, what in (
        (other_day, recipient, header),
        (day, Recipient("day-2", recipient.wrapped_key), header),
        (day, recipient, replace(HEADER, number=2).encode()),
        (day, Recipient("day-1", recipient.wrapped_key[:-1]), header),
        (day, Recipient("day-1", b""), header),
    ):
        with pytest.raises(DocumentDamagedError):
            unwrap_key(cipher, who, what)


@given(documents)
def test_a_document_sealed_at_once_is_the_one_sealed_in_pieces(data: bytes) -> None:
    assert Sealer(KEY, HEADER).seal_whole(data) == HEADER.encode() + seal(data)
