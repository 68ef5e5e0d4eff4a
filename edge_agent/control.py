"""What the primary can ask of this gateway by a command; each act says what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from edge_agent import doctor
from edge_agent.calls import CallFailedError
from edge_agent.jobs.errors import IllegalTransitionError, JobNotFoundError
from edge_agent.jobs.model import Actor, Job
from edge_agent.output.ipp_identify import identify
from edge_agent.sync.commands import LATER, Act, CommandRefusedError
from shared import clock
from shared.ids import AccountId, JobId, PrinterId, UserId, is_id
from shared.messages.calls import ReleaseJobs
from shared.messages.commands import Command, CommandKind
from shared.messages.records import PrinterRecord

if TYPE_CHECKING:
    from edge_agent.agent import Agent

RELEASE_SECONDS: Final = 20.0
IDENTIFY_ACTIONS: Final = ("sound", "display", "flash")


class Control:
    """The acts of one gateway."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._parts = agent.parts

    def acts(self) -> Mapping[CommandKind, Act]:
        return {
            CommandKind.RELEASE_JOB: self._release,
            CommandKind.CANCEL_JOB: self._cancel,
            CommandKind.REASSIGN_JOB: self._reassign,
            CommandKind.IDENTIFY_PRINTER: self._identify,
            CommandKind.DIAGNOSE_PRINTER: self._diagnose_printer,
            CommandKind.DIAGNOSE: self._diagnose,
            CommandKind.REHEARSE: self._rehearse,
            CommandKind.END_REHEARSAL: self._end_rehearsal,
        }

    async def _release(self, command: Command) -> Mapping[str, Any]:
        job_id = JobId(_id(command, "job_id"))
        call = ReleaseJobs(
            # A command that is carried out again after a cut releases nothing more.
            header=self._parts.calls.header(RELEASE_SECONDS, command.id),
            account_id=AccountId(_id(command, "account_id")),
            owner_id=UserId(_id(command, "owner_id")),
            job_ids=(job_id,),
            printer_id=PrinterId(_id(command, "printer_id")),
            by="command",
        )
        try:
            answer = await self._parts.calls.ask(call)
        except CallFailedError as error:
            raise CommandRefusedError(error.says) from None
        if job_id not in answer.released:
            raise CommandRefusedError(answer.refused.get(job_id, "it was not released"))
        return {"released": list(answer.released)}

    async def _cancel(self, command: Command) -> Mapping[str, Any]:
        job = await self._find(command)
        try:
            canceled = await self._parts.jobs.cancel(job.id, Actor("command"))
        except (IllegalTransitionError, JobNotFoundError) as error:
            raise CommandRefusedError(str(error)) from None
        return {"state": canceled.state.keyword}

    async def _reassign(self, command: Command) -> Mapping[str, Any]:
        job, owner_id = await self._find(command), UserId(_id(command, "owner_id"))
        if self._parts.directory.user(job.account_id, owner_id) is None:
            raise CommandRefusedError("this gateway does not know the person")
        try:
            await self._parts.jobs.adopt(job.id, owner_id, Actor("command"))
        except (IllegalTransitionError, JobNotFoundError) as error:
            raise CommandRefusedError(str(error)) from None
        return {"owner_id": owner_id}

    async def _find(self, command: Command) -> Job:
        """The job that a command is about, where it is of that account."""
        account_id = AccountId(_id(command, "account_id"))
        job = await self._parts.jobs.find(JobId(_id(command, "job_id")))
        if job is None or job.account_id != account_id:
            raise CommandRefusedError("there is no such job here")
        return job

    async def _identify(self, command: Command) -> Mapping[str, Any]:
        printer = self._find_printer(command)
        refusal = await identify(printer, IDENTIFY_ACTIONS, "")
        if refusal is not None:
            raise CommandRefusedError(refusal)
        return {"says": "the printer makes itself known"}

    def _find_printer(self, command: Command) -> PrinterRecord:
        printer = self._parts.directory.printer_of(
            AccountId(_id(command, "account_id")), PrinterId(_id(command, "printer_id"))
        )
        if printer is None:
            raise CommandRefusedError("this gateway does not know the printer")
        return printer

    async def _diagnose_printer(self, command: Command) -> Mapping[str, Any]:
        status = await self._parts.watch.look_at(self._find_printer(command))
        return status.to_plain()

    async def _diagnose(self, _command: Command) -> Mapping[str, Any]:
        """Tell how everything is, with what the doctor finds at this machine."""
        found = await asyncio.to_thread(doctor.examine, self._parts.state_dir)
        return {**self._agent.condition(), "findings": [finding.plain() for finding in found]}

    async def _rehearse(self, command: Command) -> Mapping[str, Any]:
        """Behave as cut; what was asked long ago surprises whoever is near now."""
        seconds, before = command.body.get("seconds"), command.body.get("begin_before")
        if not isinstance(seconds, int) or not isinstance(before, str):
            raise CommandRefusedError("seconds or begin_before is missing")
        if clock.to_wire(self._agent.primary_now()) >= before:
            raise CommandRefusedError("it came too late")
        await self._agent.rehearsal.begin(command.id, seconds)
        return LATER

    async def _end_rehearsal(self, _command: Command) -> Mapping[str, Any]:
        if not await self._agent.rehearsal.end("primary"):
            raise CommandRefusedError("no rehearsal goes on here")
        return {"ended": True}


def _id(command: Command, name: str) -> str:
    value = command.body.get(name)
    if not isinstance(value, str) or not is_id(value):
        raise CommandRefusedError(f"{name} is missing")
    return value
