"""IPPS to a printer that signs its own certificate: CUPS' own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.jobs.driver import PrinterUnavailableError, Result
from edge_agent.output import words
from edge_agent.output.ipp import IppDriver
from edge_agent.output.ipp_client import Patience
from edge_agent.output.printer_pins import PrinterPins
from shared.clock import SystemClock
from shared.messages.records import PrinterRecord
from tests.support.deliveries import Heard, a_job, a_page, a_printer
from tests.support.ippeveprinter import EvePrinter

PDF = b"%PDF-1.4 secret"
BRIEF = Patience(connect=2, answer=5, stall=5, accept=5)


class Office:
    """A printer with its own certificate, and our record of it."""

    def __init__(self, folder: Path) -> None:
        self.keys = folder / "keys"
        self.keys.mkdir()
        self.eve = EvePrinter(folder, options=["-K", str(self.keys)])
        self.record: PrinterRecord = a_printer(self.eve.uri.replace("ipp:", "ipps:"))

    def replace_certificate(self) -> None:
        self.eve.stop()
        for file in self.keys.iterdir():
            file.unlink()
        self.eve.start()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    office.eve.start()
    yield office
    office.eve.stop()


async def deliver(office: Office, pins: PrinterPins) -> Result:
    driver = IppDriver(SystemClock(), patience=BRIEF, pins=pins)
    return (await driver.deliver(office.record, a_job(), [a_page(PDF)], Heard())).result


async def test_a_certificate_is_known_from_the_first_job_on(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "pins.json"
    assert await deliver(office, PrinterPins(file)) is Result.PRINTED
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(file.read_text())) == [f"{office.record.id} localhost:{office.eve.port}"]
    assert await deliver(office, PrinterPins(file)) is Result.PRINTED
    assert office.eve.documents() == [PDF, PDF]


async def test_another_certificate_at_the_same_place_gets_no_document(
    office: Office, tmp_path: Path
) -> None:
    file = tmp_path / "pins.json"
    await deliver(office, PrinterPins(file))
    office.replace_certificate()
    with pytest.raises(PrinterUnavailableError) as error:
        await deliver(office, PrinterPins(file))
    assert error.value.says == words.UNTRUSTED
    # A printer that is added anew is met anew.
    office.record = a_printer(office.record.uri)
    assert await deliver(office, PrinterPins(file)) is Result.PRINTED


async def test_a_printer_without_tls_is_no_ipps_printer(office: Office) -> None:
    office.eve.stop()
    with pytest.raises(PrinterUnavailableError):
        await deliver(office, PrinterPins())


def test_damaged_pins_are_not_forgotten_in_silence(tmp_path: Path) -> None:
    file = tmp_path / "pins.json"
    file.write_text('{"p h:1": "zz"}')
    with pytest.raises(ValueError, match="hexadecimal"):
        PrinterPins(file)
