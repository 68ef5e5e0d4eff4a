"""Four accounts of three vendors with one of everything each, and a key for every role.

Everything that a tenant owns carries its mark in some text: a mark in somebody else's answer is a
leak.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.commands import service as commands
from control_plane.database import Database
from control_plane.domains import certificates
from control_plane.domains import service as domains
from control_plane.domains.schemas import NewDomain
from control_plane.enrolment.models import EnrolmentRequest
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.grants import service as grants
from control_plane.grants.schemas import NewGrant
from control_plane.groups import service as groups
from control_plane.groups.schemas import NewGroup
from control_plane.imports import service as imports
from control_plane.imports.models import PeopleImport
from control_plane.jobs import service as jobs
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue
from control_plane.readers import service as readers
from control_plane.readers.schemas import NewReader
from control_plane.roles import service as roles
from control_plane.roles.schemas import NewRole
from control_plane.security import api_keys, sessions
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES, VENDOR_ROLES, Permission
from control_plane.sites import service as sites
from control_plane.sites.schemas import NewSite
from control_plane.tenants import Tenant
from control_plane.terminals import service as terminals
from control_plane.tokens import service as tokens
from control_plane.tokens.schemas import NewPrintToken
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from shared.ids import AccountId, GatewayId, JobId, PrinterId, TerminalId, UserId, VendorId, new_id
from shared.job_states import Hold, JobState
from shared.messages.commands import CommandKind
from shared.messages.events import JobReceived, Source, TerminalPaired
from shared.messages.records import QueueType
from tests.support.brought import chained

MAKER = Actor("cli", name="the maker")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVERYTHING = frozenset(Permission)


@dataclass
class Holding:
    """A tenant, what it owns by the name of a path's parameter, and its keys by role."""

    name: str
    tenant: Tenant
    host: str
    parent: str | None = None
    things: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    owner: User | None = None

    @property
    def mark(self) -> str:
        return f"mark-{self.name}"


class UndoneDatabase(Database):
    """Takes every change back at the end: a thousand requests, and the world stays as it is."""

    undoes = False

    @contextmanager
    def writing(self) -> Iterator[Session]:
        if not self.undoes:
            with super().writing() as session:
                yield session
            return
        with self._writing() as session:
            yield session
            session.flush()
            session.expunge_all()  # What a view still shows stays as it was.
            session.rollback()


def a_world(database: Database, vault: Vault) -> Mapping[str, Holding]:
    """Vic with Alder and Cedar; Vera under Vic with Elm; Wanda, a stranger, with Dogwood."""
    world: dict[str, Holding] = {}
    with database.writing() as session:
        for name, parent in (("vic", None), ("vera", "vic"), ("wanda", None)):
            above = VendorId(world[parent].tenant.id) if parent else None
            made = vendors.create(session, NewVendor(name=f"mark-{name}"), MAKER, parent_id=above)
            world[name] = Holding(name, tenants.vendor(made.id), f"{name}.localhost", parent)
            below = NewVendor(name=f"mark-{name}-below")
            child = vendors.create(session, below, MAKER, parent_id=made.id)
            world[name].things["child_id"] = child.id
        for name, parent in (
            ("alder", "vic"),
            ("cedar", "vic"),
            ("elm", "vera"),
            ("dogwood", "wanda"),
        ):
            new = NewAccount(name=f"mark-{name}", short_name=name)
            above = VendorId(world[parent].tenant.id)
            account = accounts.create(session, above, new, MAKER, vault=vault)
            world[name] = Holding(name, tenants.account(account.id), f"{name}.localhost", parent)
            world[parent].things["served_id"] = account.id
            world[name].things["child_id"] = world[parent].things["child_id"]
    for holding in world.values():
        with database.writing() as session:
            _furnish(session, vault, holding)
    return world


