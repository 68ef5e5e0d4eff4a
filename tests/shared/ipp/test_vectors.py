"""Messages that nobody here wrote survive being understood, octet by octet."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.ipp import Decoder, Operation, decode_message, encode_message

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "ipp"
VECTORS = sorted(FOLDER.iterdir())


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name)
def test_a_real_message_survives_being_understood(path: Path) -> None:
    data = path.read_bytes()
    message, end = decode_message(data + b"document")
    assert (encode_message(message), end) == (data, len(data))
    decoder = Decoder()
    assert [decoder.feed(bytes([octet])) for octet in data][-1] == message


def test_there_are_vectors() -> None:
    assert len(VECTORS) >= 6


def test_a_real_printer_describes_itself() -> None:
    data = (FOLDER / "ippeveprinter-get-printer-attributes-response").read_bytes()
    printer = decode_message(data)[0].printer
    assert Operation.CREATE_JOB in printer.list_integers("operations-supported")
    assert "two-sided-long-edge" in printer.list_keywords("sides-supported")
    database = printer.get("media-col-database")
    assert len(database.values) == 5
    assert "x-dimension=21000" in str(database)
