from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.ipp import (
    DecodeError,
    Decoder,
    Message,
    Operation,
    decode_groups,
    decode_message,
    encode_groups,
    encode_message,
    request,
)
from tests.support.ipp_messages import messages


def in_pieces(data: bytes, size: int) -> tuple[Message | None, bytes]:
    decoder, message = Decoder(), None
    for start in range(0, len(data), size):
        message = decoder.feed(data[start : start + size])
    return message, decoder.rest


@given(messages)
def test_a_message_survives_the_wire(message: Message) -> None:
    data = encode_message(message)
    assert decode_message(data) == (message, len(data))


@given(messages)
def test_the_bytes_survive_being_understood(message: Message) -> None:
    data = encode_message(message)
    assert encode_message(decode_message(data)[0]) == data


@given(messages, st.binary(max_size=200), st.integers(1, 64))
def test_a_message_survives_arriving_in_pieces(message: Message, body: bytes, size: int) -> None:
    assert in_pieces(encode_message(message) + body, size) == (message, body)


@given(messages, st.binary(max_size=200))
def test_document_data_begins_where_the_attributes_end(message: Message, body: bytes) -> None:
    data = encode_message(message) + body
    decoded, end = decode_message(data)
    assert (decoded, data[end:]) == (message, body)


@given(messages)
def test_groups_survive_being_kept_without_their_message(message: Message) -> None:
    assert decode_groups(encode_groups(message.groups)) == message.groups


@given(messages, st.integers(0, 400))
def test_a_message_cut_anywhere_is_an_error_and_never_half_a_message(
    message: Message, cut: int
) -> None:
    data = encode_message(message)
    cut = min(cut, len(data) - 1)
    decoder = Decoder()
    assert decoder.feed(data[:cut]) is None
    for attempt in (lambda: decode_message(data[:cut]), decoder.close):
        with pytest.raises(DecodeError) as error:
            attempt()
        assert error.value.offset <= cut
        assert (error.value.header is None) == (cut < 8)


@given(st.binary(max_size=300), st.integers(1, 50))
@example(b"\x02\x00\x00\x0b\x00\x00\x00\x01\x01\x21\x00\x01a", 1)
def test_noise_raises_a_decode_error_and_nothing_else(noise: bytes, size: int) -> None:
    try:
        decoded: Message | None = decode_message(noise)[0]
    except DecodeError:
        decoded = None
    try:
        pieces, _ = in_pieces(noise, size)
    except DecodeError:
        pieces = None
    assert pieces == decoded


HEADER = b"\x02\x00\x00\x0b\x00\x00\x00\x01\x01"


@given(st.binary(max_size=300))
def test_noise_behind_a_good_beginning_raises_a_decode_error_and_nothing_else(
    noise: bytes,
) -> None:
    try:
        message, end = decode_message(HEADER + noise)
    except DecodeError:
        return
    assert encode_message(message) == (HEADER + noise)[:end]


@given(messages, st.data())
def test_a_message_with_changed_octets_decodes_exactly_or_not_at_all(
    message: Message, data: st.DataObject
) -> None:
    changed = bytearray(encode_message(message))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded, end = decode_message(bytes(changed))
    except DecodeError:
        return
    assert encode_message(decoded) == bytes(changed[:end])


@given(st.binary(max_size=300))
def test_lenient_decoding_takes_text_in_any_charset(raw: bytes) -> None:
    value = b"\x41\x00\x01t" + len(raw).to_bytes(2, "big") + raw
    message, _ = decode_message(HEADER + value + b"\x03", lenient=True)
    assert message.operation.find_text("t") == raw.decode("utf-8", "replace")


def test_a_message_that_comes_one_octet_at_a_time_costs_no_more() -> None:
    many = request(Operation.GET_JOBS, "ipp://h/" + "x" * 1000)
    data = encode_message(many)[:-1] + b"\x44\x00\x01k\x00\x01v" * 30_000
    decoder = Decoder()
    for octet in data:
        assert decoder.feed(bytes([octet])) is None
    message = decoder.feed(b"\x03")
    assert message is not None
    assert len(message.operation.attributes) == 30_003
