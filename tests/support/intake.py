"""A gateway's intake for tests: real store and spool, real directory and sign-in, port 0."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from edge_agent.audit import Audit
from edge_agent.calls import Calls
from edge_agent.identity.authentication import Authentication
from edge_agent.intake.ipp_server import IppServer
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.tls import listener_context
from edge_agent.jobs import incoming
from edge_agent.jobs.transaction import Transaction
from shared.clock import SystemClock
from shared.ipp.build import request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.message import Attribute, Group, Message
from shared.messages.events import AuditRecorded
from shared.messages.records import IdentityPolicy, ServedAccountRecord, gateway_stream
from tests.support.enrolling import an_enrolling, codes_told
from tests.support.jobs import Jobs, a_job_service
from tests.support.people import PASSWORD, People, people

SUITES = Path("/usr/share/cups/ipptool")


@dataclass
class IntakeSite:
    """One gateway with Alder's pull and direct queue, listening on the loopback."""

    people: People
    jobs: Jobs
    audit: Audit
    authentication: Authentication
    server: IppServer
    audited: list[AuditRecorded]
    folder: Path

    @property
    def port(self) -> int:
        return self.server.port

    def uri(self, queue: str, *, secure: bool = False) -> str:
        return f"{'ipps' if secure else 'ipp'}://localhost:{self.port}/ipp/print/{queue}"

    async def refusals(self) -> list[AuditRecorded]:
        await self.audit.flush()
        return [fact for fact in self.audited if fact.outcome == "refused"]

    async def ipp(
        self,
        operation: int,
        queue: str = "direct",
        *,
        user: str | None = "ada",
        password: str | None = None,
        secure: bool = False,
        job_id: int | None = None,
        attributes: Sequence[Attribute] = (),
        groups: Sequence[Group] = (),
        body: bytes = b"",
    ) -> Message:
        """Ask as a client would; with a password by Basic."""
        message = request(
            operation,
            self.uri(queue, secure=secure),
            user=user,
            job_id=job_id,
            attributes=attributes,
            groups=groups,
        )
        status, answer = await self.post(
            f"/ipp/print/{queue}",
            encode_message(message) + body,
            secure=secure,
            headers=_basic(user or "", password) if password is not None else {},
        )
        if status != 200:
            raise HttpStatusError(status)
        return decode_message(answer)[0]

    async def post(
        self,
        path: str,
        body: Any,
        *,
        secure: bool = False,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        url = f"{'https' if secure else 'http'}://127.0.0.1:{self.port}{path}"
        named = {"Content-Type": "application/ipp", **(headers or {})}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=named, ssl=False) as response,
        ):
            return response.status, await response.read()


def _basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


class HttpStatusError(Exception):
    """The answer was no IPP."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@asynccontextmanager
async def an_intake_site(
    folder: Path,
    *,
    printer_uri: str = "ipp://127.0.0.1:1/ipp/print",
    limits: IntakeLimits | None = None,
    both_accounts: bool = False,
    known: People | None = None,
    time_out_seconds: int = incoming.DEFAULT_SECONDS,
    **job_options: Any,
) -> AsyncIterator[IntakeSite]:
    """Run the site; the pull queue wants sign-in over TLS, the direct queue takes names."""
    clock = SystemClock()
    known = known or people(folder, printer_uri=printer_uri)
    if not both_accounts:
        known.feed.remove(gateway_stream(known.gateway_id), ServedAccountRecord, known.cedar.id)
    known.pull = replace(known.pull, identity=IdentityPolicy.SIGN_IN_OVER_TLS)
    known.direct = replace(known.direct, identity=IdentityPolicy.CLAIMED)
    known.feed.put(known.alder.stream, known.pull, known.direct)
    audited: list[AuditRecorded] = []
    async with AsyncExitStack() as stack:
        jobs = await stack.enter_async_context(a_job_service(folder, **job_options))

        async def write(facts: Sequence[AuditRecorded]) -> None:
            def work(tx: Transaction) -> None:
                for fact in facts:
                    tx.enqueue(fact)

            await jobs.store.submit(work)
            audited.extend(facts)

        audit = Audit(clock, write)
        authentication = Authentication(
            folder,
            known.directory,
            Calls(clock),
            audit,
            clock,
            enrolling=an_enrolling(known, audit)[0],
            codes=codes_told(clock)[0],
        )
        await authentication.start()
        stack.push_async_callback(authentication.stop)
        server = IppServer(
            jobs=jobs.service,
            directory=known.directory,
            authentication=authentication,
            audit=audit,
            clock=clock,
            port=0,
            tls=listener_context(folder / "identity", ["localhost"]),
            limits=limits,
            time_out_seconds=time_out_seconds,
        )
        await server.start()
        stack.push_async_callback(server.stop)
        yield IntakeSite(known, jobs, audit, authentication, server, audited, folder)


@dataclass(frozen=True)
class IpptoolRun:
    """What ipptool said."""

    code: int
    output: str

    def names(self, verdict: str) -> list[str]:
        return re.findall(rf"^\s+(.+?)\s+\[{verdict}\]$", self.output, re.MULTILINE)

    @property
    def passed(self) -> list[str]:
        return self.names("PASS")

    @property
    def failed(self) -> list[str]:
        return self.names("FAIL")

    @property
    def skipped(self) -> list[str]:
        return self.names("SKIP")


async def ipptool(
    *arguments: str, cwd: Path | None = None, timeout_seconds: float = 60
) -> IpptoolRun:
    """Run CUPS' ipptool; it is somebody else's idea of what IPP is."""
    process = await asyncio.create_subprocess_exec(
        shutil.which("ipptool") or "ipptool",
        *arguments,
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
    return IpptoolRun(process.returncode or 0, output.decode(errors="replace"))


__all__ = ["PASSWORD", "SUITES", "HttpStatusError", "IntakeSite", "an_intake_site", "ipptool"]
