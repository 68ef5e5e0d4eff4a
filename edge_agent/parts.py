"""What every gateway has, whatever services it runs: built once, handed to those who need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from edge_agent.audit import Audit
from edge_agent.calls import Calls
from edge_agent.counting.counter import PageCounter
from edge_agent.devices.status import ask_printer
from edge_agent.devices.watch import PrinterWatch
from edge_agent.identity.authentication import Authentication
from edge_agent.identity.codes import Codes
from edge_agent.identity.directory import Directory
from edge_agent.identity.enrolling import Enrolling
from edge_agent.identity.session import Stations
from edge_agent.jobs import outbox, queries
from edge_agent.jobs.counting import Counter
from edge_agent.jobs.errors import JobStoreError, SpoolFullError
from edge_agent.jobs.model import Job
from edge_agent.jobs.rows import to_milliseconds
from edge_agent.jobs.service import JobService
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction
from edge_agent.output.ipp import IppDriver
from edge_agent.output.printer_pins import PrinterPins
from edge_agent.output_service import OutputService
from edge_agent.spool.spool import Spool
from edge_agent.storage import StorageService
from edge_agent.sync.replica import Replica
from edge_agent.terminal.pairing import Pairings
from edge_agent.terminal.printers import PrinterStates
from shared.clock import Clock
from shared.ids import GatewayId
from shared.messages import codec
from shared.messages.events import AuditRecorded, CardEnrolled, SignInCodeUsed
from shared.messages.records import SecretRecord

T = TypeVar("T")

_LEFT_BEHIND: Final = timedelta(days=1)  # so long a printer may keep what we began and lost


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one gateway."""

    state_dir: Path
    gateway_id: GatewayId
    clock: Clock
    calls: Calls
    replica: Replica
    directory: Directory
    jobs: JobService
    audit: Audit
    stations: Stations
    pairings: Pairings
    authentication: Authentication
    storage: StorageService
    output: OutputService
    printers: PrinterStates
    watch: PrinterWatch

    async def start(self) -> None:
        await self.jobs.start()
        # Before the first fact: the chain of the outbox begins with whose it is.
        await self.jobs.store.submit(lambda tx: outbox.identify(tx.connection, self.gateway_id))
        self.jobs.listeners.on_changed(self._on_job_changed)

    async def stop(self) -> None:
        """Close what is open; what is committed stays."""
        self.stations.close()
        await self.audit.flush()
        await self.jobs.stop()
        self.replica.close()

    def _on_job_changed(self, job: Job) -> None:
        self.printers.on_job_changed(job)
        self.stations.on_job_changed(job.account_id, job.owner_id, job.printer_id)


def build_parts(
    state_dir: Path,
    gateway_id: GatewayId,
    clock: Clock,
    *,
    unseal: Callable[[SecretRecord], bytes],
    counter: Counter | None = None,
    encode_calls: bool = False,
) -> Parts:
    """Open the gateway's files and put its parts together; nothing runs yet."""
    replica = Replica(state_dir / "replica.db")
    spool = Spool(state_dir, clock.now)
    store = JobStore(state_dir, spool)

    async def submit(work: Callable[[Transaction], T]) -> T:
        try:
            return await store.submit(work)
        except (JobStoreError, SpoolFullError) as error:
            raise OSError(str(error)) from error

    async def write_audit(facts: Sequence[AuditRecorded]) -> None:
        def enqueue(tx: Transaction) -> None:
            for fact in facts:
                tx.enqueue(fact)

        await submit(enqueue)

    async def tell(fact: CardEnrolled | SignInCodeUsed) -> None:
        await submit(lambda tx: tx.enqueue(fact))

    async def untold_cards() -> Sequence[CardEnrolled]:
        bodies = await store.read(lambda c: outbox.untold(c, CardEnrolled.KIND))
        return [codec.from_plain(CardEnrolled, body) for body in bodies]

    calls = Calls(clock, encode=encode_calls)
    audit = Audit(clock, write_audit)
    directory = Directory(replica, gateway_id, unseal, clock)
    enrolling = Enrolling(
        directory,
        audit,
        clock,
        lender=replica,
        tell=tell,
        untold=untold_cards,
    )
    jobs = JobService(store, spool, clock, counter=counter or PageCounter())
    storage = StorageService(jobs, calls)
    pins = PrinterPins(state_dir / "printer-pins.json")

    async def unsent() -> Sequence[Job]:
        since = to_milliseconds(clock.now() - _LEFT_BEHIND)
        return await store.read(lambda c: queries.list_unsent(c, since))

    driver = IppDriver(
        clock, user_name=lambda job: _user_name(directory, job), pins=pins, unsent=unsent
    )
    return Parts(
        state_dir,
        gateway_id,
        clock,
        calls,
        replica,
        directory,
        jobs,
        audit,
        Stations(calls, audit, clock),
        Pairings(directory, submit, clock),
        Authentication(
            state_dir,
            directory,
            calls,
            audit,
            clock,
            enrolling=enrolling,
            codes=Codes(clock, tell),
        ),
        storage,
        OutputService(
            jobs,
            calls,
            lambda _: driver,
            directory.printer,
            storage.open_document,
            order_path=state_dir / "lines.json",
        ),
        PrinterStates(),
        PrinterWatch(directory, partial(ask_printer, pins=pins, clock=clock), clock),
    )


def _user_name(directory: Directory, job: Job) -> str:
    """Whose name the printer is told: its display and its own log then say whose pages come."""
    user = directory.user(job.account_id, job.owner_id) if job.owner_id else None
    return user.username if user else job.claimed_name or "spoolhouse"
