"""Identify-Printer at the output device itself (PWG 5100.13 section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.output import words
from edge_agent.output.ipp_client import (
    BrokenError,
    IppClient,
    NotIppError,
    NotReachedError,
    Patience,
)
from shared.ipp import Operation, each, request
from shared.ipp.build import attribute
from shared.ipp.enums import is_successful
from shared.ipp.values import Keyword, Text
from shared.messages.records import PrinterRecord


async def identify(printer: PrinterRecord, actions: Sequence[str], message: str) -> str | None:
    """Let a printer beep or show a message; says why it cannot, None when it did."""
    if not printer.uri.startswith(("ipp:", "ipps:")):
        return words.NO_IPP
    named = [each("identify-actions", Keyword, actions)]
    if message:
        named.append(attribute("message", Text(message)))
    asked = request(Operation.IDENTIFY_PRINTER, printer.uri, user="spoolhouse", attributes=named)
    try:
        answer = await IppClient(printer.uri, patience=Patience()).ask(asked)
    except (NotReachedError, BrokenError, NotIppError, ValueError):
        return words.UNREACHABLE
    return None if is_successful(answer.code) else words.REFUSED
