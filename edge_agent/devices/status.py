"""Asks a printer how it is: Get-Printer-Attributes (RFC 8011 section 4.2.5), supplies (PWG 5107.2).

What a printer says is as hostile as anybody's: few words of it are kept, and those are bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.output import words
from edge_agent.output.ipp_client import (
    BrokenError,
    IppClient,
    NotIppError,
    NotReachedError,
    Patience,
    UntrustedError,
)
from edge_agent.output.ipp_report import clean
from edge_agent.output.printer_pins import PrinterPins
from edge_agent.output.printer_tls import Trust
from shared.clock import Clock
from shared.ipp import Group
from shared.ipp.enums import PrinterState, is_successful
from shared.messages.records import PrinterRecord

ASKED: Final = (
    "printer-state",
    "printer-state-reasons",
    "printer-is-accepting-jobs",
    "printer-make-and-model",
    "queued-job-count",
    "marker-names",
    "marker-levels",
    "marker-colors",
)
ASK_SECONDS: Final = 12.0
MOST_REASONS: Final = 8
MOST_SUPPLIES: Final = 12
_LONGEST: Final = 80
_FULL: Final = 100
_STATES: Final = {
    PrinterState.IDLE: "idle",
    PrinterState.PROCESSING: "processing",
    PrinterState.STOPPED: "stopped",
}
_NO_TROUBLE: Final = frozenset({"none", "cups-waiting-for-job-completed"})


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """How a printer said that it is; ``state`` unreachable, untrusted or not-ipp: it did not."""

    state: str
    says: str = ""
    reasons: tuple[str, ...] = ()
    model: str = ""
    queued: int | None = None
    supplies: tuple[Mapping[str, Any], ...] = ()
    took_ms: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether it would print, and nothing asks for a person."""
        return self.state in ("idle", "processing") and not self.reasons

    def to_plain(self) -> dict[str, Any]:
        return {
            "ok": self.is_ok,
            "state": self.state,
            "says": self.says,
            "reasons": list(self.reasons),
            "model": self.model,
            "queued": self.queued,
            "supplies": [dict(supply) for supply in self.supplies],
            "took_ms": self.took_ms,
        }


async def ask_printer(printer: PrinterRecord, pins: PrinterPins, clock: Clock) -> PrinterStatus:
    """Ask a printer how it is; what keeps it from answering is an answer, too."""
    if not printer.uri.startswith(("ipp:", "ipps:")):
        return PrinterStatus("not-ipp", words.NO_IPP)
    began = clock.monotonic()
    try:
        async with asyncio.timeout(ASK_SECONDS):
            client = IppClient(
                printer.uri, patience=Patience(), trust=Trust(printer.id, pins, None)
            )
            _version, answer = await client.ask_attributes(ASKED)
    except (ValueError, NotReachedError, BrokenError, TimeoutError, NotIppError) as error:
        return _unasked(error)
    if not is_successful(answer.code):
        return PrinterStatus("not-ipp", words.REFUSED)
    return read_status(answer.printer, int((clock.monotonic() - began) * 1000))


def _unasked(error: Exception) -> PrinterStatus:
    match error:
        case UntrustedError():
            return PrinterStatus("untrusted", words.UNTRUSTED)
        case NotReachedError() | BrokenError() | TimeoutError():
            return PrinterStatus("unreachable", words.UNREACHABLE)
        case NotIppError():
            return PrinterStatus("not-ipp", words.NO_IPP)
    return PrinterStatus("not-ipp", words.BAD_ADDRESS)


def read_status(printer: Group, took_ms: int) -> PrinterStatus:
    """Read what a printer says of itself."""
    number = printer.find_integer("printer-state")
    state = _STATES.get(PrinterState(number), "idle") if number in set(PrinterState) else "unknown"
    reasons = tuple(_reasons(printer.list_keywords("printer-state-reasons")))
    accepts = printer.find_boolean("printer-is-accepting-jobs")
    says = words.why_stopped(reasons) if state == "stopped" else ""
    if accepts is False and state != "stopped":
        state, says = "stopped", words.NOT_ACCEPTING
    return PrinterStatus(
        state=state,
        says=says,
        reasons=reasons[:MOST_REASONS],
        model=clean(printer.find_text("printer-make-and-model") or "", _LONGEST),
        queued=printer.find_integer("queued-job-count"),
        supplies=tuple(_supplies(printer)),
        took_ms=took_ms,
    )


def _reasons(keywords: Iterable[str]) -> Iterable[str]:
    for keyword in keywords:
        # A report is for the log; what is left asks for somebody.
        if keyword not in _NO_TROUBLE and not keyword.endswith("-report"):
            yield clean(keyword, _LONGEST)


def _supplies(printer: Group) -> Iterable[Mapping[str, Any]]:
    names = printer.list_words("marker-names")
    levels = printer.list_integers("marker-levels")
    colors = printer.list_words("marker-colors")
    for n, (name, level) in enumerate(zip(names[:MOST_SUPPLIES], levels, strict=False)):
        color = colors[n] if n < len(colors) else ""
        # -1 to -3: there is some, and nobody knows how much (PWG 5107.2 section 6.3).
        known = level if 0 <= level <= _FULL else None
        yield {"name": clean(name, _LONGEST), "level": known, "color": clean(color, 30)}
