"""What every gateway has, whatever services it runs: built once, handed to those who need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from edge_agent.jobs import outbox
from edge_agent.jobs.counting import Counter
from edge_agent.jobs.model import Job
from edge_agent.jobs.service import JobService
from edge_agent.jobs.store import JobStore
from edge_agent.ledger import Ledger
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
from shared.messages.records import SecretRecord


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
    ledger = Ledger(store, clock)
    calls = Calls(clock, encode=encode_calls)
    audit = Audit(clock, ledger.tell_all)
    directory = Directory(replica, gateway_id, unseal, clock)
    enrolling = Enrolling(
        directory,
        audit,
        clock,
        lender=replica,
        tell=ledger.tell,
        untold=ledger.untold_cards,
    )
    jobs = JobService(store, spool, clock, counter=counter or PageCounter())
    storage = StorageService(jobs, calls)
    pins = PrinterPins(state_dir / "printer-pins.json")
    driver = IppDriver(
        clock, user_name=lambda job: _user_name(directory, job), pins=pins, unsent=ledger.unsent
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
        Pairings(directory, ledger.submit, clock),
        Authentication(
            state_dir,
            directory,
            calls,
            audit,
            clock,
            enrolling=enrolling,
            codes=Codes(clock, ledger.tell),
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
