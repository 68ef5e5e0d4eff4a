"""PJL: read, unwrapped, and nothing of it ever passed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.intake.pjl import DENIED, LONGEST_LINE, UEL, PjlReader

WRAPPED = (
    UEL
    + b"@PJL\r\n"
    + b'@PJL JOB NAME = "Payroll, March"\r\n'
    + b'@PJL SET USERNAME="ada"\r\n'
    + b"@PJL SET COPIES=3\r\n@PJL SET DUPLEX=ON\r\n@PJL SET BINDING=SHORTEDGE\r\n"
    + b"@PJL ENTER LANGUAGE = POSTSCRIPT\r\n"
)
TRAILER = UEL + b'@PJL EOJ NAME = "Payroll, March"\r\n' + UEL


def read(stream: bytes, size: int = 1 << 20) -> tuple[bytes, PjlReader]:
    reader = PjlReader()
    pieces = [reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
    return b"".join(pieces) + reader.close(), reader


def test_the_lines_around_a_document_become_its_ticket() -> None:
    document, reader = read(WRAPPED + b"%!PS\nshowpage\n" + TRAILER)
    assert document == b"%!PS\nshowpage\n"
    job = reader.job
    assert (job.name, job.user, job.language) == ("Payroll, March", "ada", "POSTSCRIPT")
    assert (job.copies, job.sides) == (3, "two-sided-short-edge")
    assert job.denied == []


@pytest.mark.parametrize("command", sorted(DENIED))
@pytest.mark.parametrize("place", ["before", "after", "alone"])
def test_a_command_to_the_device_never_passes(command: str, place: str) -> None:
    evil = UEL + f'@PJL {command.lower()} NAME="0:/../../etc" X\r\n'.encode()
    streams = {
        "before": evil + WRAPPED + b"%!PS" + TRAILER,
        "after": WRAPPED + b"%!PS" + evil + TRAILER,
        "alone": evil,
    }
    document, reader = read(streams[place])
    assert document == (b"" if place == "alone" else b"%!PS")
    assert reader.job.denied == [command]


def test_the_file_behind_a_download_is_dropped_with_it() -> None:
    payload = b"@PJL\x1b%-12345X#!/bin/sh\n" * 5
    evil = UEL + f'@PJL FSDOWNLOAD FORMAT:BINARY SIZE={len(payload)} NAME="0:/a"\r\n'.encode()
    document, reader = read(evil + payload + WRAPPED + b"%!PS" + TRAILER, size=7)
    assert document == b"%!PS"
    assert reader.job.denied == ["FSDOWNLOAD"]


@given(st.binary(max_size=400), st.integers(1, 40))
def test_a_document_without_pjl_is_kept_to_the_byte(document: bytes, size: int) -> None:
    if UEL in document or document[:4].upper() == b"@PJL":
        return
    assert read(document, size)[0] == document


@given(st.integers(1, 50), st.binary(max_size=200).filter(lambda data: UEL not in data))
def test_it_does_not_matter_how_the_stream_is_cut(size: int, data: bytes) -> None:
    stream = WRAPPED + b"%!PS" + data + TRAILER
    document, reader = read(stream, size)
    assert document == b"%!PS" + data
    assert reader.job.user == "ada"


pieces = st.sampled_from(
    [UEL, b"@PJL", b"@PJL\n", b"@PJL FSUPLOAD\n", b"@PJL ENTER LANGUAGE=PDF\n", b"\x1b%-1", b"\r\n"]
)


@given(st.lists(st.one_of(pieces, st.binary(max_size=30)), max_size=12), st.integers(1, 30))
def test_no_stream_makes_it_fail_or_lets_a_uel_through(parts: list[bytes], size: int) -> None:
    document, _ = read(b"".join(parts), size)
    assert len(document) <= len(b"".join(parts))
    whole, _ = read(b"".join(parts))
    assert document == whole


def test_a_uel_hidden_in_a_uel_does_not_come_together() -> None:
    reader = PjlReader()
    document = reader.feed(b"\x1b%-1" + UEL + b"2345X@PJL FSUPLOAD\r\n") + reader.close()
    assert UEL not in document


def test_lines_without_a_uel_before_them_are_lines_too() -> None:
    reader = PjlReader()
    document = reader.feed(b"@P") + reader.feed(
        b"JL FSUPLOAD NAME=x\r\n@PJL ENTER LANGUAGE=PDF\n%P"
    )
    assert document + reader.close() == b"%P"
    assert reader.job.denied == ["FSUPLOAD"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_names_are_read_as_drivers_write_them(encoding: str) -> None:
    lines = '@PJL JOB NAME="Übersicht"\r\n@PJL SET USERNAME="jörg"\r\n'.encode(encoding)
    document, reader = read(UEL + lines + b"@PJL ENTER LANGUAGE=PDF\r\n%PDF")
    assert (document, reader.job.name, reader.job.user) == (b"%PDF", "Übersicht", "jörg")


@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
@pytest.mark.parametrize("length", [LONGEST_LINE - 20, LONGEST_LINE + 1, 3 * LONGEST_LINE])
def test_a_line_longer_than_any_is_dropped_and_the_next_ones_are_read(
    size: int, length: int
) -> None:
    long = b"@PJL COMMENT " + b"x" * length + b"\r\n"
    document, reader = read(UEL + long + WRAPPED.removeprefix(UEL) + b"%!PS" + TRAILER, size)
    assert document == b"%!PS"
    assert reader.job.user == "ada"


@pytest.mark.parametrize("before", range(len(UEL) + 1))
def test_a_job_behind_a_line_that_never_ends_is_a_job(before: int) -> None:
    endless = b"@PJL COMMENT ".ljust(LONGEST_LINE - before, b"x")
    for size in (1 << 20, 100):
        document, reader = read(UEL + endless + WRAPPED + b"%!PS" + TRAILER, size)
        assert document == b"%!PS"
        assert reader.job.user == "ada"
