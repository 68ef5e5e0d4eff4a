"""The documents of a job (PWG 5100.5): list, show, rename, cancel one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_agent.intake import attributes as a
from edge_agent.intake.access import may_change
from edge_agent.intake.desk import Desk, not_yours
from edge_agent.intake.ipp_call import IppCall, RefusedError
from edge_agent.intake.job_attributes import job_uri, seconds
from edge_agent.jobs.errors import IllegalTransitionError
from edge_agent.jobs.model import Document, Job
from edge_agent.jobs.transaction import Transaction
from edge_agent.spool.spool import Stored
from shared.i18n import gettext as _
from shared.ipp.enums import Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag
from shared.ipp.values import OutOfBand
from shared.job_states import JobEvent, JobState

SETTABLE: Final = ("document-name",)
_NOT_SETTABLE: Final = OutOfBand(Tag.NOT_SETTABLE)
_WAITING: Final = (JobState.PENDING, JobState.PENDING_HELD)
_MOST_LISTED: Final = 1000
# document-state (PWG 5100.5 9.1) has the numbers of job-state, without the held ones.
_STATES: Final = {JobState.PENDING_HELD: JobState.PENDING}
_REASONS: Final = {
    JobState.PROCESSING: "printing",
    JobState.COMPLETED: "completed-successfully",
    JobState.CANCELED: "canceled-by-user",
    JobState.ABORTED: "aborted-by-system",
}


async def get_documents(desk: Desk, call: IppCall) -> Message:
    job = await desk.job_of(call)
    limit = min(max(call.asked.find_integer("limit") or _MOST_LISTED, 1), _MOST_LISTED)
    requested = frozenset(call.asked.list_words("requested-attributes") or ("document-number",))
    documents = (await desk.jobs.list_documents(job.id))[:limit]
    return call.ok(
        Group(Tag.DOCUMENT, _describe(desk, call, job, document, requested))
        for document in documents
    )


async def get_document_attributes(desk: Desk, call: IppCall) -> Message:
    job, document = await _document_of(desk, call)
    requested = frozenset(call.asked.list_words("requested-attributes") or ("all",))
    return call.ok((Group(Tag.DOCUMENT, _describe(desk, call, job, document, requested)),))


async def set_document_attributes(desk: Desk, call: IppCall) -> Message:
    job, document = await _document_of(desk, call)
    if not may_change(call.requester, job):
        raise not_yours(call.requester)
    wanted = call.message.group(Tag.DOCUMENT)
    foreign = tuple(
        Attribute(item.name, (_NOT_SETTABLE,)) for item in wanted if item.name not in SETTABLE
    )
    if foreign:
        raise RefusedError(
            Status.CLIENT_ERROR_ATTRIBUTES_NOT_SETTABLE,
            _("These attributes of a document cannot be set."),
            unsupported=foreign,
        )
    if "document-name" not in wanted:
        return call.ok()
    name = wanted.find_text("document-name") or ""  # none: it is taken away

    def work(tx: Transaction) -> None:
        _waiting(tx, job)
        tx.connection.execute(
            "UPDATE documents SET name = ? WHERE job_number = ? AND number = ?",
            (name[:255], job.number, document.number),
        )

    await desk.jobs.store.submit(work)
    return call.ok()


async def cancel_document(desk: Desk, call: IppCall) -> Message:
    """Leave a document out of its job, before anything of the job is printed."""
    job, document = await _document_of(desk, call)
    if not may_change(call.requester, job):
        raise not_yours(call.requester)
    if len(await desk.jobs.list_documents(job.id)) == 1:
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_POSSIBLE, _("It is the only document: cancel the job.")
        )
    jobs, actor = desk.jobs, call.requester.actor()

    def work(tx: Transaction) -> None:
        seen = _waiting(tx, job)
        gone = tx.connection.execute(
            "DELETE FROM documents WHERE job_number = ? AND number = ? RETURNING location, key_id",
            (job.number, document.number),
        ).fetchall()
        if not gone or not tx.list_documents(seen):
            raise IllegalTransitionError(seen.state, JobEvent.CANCELED)
        jobs.changer.change(
            tx, seen, "changed", by=actor, size_bytes=seen.size_bytes - document.size_bytes
        )
        stored = [Stored(*row) for row in gone]
        tx.after_commit(lambda: jobs.spool.erase_soon(stored))

    await jobs.store.submit(work)
    return call.ok()


def _waiting(tx: Transaction, job: Job) -> Job:
    seen = tx.get_job(job.id)
    if seen.state not in _WAITING:
        raise IllegalTransitionError(seen.state, JobEvent.HELD)
    return seen


async def _document_of(desk: Desk, call: IppCall) -> tuple[Job, Document]:
    job = await desk.job_of(call)
    number = call.asked.find_integer("document-number")
    if number is None:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("The request names no document."))
    for document in await desk.jobs.list_documents(job.id):
        if document.number == number:
            return job, document
    raise RefusedError(
        Status.CLIENT_ERROR_NOT_FOUND, _("The job has no document %(number)s.", number=number)
    )


def _describe(
    desk: Desk, call: IppCall, job: Job, document: Document, wanted: frozenset[str]
) -> tuple[Attribute, ...]:
    everything = bool(wanted & {"all", "document-description"})
    titles = call.requester.is_verified
    uri = job_uri(call.printer_uri, job.number)
    up_time = seconds(desk.clock.now()) or 1
    make: dict[str, Callable[[str], Attribute]] = {
        "document-number": lambda n: a.integer(n, document.number),
        "document-state": lambda n: a.enum(n, _STATES.get(job.state, job.state)),
        "document-state-reasons": lambda n: a.keyword(n, _REASONS.get(job.state, "none")),
        "document-name": lambda n: a.name(n, document.name if titles else _("Document")),
        "document-format": lambda n: a.media_type(n, document.format),
        "document-job-id": lambda n: a.integer(n, job.number),
        "document-job-uri": lambda n: a.uri(n, uri),
        "document-printer-uri": lambda n: a.uri(n, call.printer_uri),
        "document-uuid": lambda n: a.uri(n, f"urn:uuid:{document.id}"),
        "k-octets": lambda n: a.integer(n, -(-document.size_bytes // 1024)),
        "last-document": lambda n: a.boolean(n, value=job.last_document),
        "printer-up-time": lambda n: a.integer(n, up_time),
        "time-at-creation": lambda n: a.integer(n, seconds(job.created_at) or 0),
        "time-at-processing": lambda n: a.integer_or_nothing(n, seconds(job.processing_at)),
        "time-at-completed": lambda n: a.integer_or_nothing(n, seconds(job.completed_at)),
    }
    return tuple(make[name](name) for name in make if everything or name in wanted)
