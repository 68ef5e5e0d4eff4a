from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.readers.lines import Flood, Framing, Lines, Repeats


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_line_ends_as_readers_end_lines(end: bytes) -> None:
    assert Lines(Framing()).feed(b"04A1B2C3" + end) == ["04A1B2C3"]


@given(st.lists(st.text("0123456789ABCDEF", min_size=1, max_size=40)), st.integers(1, 9))
def test_lines_survive_arriving_in_pieces(cards: list[str], size: int) -> None:
    data = "".join(f"{card}\r\n" for card in cards).encode()
    lines = Lines(Framing())
    found = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
    assert found == cards


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_noise_gives_short_printable_lines_or_none(pieces: list[bytes]) -> None:
    lines = Lines(Framing(max_length=32))
    for piece in pieces:
        for line in lines.feed(piece):
            assert line.isprintable()
            assert 0 < len(line) <= 32
        assert len(lines._kept) <= 32


def test_a_line_without_end_is_thrown_away_whole() -> None:
    lines = Lines(Framing(max_length=16))
    for _ in range(1000):
        assert lines.feed(b"A" * 1000) == []
    assert lines.feed(b"BB\r04A1\r") == ["04A1"]


def test_a_pause_ends_a_line_only_where_the_reader_sends_no_delimiter() -> None:
    pausing, waiting = Lines(Framing(idle_ms=50)), Lines(Framing())
    assert pausing.feed(b"04A1") == waiting.feed(b"04A1") == []
    assert pausing.pause() == ["04A1"]
    assert waiting.pause() == []
    assert waiting.feed(b"B2\r") == ["04A1B2"]


def test_a_card_that_lies_on_the_reader_is_one_tap() -> None:
    repeats = Repeats(1500)
    assert not repeats.is_repeat("A", 0.0)
    assert [repeats.is_repeat("A", at / 2) for at in range(1, 20)] == [True] * 19
    assert not repeats.is_repeat("B", 10.0)
    assert not repeats.is_repeat("A", 10.1)
    assert not repeats.is_repeat("A", 12.0)


def test_no_hand_taps_that_fast() -> None:
    flood = Flood(burst=10, per_second=5)
    assert [flood.is_too_much(0.0) for _ in range(12)] == [False] * 10 + [True] * 2
    assert not flood.is_too_much(1.0)
