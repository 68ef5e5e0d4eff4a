"""Raw printing on a port (9100 and others): one connection, one job; PJL says whose, or nobody."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from edge_agent.intake.desk import Audit
from edge_agent.intake.device_jobs import DeviceIntake, Said, UserRules
from edge_agent.intake.ipp_call import BodyCutShortError
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.stream_server import StreamServer, until_closed
from edge_agent.intake.targets import Directory, Target, Targets
from edge_agent.jobs.errors import SpoolFullError
from edge_agent.jobs.service import JobService
from edge_agent.service import Health
from shared.i18n import gettext as _

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0


class RawServer:
    """Listens on every port that a queue names as its raw port."""

    name = "raw"

    def __init__(
        self,
        *,
        jobs: JobService,
        directory: Directory,
        audit: Audit,
        host: str = "127.0.0.1",
        options: Mapping[str, Any] | None = None,
        limits: IntakeLimits | None = None,
        state_dir: Path | None = None,
    ) -> None:
        rules = UserRules.of(options or {})
        self._intake = DeviceIntake(jobs, directory, audit, rules, state_dir)
        self._targets = Targets(directory)
        self._host = host
        self._limits = limits or IntakeLimits()
        self._servers: dict[int, StreamServer] = {}
        self._troubles: dict[int, str] = {}
        self._watcher: asyncio.Task[None] | None = None

    @property
    def ports(self) -> list[int]:
        return sorted(self._servers)

    async def start(self) -> None:
        await self._follow()
        self._watcher = asyncio.get_running_loop().create_task(
            self._watch(), name="raw ports of the queues"
        )

    async def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        servers, self._servers = self._servers, {}
        for server in servers.values():
            await server.stop()

    def health(self) -> Health:
        figures: dict[str, int | str] = {
            "ports": ", ".join(map(str, self.ports)),
            "connections": sum(server.connections for server in self._servers.values()),
        }
        if self._troubles:
            says = "; ".join(f"{port}: {why}" for port, why in sorted(self._troubles.items()))
            return Health(ok=False, says=says, figures=figures)
        return Health(ok=True, says=_("Raw ports take jobs."), figures=figures)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._follow()

    async def _follow(self) -> None:
        """Listen where the queues say; a port that cannot be had is tried again."""
        open_targets = (t for t in self._targets.list_all() if not t.account.is_closed)
        wanted = {t.queue.raw_port for t in open_targets if t.queue.raw_port}
        for port in self._servers.keys() - wanted:
            await self._servers.pop(port).stop()
        self._troubles = {port: why for port, why in self._troubles.items() if port in wanted}
        for port in wanted - self._servers.keys():
            server = StreamServer(
                lambda reader, writer, source, port=port: self._serve(  # type: ignore[misc]
                    reader, writer, source, port
                ),
                name="raw job",
                host=self._host,
                port=port,
                limits=self._limits,
            )
            try:
                server.start()
            except OSError as error:
                self._troubles[port] = error.strerror or str(error)
                continue
            self._troubles.pop(port, None)
            self._servers[port] = server

    async def _open_target(self, reader: asyncio.StreamReader, port: int) -> Target | None:
        """Give the port's queue once it takes jobs; None where nobody waits for that any more."""
        while True:
            target = self._target(port)
            if target is None or reader.at_eof() or reader.exception() is not None:
                return None
            if not self._intake.why_closed(target):
                return target
            await asyncio.sleep(_LOOK_SECONDS)

    def _target(self, port: int) -> Target | None:
        found = [t for t in self._targets.list_all() if t.queue.raw_port == port]
        # Two accounts with one port: nobody can tell whose a job would be.
        return found[0] if len(found) == 1 else None

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        source: str,
        port: int,
    ) -> None:
        # Nothing is read while there is no room, or the operator takes no jobs: the client waits,
        # as it would for paper.
        target = await self._open_target(reader, port)
        if target is None:
            return
        chunks = until_closed(reader, self._limits)
        try:
            first = await anext(chunks, b"")
        except BodyCutShortError:
            writer.transport.abort()
            return
        if not first:
            return  # somebody looked whether the port is open
        job = await self._intake.begin(target, "raw", source)
        try:
            await job.add(_all(first, chunks), "")
        except (BodyCutShortError, SpoolFullError) as error:
            log.info("a raw job of %s came to nothing: %s", source, error)
            await job.abandon()
            writer.transport.abort()
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await job.abandon()
            raise
        else:
            await (job.finish(Said()) if job.documents else job.abandon())


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
