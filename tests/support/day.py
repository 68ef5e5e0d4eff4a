"""A day at Alder: sites, printers, people at work, and a little trouble."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from control_plane import tenants
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.database import utc_now
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import GatewayChanges, NewGateway
from control_plane.groups import service as groups
from control_plane.groups.schemas import NewGroup
from control_plane.jobs import service as jobs
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue
from control_plane.readers import service as readers
from control_plane.readers.schemas import NewReader
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.terminals import service as terminals
from shared.ids import GatewayId, JobId, PrinterId, QueueId, TerminalId, UserId, new_id
from shared.job_states import Hold, JobState
from shared.messages.events import (
    AuditRecorded,
    JobChanged,
    JobCounted,
    JobReceived,
    Source,
    TerminalPaired,
    UsageRecorded,
)
from shared.messages.records import QueueType, ReaderMode
from tests.support.primary_site import Site


def live_a_day(site: Site) -> JobId:
    """Let Alder have sites, printers, people at work, and a little trouble; returns a held job."""
    with site.parts.database.writing() as session:
        day = _Day(site, session)
        day.furnish()
        return day.work()


def send_titles(site: Site, titles: Sequence[str]) -> None:
    """Let Ada send a document of each title just now."""
    with site.parts.database.writing() as session:
        day = _Day(site, session)
        for title in titles:
            day.send(title, site.town.ada.id, timedelta(), pages=1)


VERA = Actor("user", name="Vera")  # who furnished the house


def _said(state: str, *reasons: str, black: int = 60) -> dict[str, Any]:
    levels = (("Black", black), ("Cyan", 72), ("Magenta", 41), ("Yellow", 55))
    supplies = [{"name": name, "level": level, "color": ""} for name, level in levels]
    model = "Example Workgroup 4200"
    return {
        "ok": not reasons, "state": state, "says": "", "reasons": reasons and list(reasons),
        "model": model, "queued": 0, "supplies": supplies, "took_ms": 18, "age_seconds": 12,
    }  # fmt: skip


_SAID_BY_PRINTERS = (
    _said("idle", "toner-low-warning", black=6),
    _said("stopped", "media-empty-error"),
    _said("processing"),
)


class _Day:
    def __init__(self, site: Site, session: Any) -> None:
        self.session = session
        self.town = site.town
        self.vault = site.parts.vault
        self.account_id = site.town.alder.account.id
        self.tenant = tenants.account(self.account_id)
        self.now = utc_now()
        self.number = 0
        self.gateway_id = site.town.alder.gateway.id
        self.queue_id = site.town.alder.pull.id
        self.told: dict[str, Any] = {}  # what the first gateway says of its things

    def furnish(self) -> None:
        self.session.add(self.town.alder.account)
        self.town.alder.account.name = "Alder Ltd"
        places = {
            name: sites.create(self.session, self.account_id, NewSite(name=name), VERA)
            for name in ("Head office", "Leeds", "Warehouse")
        }
        first = self.town.alder.gateway.id
        gateways.update(
            self.session,
            self.tenant,
            first,
            GatewayChanges(name="HQ-1", site_id=places["Head office"].id),
            VERA,
        )
        self.hear(first, timedelta(seconds=4))
        for name, place, age in (("Leeds-1", "Leeds", 7), ("Warehouse-1", "Warehouse", 26 * 60)):
            new = NewGateway(name=name, site_id=places[place].id)
            made = gateways.create(self.session, self.tenant, new, VERA, vault=self.vault)
            self.hear(made.id, timedelta(seconds=age))
        self.printers = [self.town.alder.printer.id]
        for name, place, location in (
            ("Reception 1", "Head office", "Ground floor, left of the lift"),
            ("Reception 2", "Head office", "Ground floor, behind the desk"),
            ("Leeds 1", "Leeds", "Open plan"),
            ("Packing", "Warehouse", "Gate 3"),
        ):
            printer = NewPrinter(
                name=name,
                uri="ipp://192.0.2.20/ipp/print",
                site_id=places[place].id,
                location=location,
            )
            made_printer = printers.create(self.session, self.account_id, printer, VERA)
            self.printers.append(made_printer.id)
        self.furnish_readers(self.printers[1:4])
        follow = NewQueue(name="Follow me", path="follow-me", type=QueueType.PULL)
        self.queue_id = queues.create(self.session, self.account_id, follow, VERA).id
        for user, number in ((self.town.ada, "04A1B2C3D4E5F6"), (self.town.ben, "1B2C3D5E680")):
            card = NewCard(user_id=user.id, number=number)
            cards.create(self.session, self.account_id, card, VERA, vault=self.vault)
        people = NewGroup(name="Accounting", user_ids=(self.town.ada.id, self.town.ben.id))
        group = groups.create(self.session, self.account_id, people, VERA)
        invoices = NewQueue(
            name="Invoices", path="invoices", type=QueueType.PULL, group_ids=(group.id,)
        )
        queues.create(self.session, self.account_id, invoices, VERA)

    def furnish_readers(self, printers: Sequence[PrinterId]) -> None:
        """Card readers at the first printers, and a terminal at one of them."""
        told = ((True, ""), (True, ""), (False, "the reader does not answer: timeout"))
        states = {}
        for n, (printer_id, (ok, says)) in enumerate(zip(printers, told, strict=False)):
            reader = NewReader(
                name=f"Reader {n + 1}",
                gateway_id=self.gateway_id,
                printer_id=printer_id,
                mode=ReaderMode.CHOOSE if n == 0 else ReaderMode.PRINT_ALL,
                address=f"10.1.4.{40 + n}",
                port=7777,
            )
            made = readers.create(self.session, self.account_id, reader, VERA)
            states[made.id] = {"ok": ok, "says": says}
        paired = TerminalPaired(
            TerminalId(new_id()), self.account_id, new_id(), printers[0], made.id, "Panel by the lift",
            self.now - timedelta(days=2),
        )  # fmt: skip
        terminals.on_paired(self.session, self.gateway_id, [paired])
        self.told["readers"] = states
        self.told["printers"] = dict(zip(printers, _SAID_BY_PRINTERS, strict=False))
        self.hear(self.gateway_id, timedelta(seconds=4))

    def hear(self, gateway_id: GatewayId, age: timedelta) -> None:
        gateways.on_enrolled(self.session, gateway_id, b"\x09" * 32, VERA, vault=self.vault)
        at = self.now - age
        gateways.on_presence(self.session, gateway_id, here=age < timedelta(minutes=2), at=at)
        services = {"ipp": {"ok": True, "says": "listening on 127.0.0.1:8631"}}
        health = {"services": services, **(self.told if gateway_id == self.gateway_id else {})}
        gateways.on_heartbeat(
            self.session, gateway_id, at=at, running={"errors": {}}, health=health
        )

    def send(
        self,
        title: str,
        owner: UserId | None,
        ago: timedelta,
        *,
        pages: int | None,
        queue_id: QueueId | None = None,
        claimed: str | None = None,
        hold: Hold = Hold.OWNER,
    ) -> JobId:
        self.number += 1
        job_id, at = JobId(new_id()), self.now - ago
        fact = JobReceived(
            job_id=job_id,
            account_id=self.account_id,
            queue_id=queue_id or self.queue_id,
            number=self.number,
            title=title,
            state=JobState.PENDING_HELD,
            reasons=(hold.value,),
            identity="claimed" if claimed else "verified" if owner else "unknown",
            owner_id=owner,
            claimed_name=claimed,
            source=Source("ipps", "10.1.4.22", "ALDER-LT-114"),
            document_format="application/pdf",
            size_bytes=287_342,
            sha256="9c1e" + "0" * 58 + "77",
            received_ms=41,
            kept_until=at + timedelta(hours=24),
            at=at,
            ticket={"sides": "two-sided-long-edge", "copies": 1},
        )
        jobs.on_facts(self.session, self.gateway_id, [fact])
        count = JobCounted(
            job_id=job_id,
            account_id=self.account_id,
            source="document",
            confidence="high" if pages is not None else "none",
            impressions=pages,
            at=at + timedelta(milliseconds=106),
            revision=2,
            note="" if pages is not None else "PWG raster is not counted",
        )
        jobs.on_facts(self.session, self.gateway_id, [count])
        return job_id

    def print(self, job_id: JobId, printer_id: PrinterId, ago: timedelta, owner: UserId) -> None:
        at = self.now - ago
        steps = (
            ("released", JobState.PENDING, 0),
            ("started", JobState.PROCESSING, 3),
            ("printed", JobState.COMPLETED, 2900),
        )
        for revision, (event, state, ms) in enumerate(steps, start=3):
            change = JobChanged(
                job_id=job_id,
                account_id=self.account_id,
                event=event,
                state=state,
                reasons=(),
                at=at + timedelta(milliseconds=ms),
                revision=revision,
                printer_id=printer_id,
                by="card" if event == "released" else "system",
                by_user_id=owner if event == "released" else None,
                first_byte_ms=4 if event == "started" else None,
            )
            jobs.on_facts(self.session, self.gateway_id, [change])
        usage = UsageRecorded(
            id=new_id(),
            job_id=job_id,
            account_id=self.account_id,
            user_id=owner,
            printer_id=printer_id,
            impressions=7,
            source="document",
            confidence="high",
            at=at + timedelta(seconds=3),
        )
        jobs.on_facts(self.session, self.gateway_id, [usage])

    def work(self) -> JobId:
        ada, ben = self.town.ada.id, self.town.ben.id
        self.now = utc_now()
        for n in range(34):
            ago = timedelta(minutes=17 * n + 9)
            owner = (ada, ben)[n % 2]
            title = f"{('Invoice', 'Plan', 'Letter', 'Offer')[n % 4]} {2231 + n}.pdf"
            job_id = self.send(title, owner, ago, pages=n % 9 + 1)
            if n % 5:
                self.print(job_id, self.printers[n % 4 + 1], ago - timedelta(minutes=4), owner)
        self.send("Statement.urf", None, timedelta(minutes=44), pages=None, hold=Hold.QUARANTINE)
        self.send("Poster A2.pdf", ada, timedelta(hours=2), pages=1, hold=Hold.UNCERTAIN)
        held = self.send("Quarter report.pdf", ada, timedelta(minutes=2), pages=12)
        tapped = JobChanged(
            job_id=held,
            account_id=self.account_id,
            event="refused",
            state=JobState.PENDING_HELD,
            reasons=(Hold.OWNER.value, "media-empty"),
            at=self.now - timedelta(seconds=70),
            revision=3,
            printer_id=self.printers[2],
            by="card",
            by_user_id=ada,
            message="Reception 2 is out of paper in tray 1. Nothing was sent to it.",
        )
        jobs.on_facts(self.session, self.gateway_id, [tapped])
        for n, (title, owner) in enumerate((("Minutes.pdf", ben), ("Offer 2290.pdf", ada))):
            job_id = self.send(title, owner, -timedelta(milliseconds=200 * n), pages=n + 3)
            self.print(job_id, self.printers[3], -timedelta(milliseconds=200 * n + 90), owner)
        unknown = AuditRecorded(
            id=new_id(),
            event="card.unknown",
            outcome="refused",
            at=self.now - timedelta(minutes=6),
            account_id=self.account_id,
            printer_id=self.printers[1],
            source="10.1.4.40",
        )
        audit.on_gateway_audit(self.session, [(self.gateway_id, unknown)])
        return held
