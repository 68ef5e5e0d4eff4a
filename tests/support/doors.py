"""A gateway's door for uploads: the real one on the loopback, and curl in front of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from edge_agent.audit import Audit
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.tls import key_pin, listener_context
from edge_agent.intake.upload_door import UploadDoor
from edge_agent.jobs.transaction import Transaction
from shared.crypto.signing import Signer, Verifier
from shared.ids import JobId, new_id
from shared.messages import uploads
from shared.messages.events import AuditRecorded
from shared.messages.uploads import UPLOAD_PATH, UploadTicket
from tests.support.jobs import Jobs, a_job_service
from tests.support.people import ManualClock, People, people

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"\n%%EOF\n"


@dataclass
class DoorSite:
    """One gateway with Alder's and Cedar's people, its door, and the primary's signing key."""

    people: People
    jobs: Jobs
    door: UploadDoor
    signer: Signer
    clock: ManualClock
    key_pin: str
    audited: list[AuditRecorded]
    audit: Audit

    def ticket(self, **changes: Any) -> UploadTicket:
        """Ada's, for Alder's pull queue."""
        alder, now = self.people.alder, self.clock.now()
        ticket = UploadTicket(
            v=uploads.VERSION,
            job_id=JobId(new_id()),
            gateway_id=self.people.gateway_id,
            account_id=alder.id,
            user_id=alder.users["ada"].id,
            queue_id=self.people.pull.id,
            title="Report",
            document_format="application/pdf",
            max_bytes=1 << 20,
            issued_at=now,
            expires_at=now + timedelta(minutes=15),
        )
        return replace(ticket, **changes)

    def sealed(self, ticket: UploadTicket) -> str:
        return uploads.seal(self.signer, ticket)

    async def put(
        self, document: bytes, ticket: str | None, *options: str, scheme: str = "https"
    ) -> tuple[int, dict[str, Any]]:
        """Bring a document as documented: with the gateway's key pinned."""
        url = f"{scheme}://127.0.0.1:{self.door.port}{UPLOAD_PATH}"
        source = () if "-T" in options else ("-T", "-")
        return await curl(
            *source, *_bearer(ticket), "-k", "--pinnedpubkey", self.key_pin, *options, url,
            stdin=document,
        )  # fmt: skip

    async def refusals(self) -> list[str]:
        await self.audit.flush()
        return [str(fact.detail["reason"]) for fact in self.audited if fact.outcome == "refused"]


def _bearer(ticket: str | None) -> Sequence[str]:
    return () if ticket is None else ("-H", f"Authorization: Bearer {ticket}")


async def curl(*arguments: str, stdin: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Run curl; the status (0: no answer) and what was answered."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "--max-time", "60", "-w", "\n%{http_code}", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate(stdin)
    body, _, status = said.decode().rpartition("\n")
    return int(status), json.loads(body) if body.startswith("{") else {}


@asynccontextmanager
async def a_door(
    folder: Path, *, limits: IntakeLimits | None = None, **job_options: Any
) -> AsyncIterator[DoorSite]:
    clock = ManualClock()
    known = people(folder, clock=clock)
    signer = Signer(Signer.new_key())
    audited: list[AuditRecorded] = []
    async with a_job_service(folder, clock=clock, **job_options) as jobs:

        async def write(facts: Sequence[AuditRecorded]) -> None:
            def work(tx: Transaction) -> None:
                for fact in facts:
                    tx.enqueue(fact)

            await jobs.store.submit(work)
            audited.extend(facts)

        audit = Audit(clock, write)
        tls = listener_context(folder / "identity", ["localhost"])
        pin = key_pin(folder / "identity")
        door = UploadDoor(
            gateway_id=known.gateway_id,
            verifier=lambda: Verifier([signer.public_key]),
            jobs=jobs.service,
            directory=known.directory,
            audit=audit,
            clock=clock,
            now=clock.now,
            tls=tls,
            key_pin=pin,
            limits=limits,
            state_dir=folder,
        )
        await door.start()
        try:
            yield DoorSite(known, jobs, door, signer, clock, pin, audited, audit)
        finally:
            await door.stop()
