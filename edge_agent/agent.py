"""The gateway as a whole: its parts, its link, and the services that its configuration asks for.

Everything lives in one task group. The configuration comes from the replica, so a gateway starts
with what it last knew, without network, name service or clock. What cannot start says so in the
health page and to the primary, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from edge_agent import enrolment, offline, renewal
from edge_agent.control import Control
from edge_agent.enrolment import Identity
from edge_agent.health import Report
from edge_agent.keeper import Keeper
from edge_agent.parts import Parts, build_parts
from edge_agent.service import Health
from edge_agent.services import Catalogue
from edge_agent.settings import Settings
from edge_agent.sync.link import Link as PrimaryLink
from edge_agent.sync.link import LinkParts
from edge_agent.sync.rehearsal import Rehearsal
from edge_agent.turns import Turns
from shared.clock import Clock, SystemClock
from shared.i18n import gettext as _
from shared.ids import AccountId
from shared.messages.hello import Running, StreamCursor
from shared.messages.records import gateway_stream

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 4.0
LINK_AGAIN_SECONDS: Final = 10.0


class Link(Protocol):
    """The connection to the primary, as the agent sees it."""

    async def run(self) -> None: ...
    def health(self) -> Health: ...
    def tell(self) -> None: ...
    def primary_now(self) -> datetime: ...


class NoLink:
    """A gateway that has no primary to speak to: a rehearsal, or a test."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def health(self) -> Health:
        return Health(ok=False, says=_("There is no line to a primary."))

    def tell(self) -> None:
        """Tell nobody."""

    def primary_now(self) -> datetime:
        return self._clock.now()


MakeLink = Callable[["Agent"], Link]


