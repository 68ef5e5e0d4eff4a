from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent.devices.status import PrinterStatus, ask_printer
from edge_agent.devices.watch import PrinterWatch
from edge_agent.output.printer_pins import PrinterPins
from shared.clock import SystemClock
from shared.ids import PrinterId, new_id
from shared.ipp import Attribute, attribute, each
from shared.ipp import values as v
from shared.messages.records import PrinterRecord
from tests.support.ipp_printer import IppPrinter, ipp_printer
from tests.support.ippeveprinter import ippeveprinter


def record(uri: str) -> PrinterRecord:
    return PrinterRecord(PrinterId(new_id()), "Hall", uri)


async def ask(uri: str) -> PrinterStatus:
    return await ask_printer(record(uri), PrinterPins(), SystemClock())


def saying(state: int, *reasons: str, more: tuple[Attribute, ...] = ()) -> IppPrinter:
    said = (
        attribute("printer-state", v.Enum(state)),
        each("printer-state-reasons", v.Keyword, reasons or ("none",)),
        *more,
    )
    return IppPrinter(attributes=said)


async def test_a_real_printer_says_that_it_is_idle(tmp_path: Path) -> None:
    with ippeveprinter(tmp_path) as printer:
        status = await ask(printer.uri)
    assert (status.state, status.is_ok) == ("idle", True)
    assert status.model


async def test_a_stopped_printer_says_why_and_what_it_has_left() -> None:
    supplies = (
        each("marker-names", v.Name, ["Black", "Waste box"]),
        each("marker-levels", v.Integer, [7, -2]),
        each("marker-colors", v.Name, ["#000000", "none"]),
    )
    printer = saying(5, "media-empty-error", "toner-low-warning", "wifi-report", more=supplies)
    async with ipp_printer(printer):
        status = await ask(printer.uri)
    assert (status.state, status.is_ok) == ("stopped", False)
    assert status.says == "The printer has no paper."
    assert status.reasons == ("media-empty-error", "toner-low-warning")
    assert [(s["name"], s["level"]) for s in status.supplies] == [("Black", 7), ("Waste box", None)]


@pytest.mark.parametrize(
    ("printer", "state", "is_ok"),
    [
        (saying(4), "processing", True),
        (saying(3, "toner-low-warning"), "idle", False),
        (saying(99), "unknown", False),
        (
            saying(3, more=(attribute("printer-is-accepting-jobs", v.Boolean(value=False)),)),
            "stopped",
            False,
        ),
    ],
)
async def test_what_a_printer_says_is_read_as_it_is(
    printer: IppPrinter, state: str, is_ok: bool
) -> None:
    async with ipp_printer(printer):
        status = await ask(printer.uri)
    assert (status.state, status.is_ok) == (state, is_ok)


async def test_a_printer_that_talks_too_much_is_cut_short() -> None:
    reasons = [f"very-long-{n}-{'x' * 100}" for n in range(50)]
    names = each("marker-names", v.Name, ["n" * 200] * 40)
    levels = each("marker-levels", v.Integer, [50] * 40)
    printer = saying(5, *reasons, more=(names, levels))
    async with ipp_printer(printer):
        plain = (await ask(printer.uri)).to_plain()
    assert len(plain["reasons"]) <= 8
    assert len(plain["supplies"]) <= 12
    assert all(len(supply["name"]) <= 80 for supply in plain["supplies"])


@pytest.mark.parametrize(
    ("uri", "state"),
    [("ipp://127.0.0.1:1/ipp/print", "unreachable"), ("socket://127.0.0.1", "not-ipp")],
)
async def test_a_printer_that_is_not_there_is_told_as_that(uri: str, state: str) -> None:
    assert (await ask(uri)).state == state


class _Directory:
    """Two printers, one of them somebody else's to look after."""

    gateway_id = "gateway"

    def __init__(self) -> None:
        self.near = record("ipp://192.0.2.1/ipp/print")
        far = record("ipp://192.0.2.2/ipp/print")
        self.far = PrinterRecord(far.id, "Far", far.uri, gateway_id="another")  # type: ignore[arg-type]

    def gateway(self) -> None:
        return None

    def printers(self) -> list[tuple[str, PrinterRecord]]:
        return [("account", self.near), ("account", self.far)]


async def test_a_gateway_looks_at_the_printers_it_looks_after_a_few_at_a_time() -> None:
    asked: list[str] = []

    async def answer(printer: PrinterRecord) -> PrinterStatus:
        asked.append(printer.id)
        await asyncio.sleep(0)
        return PrinterStatus("idle")

    directory = _Directory()
    watch = PrinterWatch(directory, answer, SystemClock())  # type: ignore[arg-type]
    await watch.look()
    assert asked == [directory.near.id]
    assert watch.told()[directory.near.id]["ok"] is True
    assert watch.told()[directory.near.id]["age_seconds"] == 0


async def test_of_very_many_printers_all_are_looked_at() -> None:
    asked: list[str] = []

    async def answer(printer: PrinterRecord) -> PrinterStatus:
        asked.append(printer.id)
        return PrinterStatus("idle")

    directory, many = _Directory(), [record(f"ipp://192.0.2.1:{n}/ipp/print") for n in range(600)]
    directory.printers = lambda: [("account", printer) for printer in many]  # type: ignore[method-assign]
    watch = PrinterWatch(directory, answer, SystemClock())  # type: ignore[arg-type]
    await watch.look()
    assert set(watch.told()) == set(asked) == {printer.id for printer in many}
