"""Segments: appended to by one process, made in advance where it is busy, erased when empty."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from edge_agent.spool.errors import DocumentGoneError
from edge_agent.spool.segments import Segments
from tests.support.jobs import raise_instead, until

SIZE = 256 * 1024


def opened(folder: Path, held: Counter[int] | None = None) -> Segments:
    segments = Segments(folder, raise_instead, SIZE)
    segments.recover(held or Counter())
    return segments


def read(segments: Segments, location: str) -> bytes:
    number, offset, length = map(int, location.split(":")[1:])
    return segments.read(number, offset, length)


async def test_what_is_appended_is_read_back_across_segments_made_in_advance(
    tmp_path: Path,
) -> None:
    segments = opened(tmp_path / "segments")
    stored = dict[str, bytes]()
    for _ in range(60):
        documents = [os.urandom(5_000) for _ in range(4)]
        stored.update(zip(segments.append(documents), documents, strict=True))
        segments.sync()
        if len(stored) == 40:
            await until((tmp_path / "segments" / "prepared").exists)
    assert len(segments) > 3
    assert all(read(segments, location) == data for location, data in stored.items())
    segments.close()
    assert not (tmp_path / "segments" / "prepared").exists()


def test_more_documents_than_one_system_call_takes(tmp_path: Path) -> None:
    segments = opened(tmp_path / "segments")
    documents = [os.urandom(10) for _ in range(1_500)]
    locations = segments.append(documents)
    assert [read(segments, location) for location in locations] == documents
    segments.close()


def test_an_append_that_fails_hands_out_nothing_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    segments = opened(tmp_path / "segments")
    (first,) = segments.append([b"first"])
    monkeypatch.setattr("edge_agent.spool.segments.os.pwritev", full)
    with pytest.raises(OSError, match="No space"):
        segments.append([b"second"])
    monkeypatch.undo()
    (third,) = segments.append([b"third"])
    assert (read(segments, first), read(segments, third)) == (b"first", b"third")
    segments.close()


def test_a_process_never_appends_to_a_segment_of_an_earlier_one(tmp_path: Path) -> None:
    earlier = opened(tmp_path / "segments")
    (location,) = earlier.append([b"earlier"])
    earlier.close()
    later = opened(tmp_path / "segments", Counter({1: 1}))
    (other,) = later.append([b"later"])
    assert other.startswith("segment:2:")
    assert read(later, location) == b"earlier"
    later.forget([1])
    with pytest.raises(DocumentGoneError):
        read(later, location)
    later.close()