class Agent:
    """One gateway."""

    def __init__(self, parts: Parts, *, make_link: MakeLink | None = None) -> None:
        self.parts = parts
        self.keeper = Keeper(parts.clock)
        self.catalogue = Catalogue(parts, self.report, self.primary_now)
        self.ready = asyncio.Event()
        self._make_link = make_link or (lambda _agent: NoLink())
        self._link: Link = NoLink(parts.clock)
        self.rehearsal = Rehearsal(
            parts.state_dir, parts.jobs.store, parts.clock, self._oldest_knowledge
        )
        self._changed = asyncio.Event()
        self._unknown: dict[str, str] = {}
        self._problems: dict[str, str] | None = None
        self._running: StreamCursor | None = None
        self._turns = {"readers": Turns(), "printers": Turns()}

    async def run(self) -> None:
        """Run until cancelled; then end within five seconds, leaving nothing half done."""
        await self.parts.start()
        self.rehearsal.recover()
        try:
            loop = asyncio.get_running_loop()
            self.parts.directory.subscribe(lambda *_: self._on_change(loop))
            async with asyncio.TaskGroup() as group:
                group.create_task(self.parts.audit.run(), name="audit")
                group.create_task(self.keeper.run(), name="services")
                group.create_task(self.parts.watch.run(), name="printers")
                group.create_task(self.rehearsal.run(), name="rehearsal")
                group.create_task(self._follow_configuration(), name="configuration")
                group.create_task(self._keep_link(), name="link")
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self.parts.stop()

    # --- what others ask ----------------------------------------------------------------------

    def running(self) -> Running:
        """Say which configuration runs, which may be less than what was received."""
        return Running(self._received(), self._running, self._errors())

    def primary_now(self) -> datetime:
        """Tell the time by which the primary's words expire."""
        return self._link.primary_now()

    def presence(self) -> Mapping[str, Any]:
        """Say how this gateway and its things are, for a heartbeat; of very many things, some."""
        told = self.condition()
        readers = self.keeper.health().get("card-readers")
        turns = {
            "readers": self._turns["readers"].take(readers.things if readers else {}),
            "printers": self._turns["printers"].take(self.parts.watch.told()),
        }
        parts = {kind: turn.span for kind, turn in turns.items() if turn.span is not None}
        return {
            **told,
            **{kind: turn.things for kind, turn in turns.items()},
            **({"parts": parts} if parts else {}),
        }

    def condition(self) -> Mapping[str, Any]:
        """Say how this gateway is, for the primary; plain values, no floats."""
        report = self.report()
        return {
            "ok": report.is_ok,
            "says": report.headline(),
            "services": {
                name: {"ok": health.ok, "says": health.says, "figures": dict(health.figures)}
                for name, health in report.services.items()
            },
            "queue": dict(report.queue),
            "free_bytes": report.free_bytes,
            "has_room": report.has_room,
            "if_the_line_were_cut": {act.name: act.to_plain() for act in report.acts},
        }

    def report(self) -> Report:
        """Collect what the health page shows."""
        parts = self.parts
        gateway = parts.directory.gateway()
        services = self.keeper.health()
        has_room = parts.jobs.has_room()
        return Report(
            as_of=parts.clock.now(),
            gateway=gateway.name if gateway else _("A gateway without configuration"),
            link=self._link.health(),
            services=services,
            errors=self._errors(),
            queue=dict(parts.jobs.figures()),
            free_bytes=parts.jobs.spool.free_bytes(),
            has_room=has_room,
            knowledge=self._knowledge(),
            acts=offline.what_works(services, parts.directory, has_room=has_room),
        )

    async def forget_account(self, account_id: AccountId) -> None:
        """Erase everything of an account that this gateway serves no longer, and say so."""
        documents = await self.parts.jobs.forget_account(account_id)
        await self.parts.pairings.forget(account_id)
        log.info("account %s is forgotten, with %d documents", account_id, documents)

    # --- inside -------------------------------------------------------------------------------

    async def _follow_configuration(self) -> None:
        """Bring what runs to what the gateway's record says, each time it changes."""
        while True:
            self._changed.clear()
            received = self._received()
            wanted, self._unknown = self.catalogue.wanted(self.parts.directory.gateway())
            self.keeper.want(wanted)
            await self.keeper.settled()
            if not self._errors():
                self._running = received
            self.ready.set()
            self._link.tell()
            await self._changed.wait()

    async def _keep_link(self) -> None:
        """Keep the line; whatever goes wrong with it, printing goes on."""
        while True:
            try:
                self._link = self._make_link(self)
                await self._link.run()
            except Exception:
                log.exception("the link failed; printing goes on, and it is tried again")
            self._link = NoLink(self.parts.clock)
            await asyncio.sleep(LINK_AGAIN_SECONDS)

    def _received(self) -> StreamCursor | None:
        return self.parts.replica.cursor(gateway_stream(self.parts.gateway_id))

    def _errors(self) -> dict[str, str]:
        if self._problems is None:
            # Looks at every row of the replica: once per change, not once per question.
            self._problems = self.parts.replica.problems()
        return {**self._unknown, **self._problems, **self.keeper.errors}

    def _on_change(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look again at what is wanted; the replica calls from any thread, and may outlive us."""
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._look_again)

    def _look_again(self) -> None:
        self._problems = None
        self._changed.set()

    def _oldest_knowledge(self) -> int | None:
        """Tell in seconds how old the oldest knowledge of an account is."""
        ages = [age.total_seconds() for age in self._knowledge().values() if age is not None]
        return int(max(ages)) if ages else None

    def _knowledge(self) -> dict[str, timedelta | None]:
        directory = self.parts.directory
        return {a.name: directory.knowledge_age(a.id) for a in directory.accounts()}


def build_agent(state_dir: Path, settings: Settings, clock: Clock | None = None) -> Agent:
    """Put a gateway together from its state folder.

    Raises:
        EnrolmentError: It has no identity, or a damaged one.
    """
    renewal.repair(state_dir / enrolment.FOLDER)
    identity = enrolment.load(state_dir)
    clock = clock or SystemClock()
    parts = build_parts(state_dir, identity.gateway_id, clock, unseal=identity.unseal)
    return Agent(parts, make_link=lambda agent: _make_link(agent, identity, settings))


def _make_link(agent: Agent, identity: Identity, settings: Settings) -> Link:
    parts = agent.parts

    def audit(event: str, detail: Mapping[str, Any]) -> None:
        parts.audit.record(event, ok=False, source="link", detail=dict(detail))

    return PrimaryLink(
        LinkParts(
            identity=identity,
            broker_host=settings.broker_host,
            broker_port=settings.broker_port,
            primary_url=settings.primary_url,
            store=parts.jobs.store,
            replica=parts.replica,
            changer=parts.jobs.changer,
            clock=parts.clock,
            running=agent.running,
            presence=agent.presence,
            audit=audit,
            acts=Control(agent).acts(),
            forget=agent.forget_account,
            rehearsal=agent.rehearsal,
        )
    )
