"""Two more houses for pages to show: at Cedar everything goes wrong, and Dogwood is empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import closing
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import CloseAccount, NewAccount
from control_plane.commands import service as commands
from control_plane.database import utc_now
from control_plane.domains import service as domains
from control_plane.domains.schemas import NewDomain
from control_plane.enrolment.models import EnrolmentRequest
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.imports import service as imports
from control_plane.imports.models import PeopleImport
from control_plane.ingest import hello
from control_plane.ingest.models import ParkedRow
from control_plane.jobs import losing
from control_plane.jobs import service as jobs
from control_plane.recovery import links
from control_plane.security import sessions
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.tokens import service as tokens
from control_plane.tokens.schemas import NewPrintToken
from control_plane.users import service as users
from control_plane.users.schemas import NewUser, UserChanges
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from shared.ids import AccountId, CommandId, GatewayId, JobId, VendorId, new_id
from shared.job_states import Hold, JobState
from shared.messages import codec, envelope
from shared.messages.commands import CommandKind
from shared.messages.envelope import Lane
from shared.messages.events import CommandReported, JobChanged, JobReceived, Source
from shared.messages.hello import Hello, LaneHello
from tests.support.day import VERA
from tests.support.houses import PASSWORD, TESTER
from tests.support.primary_site import Site

EPOCH = "e" * 32
NEWER = "UnknownFactError: facts of kind 'job.received' are not known to this version"
WAITS = "waits for an earlier row of the same thing"
NOT_SERVED = "NotServedError: this gateway does not serve this account"

FINDINGS = (
    {"what": "clock", "ok": False, "says": "the clock is 41 s behind the primary's",
     "cure": "systemctl enable --now systemd-timesyncd"},
    {"what": "certificate", "ok": True, "says": "good until 20 February"},
    {"what": "room", "ok": True, "says": "71 GB free"},
    {"what": "broker", "ok": True, "says": "print.example.com:8883 answers in 12 ms"},
)  # fmt: skip
PRINTER_SAYS = {
    "state": "stopped", "reasons": ["media-empty-error", "toner-low-warning"],
    "model": "Example Workgroup 4200", "took_ms": 212,
    "supplies": [{"name": "Black", "level": 4}, {"name": "Cyan", "level": 72}],
}  # fmt: skip
ASKED: Mapping[str, tuple[CommandKind, str, str, dict[str, Any]]] = {
    "waiting": (CommandKind.DIAGNOSE, "", "", {}),
    "diagnosed": (CommandKind.DIAGNOSE, "succeeded", "", {
        "ok": False, "says": "Needs a person.", "findings": list(FINDINGS),
        "free_bytes": 71_000_000_000}),
    "printer": (CommandKind.DIAGNOSE_PRINTER, "succeeded", "", PRINTER_SAYS),
    "identified": (CommandKind.IDENTIFY_PRINTER, "succeeded", "",
                   {"says": "the printer makes itself known"}),
    "refused": (CommandKind.IDENTIFY_PRINTER, "failed",
                "this gateway does not know the printer", {}),
    "rehearsal": (CommandKind.REHEARSE, "in-progress", "", {}),
}  # fmt: skip


def let_things_happen(site: Site) -> dict[str, str]:
    """Furnish both houses; returns the ids and tokens that addresses need."""
    things: dict[str, str] = {}
    with site.parts.database.writing() as session:
        _trouble_at_cedar(site, session, things)
        _a_house(site, session, "Dogwood", "dora")
        _of_the_vendor(site, session, things)
        _more_at_alder(site, session, things)
    return things


def _trouble_at_cedar(site: Site, session: Session, things: dict[str, str]) -> None:
    house = site.town.cedar
    tenant = tenants.account(house.account.id)
    place = sites.create(session, house.account.id, NewSite(name="Mill"), VERA)
    names = ("Mill-1", "Mill-2", "Mill-3")
    boxes = [
        gateways.create(
            session, tenant, NewGateway(name=name, site_id=place.id), VERA, vault=site.parts.vault
        ).id
        for name in names
    ]
    for gateway_id in boxes[:2]:
        _hear(site, session, gateway_id)
    _hear(site, session, house.gateway.id)
    _park(session, site, boxes[0])
    _two_boxes(session, boxes[1])
    session.add(_a_waiting_box(boxes[2]))
    things |= dict(zip(("parked", "halted", "new-box"), boxes, strict=True))
    things |= _a_lost_disk(session, site, boxes[0])
    for name, command_id in _ask(session, site):
        things[f"asked-{name}"] = command_id
    accounts.licence(session, house.account.id).expires_at = utc_now() - timedelta(days=2)
    things["import"] = _an_import(session, str(tenant))


def _hear(site: Site, session: Session, gateway_id: GatewayId) -> None:
    gateways.on_enrolled(session, gateway_id, b"\x09" * 32, VERA, vault=site.parts.vault)
    now = utc_now()
    gateways.on_presence(session, gateway_id, here=True, at=now)
    services = {
        "ipp": {"ok": True, "says": "listening on 10.2.0.5:631"},
        "storage": {"ok": False, "says": "the disk is almost full: 312 MB are free"},
    }
    running: dict[str, Any] = {
        "errors": {"raw": "port 9100 is in use by another program"},
    }
    gateways.on_heartbeat(session, gateway_id, at=now, running=running, health={
        "services": services})  # fmt: skip


def _park(session: Session, site: Site, gateway_id: GatewayId) -> None:
    house, now = site.town.cedar, utc_now()
    job_id, other = JobId(new_id()), JobId(new_id())
    changes = [
        (job_id, "released", JobState.PENDING, NEWER),
        (job_id, "printed", JobState.COMPLETED, WAITS),
        (other, "released", JobState.PENDING, NOT_SERVED),
    ]
    for seq, (about, event, state, reason) in enumerate(changes, 1):
        fact = JobChanged(
            job_id=about, account_id=house.account.id, event=event, state=state, reasons=(),
            at=now, revision=seq + 1,
        )  # fmt: skip
        raw = envelope.encode_row(
            seq, fact.KIND, fact.entity, codec.to_plain(fact.at), codec.to_plain(fact)
        )
        session.add(
            ParkedRow(
                gateway_id=gateway_id,
                lane="facts",
                epoch=EPOCH,
                seq=seq,
                kind=fact.KIND,
                entity=fact.entity,
                raw=raw,
                reason=reason,
                parked_at=now - timedelta(minutes=9),
                settled_at=None,
            )
        )


def _a_lost_disk(session: Session, site: Site, gateway_id: GatewayId) -> dict[str, str]:
    """A box began with an empty disk: one job only waited on it, one was on its way to a printer."""
    house, now = site.town.cedar, utc_now()
    waiting, on_its_way = (JobId(new_id()), JobId(new_id()))
    for number, (job_id, title) in enumerate(
        ((waiting, "Harvest plan.pdf"), (on_its_way, "Delivery note 118.pdf")), 1
    ):
        received = JobReceived(
            job_id=job_id,
            account_id=house.account.id,
            queue_id=house.pull.id,
            number=number,
            title=title,
            state=JobState.PENDING_HELD,
            reasons=(Hold.OWNER.value,),
            identity="verified",
            owner_id=site.town.cleo.id,
            claimed_name=None,
            source=Source("ipps", "10.2.0.22", "MILL-LT-3"),
            document_format="application/pdf",
            size_bytes=48_120,
            sha256="0" * 64,
            received_ms=37,
            kept_until=now + timedelta(hours=20),
            at=now - timedelta(hours=4),
        )
        jobs.on_facts(session, gateway_id, [received])
    released = JobChanged(
        job_id=on_its_way, account_id=house.account.id, event="released", state=JobState.PENDING,
        reasons=(), at=now - timedelta(hours=3), revision=2, printer_id=house.printer.id,
    )  # fmt: skip
    jobs.on_facts(session, gateway_id, [released])
    losing.on_another_disk(session, gateway_id, now - timedelta(hours=2))
    return {"lost": waiting, "lost-on-its-way": on_its_way}


def _two_boxes(session: Session, gateway_id: GatewayId) -> None:
    for boot_id, rows in (
        ("original-box", 0),
        ("copied-box", 0),
        ("original-box", 7),
        ("original-box", 7),
    ):
        start = envelope.chain_start(gateway_id, Lane.FACTS, EPOCH)
        lane = LaneHello(EPOCH, rows + 1, "a" * 64 if rows else start.hex(), 1)
        said = Hello(1, new_id(), boot_id, "0.1.0", utc_now(), {Lane.FACTS.value: lane})
        hello.Reception(session, {gateway_id}, saying_hello={gateway_id}).answer(gateway_id, said)


def _a_waiting_box(gateway_id: GatewayId) -> EnrolmentRequest:
    now = utc_now()
    return EnrolmentRequest(
        code_hash="c" * 64, gateway_id=gateway_id, key_fingerprint="9c1e04b7" * 8,
        sealing_key=b"\x09" * 32, host_name="mill-box-3", source="192.0.2.9", asked_at=now,
        expires_at=now + timedelta(days=1), decided_at=None, is_approved=None,
    )  # fmt: skip


def _ask(session: Session, site: Site) -> Iterator[tuple[str, str]]:
    house = site.town.cedar
    tenant = tenants.account(house.account.id)
    for name, (kind, state, message, result) in ASKED.items():
        body = {"printer_id": house.printer.id} if "printer" in kind.value else {}
        command = commands.ask(
            session, tenant, house.gateway.id, kind, body={**body, "seconds": 600}, by=VERA,
            expires_after=timedelta(hours=1),
        )  # fmt: skip
        if state:
            fact = CommandReported(CommandId(command.id), state, utc_now(), result, message)
            commands.on_reported(session, house.gateway.id, [fact])
        yield name, command.id


def _an_import(session: Session, tenant: str) -> str:
    now = utc_now()
    problems = [
        {"number": 9, "username": "p007", "column": "username",
         "text": "the same as in line %(line)s", "values": {"line": "4"}},
        {"number": 31, "username": "zoë", "column": "email", "text": "not an e-mail address",
         "values": {}},
    ]  # fmt: skip
    waiting = PeopleImport(
        id=new_id(), tenant=tenant, file_name="people.csv", created_at=now, heard_at=now,
        state=imports.CHECKED, lines=500, lines_done=500,
        counts={"created": 488, "changed": 10, "refused": 2}, problems={"items": problems},
    )  # fmt: skip
    session.add(waiting)
    session.flush()
    return waiting.id


def _a_house(site: Site, session: Session, name: str, owner: str) -> AccountId:
    """An account with an address and its owner, and nothing else."""
    new = NewAccount(name=name, short_name=name.lower())
    vendor_id = VendorId(site.town.vendor.id)
    account = accounts.create(session, vendor_id, new, TESTER, vault=site.parts.vault)
    tenant = tenants.account(account.id)
    domain = domains.create(session, tenant, NewDomain(name=f"{name.lower()}.localhost"), TESTER)
    domains.verify(session, tenant, domain.id, TESTER, verified_by="installation")
    person = NewUser(
        username=owner, display_name=owner.capitalize(), password=PASSWORD, roles=("owner",)
    )
    users.create(session, tenant, person, TESTER, vault=site.parts.vault)
    return account.id


def _of_the_vendor(site: Site, session: Session, things: dict[str, str]) -> None:
    """A closed account, a gateway of the vendor's own, and a vendor below it."""
    vendor_id = VendorId(site.town.vendor.id)
    things["closed"] = _a_house(site, session, "Birch", "bert")
    closed = AccountId(things["closed"])
    closing.close(session, vendor_id, closed, CloseAccount(), TESTER)
    own = NewGateway(name="Datacenter-1")
    gateways.create(session, tenants.vendor(vendor_id), own, TESTER, vault=site.parts.vault)
    partner = vendors.create(session, NewVendor(name="Vera Print"), TESTER, parent_id=vendor_id)
    things["partner"] = partner.id


