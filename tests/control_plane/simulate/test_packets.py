"""Packets survive the wire, in whatever pieces they come, and noise is an error of one kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.simulate import packets
from control_plane.simulate.packets import (
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PacketError,
    PingReq,
    PingResp,
    PubAck,
    Publish,
    Reader,
    SubAck,
    Subscribe,
    Will,
)

ids = st.integers(1, 0xFFFF)
short = st.integers(0, 0xFFFF)
topics = st.text(max_size=60).filter(lambda text: len(text.encode()) < 200)
payloads = st.binary(max_size=3_000)
wills = st.none() | st.builds(Will, topics, payloads, st.integers(0, 2**32 - 1))
connects = st.builds(Connect, topics, short, st.integers(0, 2**32 - 1), ids, wills, st.booleans())
several = st.lists(
    connects
    | st.builds(ConnAck, st.integers(0, 255), st.booleans(), ids)
    | st.builds(Publish, topics, payloads, ids, st.booleans())
    | st.builds(Publish, topics, payloads, st.just(0))
    | st.builds(PubAck, ids, st.integers(0, 255))
    | st.builds(Subscribe, ids, st.lists(topics, max_size=5).map(tuple))
    | st.builds(SubAck, ids, st.lists(st.integers(0, 255), max_size=5).map(tuple))
    | st.sampled_from([PingReq(), PingResp()])
    | st.builds(Disconnect, st.integers(0, 255)),
    min_size=1,
    max_size=5,
)


@given(several, st.integers(1, 700))
def test_packets_survive_arriving_in_pieces(sent: list[Packet], size: int) -> None:
    stream = b"".join(packets.encode(packet) for packet in sent)
    reader, found = Reader(), list[Packet]()
    for first in range(0, len(stream), size):
        found += reader.feed(stream[first : first + size])
    assert found == sent


@given(st.binary(min_size=1, max_size=400))
def test_noise_is_a_packet_error_or_packets(noise: bytes) -> None:
    found: list[Packet] = []
    try:
        found += Reader().feed(noise)
    except PacketError:
        found.clear()
    # What was read as a packet is one: written again it is read the same.
    assert [list(Reader().feed(packets.encode(packet))) for packet in found] == [[p] for p in found]


@pytest.mark.parametrize(
    "told",
    [
        b"\x30\xff\xff\xff\x7f",  # 256 MiB
        b"\x34\x05\x00\x01t\x00\x00",  # QoS 2
        b"\xf0\x00",  # AUTH
        b"\x20\x03\x00\x00\x02",  # properties that are not there
    ],
)
def test_what_a_gateway_should_not_get_is_refused(told: bytes) -> None:
    with pytest.raises(PacketError):
        list(Reader().feed(told))


def test_properties_that_are_not_needed_are_stepped_over() -> None:
    said = bytes.fromhex(
        "20 1a 00 00 17 22 00 0a 12 00 03 61 62 63 26 00 01 61 00 01 62 21 00 07 29 01 2a 01"
    )
    assert list(Reader().feed(said)) == [ConnAck(0, receive_maximum=7)]
