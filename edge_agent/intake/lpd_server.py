"""LPD (RFC 1179): receive, status, remove; a job is acknowledged when it is on disk, never before.

Files come in either order, several to a job, several jobs to a connection; the quirks are those
of real clients, in ``lpd_protocol``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from edge_agent.intake.access import CLAIMED, Requester, owns
from edge_agent.intake.desk import Audit
from edge_agent.intake.device_jobs import DeviceIntake, DeviceJob, Said, UserRules
from edge_agent.intake.ipp_call import BodyCutShortError
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.lpd_protocol import (
    LONGEST_LINE,
    Code,
    Command,
    ControlFile,
    LpdError,
    Sub,
    Subcommand,
    job_key,
    read_command,
    read_control_file,
    read_subcommand,
)
from edge_agent.intake.stream_server import Pace, StreamServer, until_closed
from edge_agent.intake.targets import PREFIX, Directory, Target, Targets, read_path
from edge_agent.jobs.errors import IllegalTransitionError, SpoolFullError
from edge_agent.jobs.service import JobService
from edge_agent.service import Health
from shared.i18n import gettext as _
from shared.secrets import canonical_username

log = logging.getLogger(__name__)

_ACK: Final = b"\0"
_NAK: Final = b"\1"
_PIECE: Final = 1 << 17
_MOST_REMOVED: Final = 100


class LpdServer:
    """The LPD service."""

    name = "lpd"

    def __init__(
        self,
        *,
        jobs: JobService,
        directory: Directory,
        audit: Audit,
        host: str = "127.0.0.1",
        port: int = 515,
        options: Mapping[str, Any] | None = None,
        limits: IntakeLimits | None = None,
        state_dir: Path | None = None,
    ) -> None:
        options = options or {}
        self._intake = DeviceIntake(jobs, directory, audit, UserRules.of(options), state_dir)
        self._targets = Targets(directory)
        self._audit = audit
        self._allowed = [ipaddress.ip_network(str(n)) for n in options.get("allow", ())]
        self._limits = limits or IntakeLimits()
        self._server = StreamServer(
            self._serve, name="LPD connection", host=host, port=port, limits=self._limits
        )
        self._runs = False

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        self._server.start()
        self._runs = True

    async def stop(self) -> None:
        self._runs = False
        await self._server.stop()

    def health(self) -> Health:
        if not self._runs:
            return Health(ok=False, says=_("LPD does not listen."))
        figures: dict[str, int | str] = {
            "port": self.port,
            "connections": self._server.connections,
        }
        return Health(ok=True, says=_("LPD takes jobs."), figures=figures)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, source: str
    ) -> None:
        wire = _Wire(reader, writer, self._limits)
        if not self._is_allowed(source):
            self._refuse(source, "address")
            return
        try:
            command = read_command(await wire.line())
        except LpdError as error:
            log.debug("not LPD from %s: %s", source, error)
            return
        target = self._find(command.queue)
        if target is None:
            self._refuse(source, "no-such-queue")
            await wire.answer(_NAK)
        elif command.code is Code.RECEIVE_JOB:
            await _Reception(self._intake, target, wire, source).run()
        elif command.code in (Code.SHORT_STATUS, Code.LONG_STATUS):
            await wire.answer(await self._status(target))
        elif command.code is Code.REMOVE_JOBS:
            await wire.answer(await self._remove(target, command, source))
        else:
            await wire.answer(_ACK)  # what waits is printed anyhow

    def _find(self, name: str) -> Target | None:
        """``queue`` with a single account, ``account/queue`` always."""
        path = read_path(PREFIX + name.strip("/"))
        if path is None or path.token is not None or path.job_number is not None:
            return None
        return self._targets.find(PREFIX + "/".join(path.segments))

    def _is_allowed(self, source: str) -> bool:
        if not self._allowed:
            return True
        address = ipaddress.ip_address(source.partition("%")[0])
        return any(address in network for network in self._allowed)

    def _refuse(self, source: str, reason: str) -> None:
        self._audit.record("lpd.refused", ok=False, source=source, detail={"reason": reason})

    async def _status(self, target: Target) -> bytes:
        """Say how the queue is; whose jobs wait is nobody's business who cannot sign in."""
        count = await self._intake.jobs.count_active(target.queue.id)
        ready = self._intake.why_closed(target) or _("ready")
        says = _(
            "%(queue)s is %(ready)s, jobs: %(count)s",
            queue=target.queue.path, ready=ready, count=count,
        )  # fmt: skip
        return f"{says}\n".encode()

    async def _remove(self, target: Target, command: Command, source: str) -> bytes:
        """Cancel jobs by number that were claimed by this name from this address."""
        agent, *items = command.words or ("",)
        try:
            name = canonical_username(agent)
        except ValueError:
            return _NAK
        requester = Requester(CLAIMED, source, secure=False, loopback=False, name=name)
        removed = 0
        numbers = [int(item) for item in items[:_MOST_REMOVED] if item.isdigit() and len(item) < 10]  # noqa: PLR2004
        for number in numbers:
            job = await self._intake.jobs.find(number)
            if job is None or job.queue_id != target.queue.id or not owns(requester, job):
                self._refuse(source, "not-entitled")
                continue
            try:
                await self._intake.jobs.cancel(job.id, requester.actor())
                removed += 1
            except IllegalTransitionError:
                continue
        return _ACK if removed == len(numbers) else _NAK