def _more_at_alder(site: Site, session: Session, things: dict[str, str]) -> None:
    """Things with a page of their own: a domain to verify, a grant, a token, another session."""
    account_id = site.town.alder.account.id
    tenant = tenants.account(account_id)
    domain = domains.create(
        session, tenant, NewDomain(name="print.alder.example", brand_name="Alder"), VERA
    )
    things["domain"] = domain.id
    own = [row for row in domains.list_domains(session, tenant) if row.verified_at]
    things["own-domain"] = own[0].id
    look = NewGrant(
        permissions=(Permission.SEE_THINGS, Permission.SEE_JOBS, Permission.SEE_PEOPLE),
        hours=8,
        reason="Leeds 2 prints slowly",
    )
    grants.create(session, account_id, look, VERA)
    token = NewPrintToken.model_validate({"user_id": site.town.ada.id, "name": "Label printer"})
    tokens.create(session, account_id, token, VERA)
    sessions.create(
        session, tenant, site.town.ada.id, address="10.1.4.77",
        user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/605.1",
    )  # fmt: skip
    locked = NewUser(username="carl", display_name="Carl Oak", password=PASSWORD, roles=("user",))
    carl = users.create(session, tenant, locked, VERA, vault=site.parts.vault)
    users.update(session, tenant, carl.id, UserChanges(enabled=False), VERA, vault=site.parts.vault)
    things["carl"] = carl.id
    things["recovery"] = links.create(session, links.RECOVERY, tenant, site.town.ben.id)
