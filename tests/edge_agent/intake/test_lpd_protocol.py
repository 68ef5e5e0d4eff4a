"""RFC 1179 as real clients speak it, and noise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.intake.lpd_protocol import (
    Code,
    ControlFile,
    DataFile,
    LpdError,
    Sub,
    Subcommand,
    read_command,
    read_control_file,
    read_subcommand,
)


def test_the_control_file_of_cups() -> None:
    content = b"Hvm\nPalice\nJSALES_1001_Invoice\nCvm\nLalice\nldfA833vm\nUdfA833vm\nNSALES_1001_Invoice\n"
    assert read_control_file(content) == ControlFile(
        "vm",
        "alice",
        "SALES_1001_Invoice",
        (DataFile("dfA833vm", 1, "SALES_1001_Invoice"),),
    )


def test_repeated_lines_are_copies_and_several_files_are_several_documents() -> None:
    content = b"Hpc\nPbob\nfdfA001pc\nfdfA001pc\nNone.txt\nfdfB001pc\nNtwo.txt\n"
    control = read_control_file(content)
    assert [(f.name, f.copies, f.title) for f in control.files] == [
        ("dfA001pc", 2, "one.txt"),
        ("dfB001pc", 1, "two.txt"),
    ]


def test_lines_of_ibm_i_are_skipped_and_carriage_returns_too() -> None:
    control = read_control_file(b"Has400\r\nPQSECOFR\r\n1QTEMP\r\nkx\r\nldfA123as400\r\n\0")
    assert (control.user, [f.name for f in control.files]) == ("QSECOFR", ["dfA123as400"])


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (b"\x03 500 dfA001pc", 500),
        (b"\x030 dfA001pc", None),
        (b"\x034294967295 dfA001pc", None),
        (b"\x03125899906843000 dfA001pc", None),
    ],
)
def test_an_absurd_size_means_until_the_client_closes(line: bytes, size: int | None) -> None:
    assert read_subcommand(line) == Subcommand(Sub.DATA_FILE, size, "dfA001pc")


def test_queue_names_may_carry_options() -> None:
    command = read_command(b"\x02alder/pull,raw")
    assert (command.code, command.queue) == (Code.RECEIVE_JOB, "alder/pull")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x06queue",
        b"\x02",
        b"\x02 \t",
        b"GET / HTTP/1.1",
    ],
)
def test_what_is_no_command_is_refused(line: bytes) -> None:
    with pytest.raises(LpdError):
        read_command(line)


@pytest.mark.parametrize(
    "line",
    [
        b"\x03",
        b"\x03 dfA001pc",
        b"\x03-1 dfA001pc",
        b"\x0310 ../../etc/passwd",
        b"\x0310 dfA001/../x",
        b"\x02999999999 cfA001pc",
        b"\x020 cfA001pc",
        b"\x03" + b"9" * 30 + b" dfA001pc",
    ],
)
def test_what_is_no_subcommand_is_refused(line: bytes) -> None:
    with pytest.raises(LpdError):
        read_subcommand(line)


def outcome(read: Callable[[bytes], object], data: bytes) -> object:
    """What a reader makes of the bytes: a value, or its own error."""
    try:
        return read(data)
    except LpdError as error:
        return error


@given(st.binary(max_size=200))
def test_noise_raises_lpd_error_and_nothing_else(noise: bytes) -> None:
    for read in (read_command, read_subcommand, read_control_file):
        assert outcome(read, noise) is not None


words = st.text("abcXYZ019-_.", min_size=1, max_size=20)


@given(words, words, st.lists(st.integers(1, 3), min_size=1, max_size=5))
def test_what_a_client_writes_is_read_back(user: str, title: str, copies: list[int]) -> None:
    lines = [f"Hhost\nP{user}\nJ{title}\n"]
    for n, count in enumerate(copies):
        lines += [f"ldf{chr(65 + n)}001host\n"] * count
    control = read_control_file("".join(lines).encode())
    assert (control.user, control.job_name) == (user, title)
    assert [file.copies for file in control.files] == copies