class _Wire:
    """A connection with its deadlines."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: IntakeLimits
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits

    async def line(self, *, first: bool = True) -> bytes:
        """Read a line; empty when the client has nothing more to say.

        Raises:
            LpdError: It is too long, or cut off.
        """
        seconds = self._limits.header_seconds if first else self._limits.idle_seconds
        try:
            async with asyncio.timeout(seconds):
                line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if error.partial.strip(b"\0"):
                raise LpdError("a line that is cut off") from None
            return b""
        except asyncio.LimitOverrunError:
            raise LpdError("a line that is too long") from None
        if len(line) > LONGEST_LINE:
            raise LpdError("a line that is too long")
        # Some clients send the octet that ends a file once more.
        return line[:-1].lstrip(b"\0").rstrip(b"\r")

    async def octets(self, size: int) -> AsyncIterator[bytes]:
        """Give exactly so many octets.

        Raises:
            BodyCutShortError: There are fewer, or they come too slowly.
        """
        left = size
        pace = Pace(self._limits)
        while left:
            chunk = await pace.read(self._reader, min(left, _PIECE))
            if not chunk:
                raise BodyCutShortError("the file is shorter than promised")
            left -= len(chunk)
            yield chunk

    def rest(self) -> AsyncIterator[bytes]:
        return until_closed(self._reader, self._limits)

    async def end_of_file(self) -> None:
        """Read the octet that ends a file; a client that closes instead has ended it too."""
        async with asyncio.timeout(self._limits.idle_seconds):
            octet = await self._reader.read(1)
        if octet not in (b"\0", b""):
            raise LpdError("a file that is longer than promised")

    async def answer(self, data: bytes) -> None:
        self._writer.write(data)
        async with asyncio.timeout(self._limits.write_seconds):
            await self._writer.drain()


class _Reception:
    """*Receive a job*: the files of one connection, put together to jobs."""

    def __init__(self, intake: DeviceIntake, target: Target, wire: _Wire, source: str) -> None:
        self._intake = intake
        self._target = target
        self._wire = wire
        self._source = source
        self._job: DeviceJob | None = None
        self._key = ""
        self._control: ControlFile | None = None

    async def run(self) -> None:
        if self._intake.why_closed(self._target):
            await self._wire.answer(_NAK)
            return
        await self._wire.answer(_ACK)
        try:
            while line := await self._wire.line(first=False):
                if not await self._file(read_subcommand(line)):
                    break
        except (LpdError, BodyCutShortError, SpoolFullError) as error:
            log.info("an LPD job of %s came to nothing: %s", self._source, error)
            await self._wire.answer(_NAK)
        finally:
            await self._abandon()

    async def _file(self, command: Subcommand) -> bool:
        """Take one file and acknowledge it; False when nothing can follow."""
        if command.code is Sub.ABORT:
            await self._abandon()
            await self._wire.answer(_ACK)
            return True
        if command.name and self._key and job_key(command.name) != self._key:
            await self._abandon()  # another job begins, and this one was not whole
        self._key = job_key(command.name) or self._key
        await self._wire.answer(_ACK)
        if command.code is Sub.CONTROL_FILE:
            await self._take_control(command.size or 0)
        else:
            await self._take_data(command)
        await self._finish_if_whole(closed=not command.has_size)
        await self._wire.answer(_ACK)
        return command.has_size

    async def _take_control(self, size: int) -> None:
        content = b"".join([chunk async for chunk in self._wire.octets(size)])
        await self._wire.end_of_file()
        self._control = read_control_file(content)

    async def _take_data(self, command: Subcommand) -> None:
        if self._job is None:
            self._job = await self._intake.begin(self._target, "lpd", self._source)
        if command.size is None:
            await self._job.add(self._wire.rest(), command.name)
        else:
            await self._job.add(self._wire.octets(command.size), command.name)
            await self._wire.end_of_file()

    async def _finish_if_whole(self, *, closed: bool) -> None:
        """End the job when control file and all data files are here, or nothing can follow."""
        job, control = self._job, self._control
        if job is None or not job.documents:
            return
        if control is None and not closed:
            return
        if control is not None and job.documents < len(control.files) and not closed:
            return
        said = Said()
        if control is not None:
            copies = max((file.copies for file in control.files), default=1)
            said = Said(control.user, control.title, control.host, copies)
        await job.finish(said)
        self._job, self._control, self._key = None, None, ""

    async def _abandon(self) -> None:
        job, self._job, self._control, self._key = self._job, None, None, ""
        if job is not None:
            await job.abandon()
