"""What a delivery says to the job's owner; English here, translated where it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from shared.i18n import mark as _

PRINTED: Final = _("It was printed.")
CANCELED: Final = _("It was canceled at the printer.")
UNREACHABLE: Final = _("The printer does not answer; it may be switched off.")
BUSY: Final = _("The printer is busy; it will be tried again.")
NOT_ACCEPTING: Final = _("The printer takes no jobs at the moment.")
TROUBLED: Final = _("The printer reports a fault; it will be tried again.")
SIGN_IN: Final = _("The printer asks us to sign in; an administrator must look at it.")
UNTRUSTED: Final = _("The printer's certificate is not trusted; an administrator must look at it.")
NO_IPP: Final = _("What answers at the printer's address does not speak IPP.")
BAD_ADDRESS: Final = _("The printer's address is wrong; an administrator must look at it.")
REFUSED: Final = _("The printer refused it.")
BAD_FORMAT: Final = _("The printer cannot print this kind of document.")
BAD_DOCUMENT: Final = _("The printer could not read the document.")
TOO_LARGE: Final = _("The document is too large for the printer.")
ABORTED: Final = _("The printer gave it up.")
FORGOTTEN: Final = _("The printer has it, but no longer says what became of it.")
BROKE_OFF: Final = _("The connection to the printer broke in the middle of the document.")
SILENT: Final = _("It was sent, and then the printer stopped answering.")
NOT_ALL: Final = _("Only some of its documents were printed.")

CANNOT_DO: Final = _("This printer cannot do:")

STOPPED: Final = _("The printer has stopped.")
HELD_THERE: Final = _("The printer holds it back; its panel may say why.")
# Keywords of printer-state-reasons without their severity; the first that applies is told.
STOPPED_BY: Final = {
    "media-jam": _("Paper is jammed in the printer."),
    "cover-open": _("A cover of the printer is open."),
    "door-open": _("A door of the printer is open."),
    "interlock-open": _("A cover of the printer is open."),
    "media-empty": _("The printer has no paper."),
    "media-needed": _("The printer needs other paper."),
    "input-tray-missing": _("A paper tray is missing."),
    "toner-empty": _("The printer has no toner."),
    "marker-supply-empty": _("The printer has no toner or ink."),
    "marker-waste-full": _("The printer's waste box is full."),
    "output-area-full": _("The printer's output tray is full."),
    "paused": _("The printer is paused."),
    "moving-to-paused": _("The printer is paused."),
    "spool-area-full": _("The printer's memory is full."),
}


def why_stopped(reasons: Iterable[str]) -> str:
    """Say why a printer stopped, in the words of its ``printer-state-reasons``."""
    bare = set()
    for reason in reasons:
        stem, _dash, severity = reason.rpartition("-")
        bare.add(stem if severity in {"error", "warning", "report"} else reason)
    return next((says for keyword, says in STOPPED_BY.items() if keyword in bare), STOPPED)