def _furnish(session: Session, vault: Vault, holding: Holding) -> None:
    tenant, mark, things = holding.tenant, holding.mark, holding.things
    domain = domains.create(session, tenant, NewDomain(name=holding.host, brand_name=mark), MAKER)
    domains.verify(session, tenant, domain.id, MAKER, verified_by="installation")
    spare = NewDomain(name=f"spare.{holding.host}", brand_name=mark)
    things["domain_id"] = domains.create(session, tenant, spare, MAKER).id
    chain, key = _a_certificate(spare.name, mark)
    certificates.bring(
        session, tenant, things["domain_id"], MAKER, chain=chain, key=key, vault=vault
    )
    holding.owner = users.create(
        session, tenant, NewUser(username=f"{mark}-owner", roles=("owner",)), MAKER, vault=vault
    )
    new_user = NewUser(username=f"{mark}-user", email=f"{mark}@example.org")
    things["user_id"] = users.create(session, tenant, new_user, MAKER, vault=vault).id
    web, _ = sessions.create(
        session, tenant, UserId(things["user_id"]), address=mark, user_agent=mark
    )
    things["session_id"] = web.id
    things["event_id"] = audit.record(session, tenant, "x.made", MAKER, detail={"mark": mark}).id
    things["import_id"] = _an_import(session, tenant, mark)
    new_role = NewRole(name=mark, permissions=(Permission.SEE_THINGS,))
    things["role_id"] = roles.create(session, tenant, new_role, MAKER, may=EVERYTHING).id
    new_gateway = NewGateway(name=mark)
    things["gateway_id"] = gateways.create(session, tenant, new_gateway, MAKER, vault=vault).id
    things["command_id"] = commands.ask(
        session, tenant, GatewayId(things["gateway_id"]), CommandKind.DIAGNOSE,
        body={"mark": mark}, by=MAKER,
    ).id  # fmt: skip
    things["key_fingerprint"] = _a_waiting_box(session, holding)
    _give_keys(session, holding)
    if tenant.account_id:
        _furnish_account(session, vault, holding, tenant.account_id)


@functools.cache
def _a_certificate(host: str, authority: str) -> tuple[str, str]:
    return chained(host, authority)


def _a_waiting_box(session: Session, holding: Holding) -> str:
    digest = hashlib.sha256(holding.mark.encode()).hexdigest()
    now = datetime.now(UTC)
    waiting = EnrolmentRequest(
        code_hash=digest, gateway_id=GatewayId(holding.things["gateway_id"]),
        key_fingerprint=digest, sealing_key=b"\x09" * 32, host_name=holding.mark,
        source="192.0.2.9", asked_at=now, expires_at=now + timedelta(days=1), decided_at=None,
        is_approved=None,
    )  # fmt: skip
    session.add(waiting)
    session.flush()
    return digest


def _an_import(session: Session, tenant: Tenant, mark: str) -> str:
    waiting = PeopleImport(
        id=new_id(), tenant=str(tenant), file_name=mark, created_at=NOON, heard_at=NOON,
        state=imports.CHECKED, counts={}, problems={},
    )  # fmt: skip
    session.add(waiting)
    session.flush()
    return waiting.id


def _give_keys(session: Session, holding: Holding) -> None:
    roles_of = ACCOUNT_ROLES if holding.tenant.account_id else VENDOR_ROLES
    for role, permissions in roles_of.items():
        new = NewApiKey(name=f"{holding.mark}-{role}", permissions=tuple(permissions))
        row, key = api_keys.create(session, holding.tenant, new, MAKER)
        holding.keys[role] = key
        holding.things["key_id"] = row.id


def _furnish_account(
    session: Session, vault: Vault, holding: Holding, account_id: AccountId
) -> None:
    mark, things = holding.mark, holding.things
    things["served_id"] = account_id
    things["below_id"] = account_id
    things["site_id"] = sites.create(session, account_id, NewSite(name=mark), MAKER).id
    things["group_id"] = groups.create(session, account_id, NewGroup(name=mark), MAKER).id
    uri = f"ipp://{mark}.example/ipp/print"
    things["printer_id"] = printers.create(
        session, account_id, NewPrinter(name=mark, uri=uri), MAKER
    ).id
    used = printers.create(session, account_id, NewPrinter(name=f"{mark}-2", uri=uri), MAKER)
    new_queue = NewQueue(name=mark, path="pull", type=QueueType.PULL)
    things["queue_id"] = queues.create(session, account_id, new_queue, MAKER).id
    things["reader_id"] = _a_reader(session, account_id, holding, used.id)
    new_card = NewCard.model_validate({"user_id": things["user_id"], "number": "04A224B2C35E80"})
    things["card_id"] = cards.create(session, account_id, new_card, MAKER, vault=vault).id
    new_token = NewPrintToken.model_validate({"user_id": things["user_id"], "name": mark})
    things["token_id"] = tokens.create(session, account_id, new_token, MAKER)[0].id
    new_grant = NewGrant(permissions=(Permission.SEE_JOBS,), hours=1, reason=mark)
    grant = grants.create(session, account_id, new_grant, MAKER)
    grants.revoke(session, account_id, grant.id, MAKER)
    things["grant_id"] = grant.id
    _tell(session, holding, account_id, used.id)


