"""How a printer is, as far as its last job told: a word and a sentence for the terminal."""

from __future__ import annotations

from edge_agent.jobs.model import Job
from shared.i18n import gettext as _
from shared.ids import PrinterId
from shared.job_states import JobState


class PrinterStates:
    """Follows the jobs; asks no printer anything."""

    def __init__(self) -> None:
        self._says: dict[PrinterId, tuple[JobState, str]] = {}

    def on_job_changed(self, job: Job) -> None:
        if job.printer_id is not None and job.state is not JobState.PENDING_HELD:
            self._says[job.printer_id] = (job.state, job.message)

    def status(self, printer_id: PrinterId) -> tuple[str, str]:
        """Return ``ready``, ``busy``, ``trouble`` or ``unreachable``, and why."""
        state, message = self._says.get(printer_id, (JobState.COMPLETED, ""))
        if state is JobState.PROCESSING_STOPPED:
            return "trouble", message
        if state is JobState.PENDING and message:
            return "unreachable", message
        if state in (JobState.PROCESSING, JobState.PENDING):
            return "busy", _("printing")
        return "ready", _("ready")
