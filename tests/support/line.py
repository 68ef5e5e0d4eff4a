"""A primary's end of the link and gateways at the other, in this process: real broker, real TLS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select

from control_plane import link as primary_link
from control_plane import tenants
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.enrolment import service as enrolment_service
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.gateways.schemas import NewGateway
from control_plane.pki.keys import KeyRing
from control_plane.vault import Vault
from edge_agent import enrolment
from edge_agent.control import Control
from edge_agent.enrolment import Identity
from edge_agent.jobs.service import JobService
from edge_agent.jobs.store import JobStore
from edge_agent.spool.spool import Spool
from edge_agent.sync.commands import Act
from edge_agent.sync.link import Link, LinkParts
from edge_agent.sync.rehearsal import Rehearsal
from edge_agent.sync.replica import Replica
from shared.clock import SystemClock
from shared.crypto import authority, sealing
from shared.ids import AccountId, GatewayId, new_id
from shared.messages.commands import CommandKind
from shared.messages.enrolment import VERSION, EnrolAnswer, EnrolRequest
from shared.messages.events import AuditRecorded
from shared.messages.hello import Running
from shared.mqtt import Backoff
from tests.support.houses import TESTER, Town, a_town

CLOCK = SystemClock()
REHEARSING = (CommandKind.REHEARSE, CommandKind.END_REHEARSAL)
QUICK = Backoff(first_seconds=0.05, unreachable_cap_seconds=0.2, refused_cap_seconds=0.5)


@dataclass
class Primary:
    """Database, keys, broker, ingest and feed of one primary."""

    folder: Path
    database: Database
    keys: KeyRing
    vault: Vault
    town: Town
    link: primary_link.Link

    def start(self) -> None:
        self.link.start()
        assert self.link.wait_until_up()

    def stop(self) -> None:
        self.link.stop()

    def restart(self) -> None:
        """Another process of the same primary, with a broker of its own on the same port."""
        port = self.link.broker.listeners.port
        self.link = _make_link(self.folder, self.database, self.keys, self.vault, port)
        self.start()

    def audit(self, event: str) -> list[AuditEvent]:
        with self.database.reading() as session:
            found = select(AuditEvent).where(AuditEvent.event == event).order_by(AuditEvent.seq)
            return list(session.scalars(found))

    def count(self, event: str) -> int:
        with self.database.reading() as session:
            query = select(func.count()).where(AuditEvent.event == event)
            return session.scalar(query) or 0

    def new_gateway(self, name: str, account_id: AccountId | None = None) -> Gateway:
        with self.database.writing() as session:
            owner = tenants.account(account_id or self.town.alder.account.id)
            return gateways.create(session, owner, NewGateway(name=name), TESTER, vault=self.vault)

    def enrol(self, gateway: Gateway, state: Path) -> Identity:
        """Make a box this gateway, without the way over HTTPS."""
        key, sealing_key = authority.new_key(), sealing.new_key()
        with self.database.writing() as session:
            found = gateways.get_by_id(session, gateway.id)
            code, _ = enrolment_service.create_code(
                session, found, TESTER, url="https://localhost", authority_pem=self.ca
            )
        with self.database.writing() as session:
            request = EnrolRequest(
                VERSION,
                code.secret,
                authority.signing_request(key, "box").decode(),
                sealing.public_key(sealing_key),
            )
            _, certificate = enrolment_service.enrol(
                session, self.keys.authority, request, "127.0.0.1", vault=self.vault
            )
        answer = EnrolAnswer(
            gateway.id, certificate.decode(), self.ca.decode(), "127.0.0.1", 0,
            (self.keys.signer.public_key,), CLOCK.now(),
        )  # fmt: skip
        enrolment._write_identity(state, answer, authority.key_to_pem(key), sealing_key)
        self.link.wake()
        return enrolment.load(state)

    @property
    def ca(self) -> bytes:
        return self.keys.authority.pem


@dataclass
class Box:
    """One gateway's link with its outbox and replica, and nothing else."""

    identity: Identity
    store: JobStore
    jobs: JobService
    replica: Replica
    link: Link
    refused: list[tuple[str, Mapping[str, Any]]]
    done: list[str]
    forgotten: list[AccountId]
    rehearsal: Rehearsal
    task: asyncio.Task[None] | None = None

    @property
    def gateway_id(self) -> GatewayId:
        return self.identity.gateway_id

    async def tell(self, *events: str, account_id: AccountId | None = None) -> None:
        """Commit facts: things that somebody tried here."""

        def work(tx: Any) -> None:
            for event in events:
                fact = AuditRecorded(new_id(), event, "ok", CLOCK.now(), account_id=account_id)
                tx.enqueue(fact)

        await self.store.submit(work)

    async def connected(self) -> None:
        try:
            await until(lambda: self.link.health().ok, "the link is up")
        except AssertionError:
            print("SAYS", self.link.health())
            raise

    async def told(self) -> None:
        """Wait until everything is acknowledged."""
        await until(lambda: self.waiting() == 0, "everything is acknowledged")

    def waiting(self) -> int:
        return int(self.link.health().figures["facts_waiting"])