def _a_reader(
    session: Session, account_id: AccountId, holding: Holding, printer_id: PrinterId
) -> str:
    new = NewReader.model_validate(
        {
            "name": holding.mark,
            "gateway_id": holding.things["gateway_id"],
            "printer_id": printer_id,
            "address": "192.0.2.8",
            "port": 7000,
        }
    )
    return readers.create(session, account_id, new, MAKER).id


def _tell(session: Session, holding: Holding, account_id: AccountId, printer_id: PrinterId) -> None:
    things: Any = holding.things
    job_id, terminal_id = JobId(new_id()), TerminalId(new_id())
    fact = JobReceived(
        job_id=job_id,
        account_id=account_id,
        queue_id=things["queue_id"],
        number=1,
        title=holding.mark,
        state=JobState.PENDING_HELD,
        reasons=(Hold.OWNER.value,),
        identity="verified",
        owner_id=things["user_id"],
        claimed_name=None,
        source=Source("ipps", "192.0.2.9"),
        document_format="application/pdf",
        size_bytes=1,
        sha256="0" * 64,
        received_ms=1,
        kept_until=NOON + timedelta(days=1),
        at=NOON,
    )
    jobs.on_facts(session, things["gateway_id"], [fact])
    things["job_id"] = job_id
    paired = TerminalPaired(terminal_id, account_id, new_id(), printer_id, None, holding.mark, NOON)
    terminals.on_paired(session, things["gateway_id"], [paired])
    things["terminal_id"] = terminal_id


def bodies(holding: Holding) -> Mapping[str, dict[str, Any]]:
    """A good body for every POST and PATCH, about the holding's own things."""
    things = holding.things
    permission = Permission.SEE_THINGS.value
    until = (datetime.now(UTC) + timedelta(days=90)).isoformat()
    chain, key = _a_certificate(f"spare.{holding.host}", holding.mark)
    return {
        "NewApiKey": {"name": "x", "permissions": [permission]},
        "NewVendor": {"name": "new"},
        "NewAccount": {"name": "new", "short_name": "new"},
        "CloseAccount": {},
        "DeleteAccount": {"confirm": "new"},
        "LicenceExtension": {"devices": 20, "expires_at": until},
        "NewDomain": {"name": "new.example"},
        "NewLogo": {"logo": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()},
        "NewCertificate": {"chain": chain, "key": key},
        "NewGrant": {"permissions": [Permission.SEE_JOBS.value], "hours": 1, "reason": "help"},
        "NewUser": {"username": "new"},
        "UserImport": {"csv": "username\nnew\n", "dry_run": False},
        "NewPeopleImport": {"csv": "username\nnew\n", "file_name": "new.csv"},
        "NewGroup": {"name": "new", "user_ids": [things.get("user_id")]},
        "NewRole": {"name": "new", "permissions": [permission]},
        "NewCard": {"user_id": things.get("user_id"), "number": "04B17C6A915D80"},
        "NewPrintToken": {
            "user_id": things.get("user_id"),
            "queue_id": things.get("queue_id"),
            "name": "new",
        },
        "NewSignInCode": {"user_id": things.get("user_id")},
        "NewSite": {"name": "new"},
        "NewGateway": {"name": "new"},
        "NewPrinter": {
            "name": "new",
            "uri": "ipp://192.0.2.5/ipp/print",
            "site_id": things.get("site_id"),
            "gateway_id": things.get("gateway_id"),
        },
        "NewQueue": {
            "name": "new",
            "path": "new",
            "type": "direct",
            "printer_id": things.get("printer_id"),
            "user_ids": [things.get("user_id")],
            "group_ids": [things.get("group_id")],
        },
        "NewReader": {
            "name": "new",
            "gateway_id": things.get("gateway_id"),
            "printer_id": things.get("printer_id"),
            "address": "192.0.2.1",
            "port": 7001,
        },
        "ServeAccount": {"account_id": things.get("served_id")},
        "ReleaseJob": {"printer_id": things.get("printer_id", new_id())},
        "CancelJobs": {"job_ids": [things.get("job_id", new_id())]},
        "Rehearse": {},
        "ParkedEntity": {"entity": "job:x"},
        "ChosenBox": {"boot_id": "x"},
        "ReassignJob": {"owner_id": things.get("user_id")},
        "NewUpload": {
            "queue_id": things.get("queue_id", new_id()),
            "user_id": things.get("user_id", new_id()),
        },
        "NewTerminalCode": {
            "printer_id": things.get("printer_id"),
            "reader_id": things.get("reader_id"),
        },
    }
