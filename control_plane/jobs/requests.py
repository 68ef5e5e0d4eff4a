"""What people and programs ask about a job: asked of its gateway, done when that says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.audit.actor import Actor
from control_plane.commands import service as commands
from control_plane.commands.models import Command
from control_plane.errors import ConflictError, InvalidError, NotFoundError
from control_plane.jobs import repository
from control_plane.jobs.models import Job
from control_plane.printers import service as printers
from control_plane.users import service as users
from shared.ids import AccountId, JobId, PrinterId, UserId
from shared.job_states import Hold, JobState
from shared.messages.commands import CommandKind


def release(
    session: Session, account_id: AccountId, job_id: JobId, printer_id: PrinterId, by: Actor
) -> Command:
    """Ask for a held job to be printed at a printer of the account.

    Raises:
        NotFoundError: There is no such job.
        InvalidError: There is no such printer.
        ConflictError: It is not held, or it is nobody's.
    """
    job = _get(session, account_id, job_id)
    try:
        printers.get_printer(session, account_id, printer_id)
    except NotFoundError as error:
        raise InvalidError("printer_id", str(error)) from None
    if job.state != JobState.PENDING_HELD:
        raise ConflictError("the job is not held")
    if job.owner_id is None:
        raise ConflictError("nobody knows whose job it is; give it to a person first")
    body = {"printer_id": printer_id, "owner_id": job.owner_id}
    return _ask(session, job, CommandKind.RELEASE_JOB, body, by)


def cancel(session: Session, account_id: AccountId, job_id: JobId, by: Actor) -> Command:
    """Ask for a job and its documents to be deleted.

    Raises:
        NotFoundError: There is no such job.
        ConflictError: It has ended already.
    """
    job = _get(session, account_id, job_id)
    if JobState(job.state).is_final:
        raise ConflictError("the job has ended already")
    return _ask(session, job, CommandKind.CANCEL_JOB, {}, by)


def cancel_many(
    session: Session, account_id: AccountId, ids: Collection[JobId], by: Actor
) -> Sequence[Command]:
    """Ask for several jobs to be deleted; those that have ended already are left as they are.

    Raises:
        InvalidError: One of them is no job of the account; then none is deleted.
    """
    found = repository.list_by_id(session, account_id, ids)
    if len(found) < len(set(ids)):
        raise InvalidError("job_ids", "there is no such job")
    waiting = [job for job in found if not JobState(job.state).is_final]
    return [_ask(session, job, CommandKind.CANCEL_JOB, {}, by) for job in waiting]


def reassign(
    session: Session, account_id: AccountId, job_id: JobId, owner_id: UserId, by: Actor
) -> Command:
    """Ask for a job that is nobody's to be given to a person of the account.

    Raises:
        NotFoundError: There is no such job.
        InvalidError: There is no such person.
        ConflictError: It is somebody's, or it has ended.
    """
    job = _get(session, account_id, job_id)
    try:
        users.get_user(session, tenants.account(account_id), owner_id)
    except NotFoundError as error:
        raise InvalidError("owner_id", str(error)) from None
    # Never out of somebody's hands: only what waits because nobody knows whose it is.
    if job.state != JobState.PENDING_HELD or Hold.QUARANTINE.value not in job.reasons:
        raise ConflictError("only a job that is nobody's is given to a person")
    return _ask(session, job, CommandKind.REASSIGN_JOB, {"owner_id": owner_id}, by)


def _get(session: Session, account_id: AccountId, job_id: JobId) -> Job:
    job = repository.find_job(session, account_id, job_id)
    if job is None:
        raise NotFoundError("job", job_id)
    return job


def _ask(
    session: Session, job: Job, kind: CommandKind, body: Mapping[str, Any], by: Actor
) -> Command:
    whole = {"account_id": job.account_id, "job_id": job.id, **body}
    tenant = tenants.account(job.account_id)
    return commands.ask(session, tenant, job.gateway_id, kind, body=whole, by=by)
