"""What is fuzzed: each target takes any bytes and raises only when the code is wrong.

``python -m tests.fuzz ipp --seconds 60`` runs one under atheris, where that is installed. What
it finds is saved in ``corpus/<target>/`` and replayed by ``test_corpus.py`` for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_agent.counting.raster import count_pwg, count_urf
from edge_agent.intake import lpd_protocol
from edge_agent.intake.pjl import UEL, PjlReader
from edge_agent.intake.postscript import PostScriptScan
from edge_agent.readers.lines import Framing, Lines
from shared import cards
from shared.ipp import DecodeError, Decoder, Message, decode_message, encode_message

CORPUS: Final = Path(__file__).parent / "corpus"


def fuzz_ipp(data: bytes) -> None:
    """The IPP decoder: exact, the same in pieces as in one, and DecodeError or nothing."""
    try:
        message, end = decode_message(data)
    except DecodeError as error:
        offset = error.offset
    else:
        _check(data, message, end)
        return
    assert 0 <= offset <= len(data)
    assert _in_pieces(data) is None


def _check(data: bytes, message: Message, end: int) -> None:
    assert encode_message(message) == data[:end]
    assert _in_pieces(data) == message
    str(message.groups)
    for group in message.groups:
        for attribute in group:
            group.find_integer(attribute.name)
            group.list_words(attribute.name)
            str(attribute)


def _in_pieces(data: bytes) -> Message | None:
    decoder, size = Decoder(), 1 + sum(data[:8]) % 60
    try:
        for start in range(0, len(data), size):
            decoder.feed(data[start : start + size])
        return decoder.close()
    except DecodeError:
        return None


def fuzz_ipp_answer(data: bytes) -> None:
    """A printer's answer: text in any charset is taken, and still nothing but DecodeError."""
    try:
        message, _ = decode_message(data, lenient=True)
    except DecodeError:
        return
    encode_message(message)


def fuzz_raster(data: bytes) -> None:
    """Pages of PWG and Apple raster: found, or ValueError."""
    for count in (count_pwg, count_urf):
        try:
            assert count(data).impressions > 0
        except ValueError:
            continue


def fuzz_card_line(data: bytes) -> None:
    """Bytes from a card reader: lines, and canonical cards or CardError."""
    lines = Lines(Framing())
    for start in range(0, len(data), 7):
        for line in lines.feed(data[start : start + 7]):
            assert len(line) <= Framing().max_length
            try:
                card = cards.canonical(line)
            except cards.CardError:
                continue
            assert card == cards.canonical(card.hex)


def fuzz_lpd(data: bytes) -> None:
    """Lines and control files of LPD clients: read, or LpdError."""
    line = data.partition(b"\n")[0][: lpd_protocol.LONGEST_LINE]
    for read in (
        lpd_protocol.read_command,
        lpd_protocol.read_subcommand,
        lpd_protocol.read_control_file,
    ):
        try:
            read(data if read is lpd_protocol.read_control_file else line)
        except lpd_protocol.LpdError:
            continue


def fuzz_pjl(data: bytes) -> None:
    """A raw stream: in pieces as in one, and no PJL begins in what is left of it."""
    whole = PjlReader()
    document = whole.feed(data) + whole.close()
    pieces, size = PjlReader(), 1 + sum(data[:8]) % 40
    parts = [pieces.feed(data[start : start + size]) for start in range(0, len(data), size)]
    assert b"".join(parts) + pieces.close() == document
    assert pieces.job == whole.job
    assert UEL not in document


def fuzz_postscript(data: bytes) -> None:
    """A program for a printer: in pieces as in one, and never found in what is cut out of it."""
    whole, pieces, size = PostScriptScan(), PostScriptScan(), 1 + sum(data[:8]) % 40
    whole.feed(data)
    whole.close()
    for start in range(0, len(data), size):
        pieces.feed(data[start : start + size])
    pieces.close()
    assert pieces.found == whole.found
    assert all(name.encode() in data for name in whole.found)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "ipp": fuzz_ipp,
    "ipp-answer": fuzz_ipp_answer,
    "raster": fuzz_raster,
    "card-line": fuzz_card_line,
    "lpd": fuzz_lpd,
    "pjl": fuzz_pjl,
    "postscript": fuzz_postscript,
}