async def until(condition: Callable[[], Any], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s until {what}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def a_primary(
    folder: Path, database: Database, town: Town | None = None
) -> AsyncIterator[Primary]:
    vault = Vault(b"k" * 32)
    town = town or a_town(database, vault)
    keys = KeyRing.open_or_create(folder / "keys")
    link = _make_link(folder, database, keys, vault, 0)
    primary = Primary(folder, database, keys, vault, town, link)
    await asyncio.to_thread(primary.start)
    try:
        yield primary
    finally:
        await asyncio.to_thread(primary.stop)


def _make_link(
    folder: Path, database: Database, keys: KeyRing, vault: Vault, port: int
) -> primary_link.Link:
    settings = primary_link.Settings(folder / "broker", "127.0.0.1", port, "localhost")
    return primary_link.Link(settings, database, keys, vault)


@asynccontextmanager
async def a_gateway(
    primary: Primary, state: Path, identity: Identity, **changes: Any
) -> AsyncIterator[Box]:
    """Run the link of an enrolled gateway on a state folder."""
    state.mkdir(exist_ok=True)
    spool = Spool(state, CLOCK.now)
    store = JobStore(state, spool)
    jobs = JobService(store, spool, CLOCK)
    replica = Replica(state / "replica.db")
    refused: list[tuple[str, Mapping[str, Any]]] = []
    done: list[str] = []
    forgotten: list[AccountId] = []

    rehearsal = Rehearsal(state, store, CLOCK, lambda: 7)
    rehearsal.recover()

    async def forget(account_id: AccountId) -> None:
        forgotten.append(account_id)
        await jobs.forget_account(account_id)

    parts = LinkParts(
        identity=identity,
        broker_host="127.0.0.1",
        broker_port=changes.pop("broker_port", 0) or primary.link.broker.listeners.port,
        primary_url="https://127.0.0.1",
        store=store,
        replica=replica,
        changer=jobs.changer,
        clock=CLOCK,
        running=Running,
        presence=lambda: {"ok": True},
        audit=lambda event, detail: refused.append((event, detail)),
        acts=_acts(rehearsal, done),
        rehearsal=rehearsal,
        forget=forget,
        heartbeat_seconds=changes.pop("heartbeat_seconds", 0.5),
        backoff=QUICK,
        **changes,
    )
    await jobs.start()
    link = Link(parts)
    task = asyncio.create_task(link.run(), name="link of a test")
    counting = asyncio.create_task(rehearsal.run(), name="rehearsal of a test")
    box = Box(identity, store, jobs, replica, link, refused, done, forgotten, rehearsal, task)
    try:
        yield box
    finally:
        task.cancel()
        counting.cancel()
        await asyncio.wait([task, counting], timeout=10)
        await jobs.stop()
        replica.close()


def _acts(rehearsal: Rehearsal, done: list[str]) -> Mapping[CommandKind, Act]:
    """Rehearse as a gateway does; of every other command note that it was carried out."""

    async def act(command: Any) -> Mapping[str, Any]:
        done.append(command.id)
        return {"says": "done"}

    # What it needs of a whole agent to rehearse, and no more.
    agent: Any = SimpleNamespace(parts=None, rehearsal=rehearsal, primary_now=CLOCK.now)
    rehearsing = {kind: Control(agent).acts()[kind] for kind in REHEARSING}
    return {**dict.fromkeys(CommandKind, act), **rehearsing}
