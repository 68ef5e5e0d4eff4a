"""What a job says to its owner; English here, translated where it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from shared.i18n import mark as _
from shared.job_states import Hold

# The first that applies is told.
HOLDS: Final = {
    Hold.UNCERTAIN: _(
        "It was being sent when the connection ended, and nobody can tell whether it printed."
        " Look at the printer, then print it again or delete it."
    ),
    Hold.INCOMING: _("Its documents are being received."),
    Hold.QUARANTINE: _("Nobody knows whose it is."),
    Hold.PAUSED: _("The operator has paused its queue."),
    Hold.NEW: _("The operator looks at new jobs of its queue first."),
    Hold.SUSPENDED: _("It was taken back before anything of it was printed."),
    Hold.SENDER: _("It is held as its sender asked."),
    Hold.OWNER: _("It waits for its owner at a printer."),
}
PENDING: Final = _("It goes to the printer next.")
PRINTING: Final = _("It is being printed.")
PRINTED: Final = _("It was printed.")
CANCELED: Final = _("It was canceled.")
EXPIRED: Final = _("Nobody released it in time; it was erased.")
NO_DOCUMENT: Final = _("It never got a document.")
INCOMPLETE: Final = _("Its sender did not send all of it.")
SENDER_HOLD_LIFTED: Final = _("Its sender's hold was lifted; it waits for its owner at a printer.")
ADOPTED: Final = _("It was given to its owner.")
NOT_SENT: Final = _("The gateway stopped before anything was sent; it goes to the printer next.")
PRINTER_UNKNOWN: Final = _("This gateway does not know the printer, or it is switched off there.")
OUTPUT_AWAY: Final = _("Document Output does not answer; it will be tried again.")
STORAGE_AWAY: Final = _("Storage does not answer; it will be tried again.")
OUTPUT_FAILED: Final = _("It could not be sent to the printer; it will be tried again.")
DOCUMENT_DAMAGED: Final = _("Its document is damaged on disk and cannot be printed.")
NOT_COUNTED: Final = _("Its pages were not counted.")

# Why a job was not released.
NO_SUCH_JOB: Final = _("There is no such job.")
STILL_COMING: Final = _("It has not arrived completely yet.")
IS_PRINTING: Final = _("It is being printed.")
ON_ITS_WAY: Final = _("It is on its way to the printer.")
IS_OVER: Final = _("It was printed or deleted already.")
LOOK_FIRST: Final = _("It may have printed already: choose it by itself to print it again.")


_BEGINNINGS: Final = (*HOLDS.values(), PENDING, SENDER_HOLD_LIFTED)


def with_remark(holds: Iterable[Hold], *remarks: str) -> str:
    """Say why a job is held, and what else its owner should know."""
    return " ".join(filter(None, (of_holds(holds), *remarks)))


def remark_of(message: str) -> str:
    """What a message of ``with_remark`` says beside why the job is held."""
    begins = next((says for says in _BEGINNINGS if message.startswith(says)), "")
    return message.removeprefix(begins).strip() if begins else ""


def of_holds(holds: Iterable[Hold]) -> str:
    """Say why a job is held."""
    held = frozenset(holds)
    return next((says for hold, says in HOLDS.items() if hold in held), PENDING)
