"""The gateway's end of the link: one connection, and what comes and goes on it (docs/link.md).

paho runs in its own thread; everything else happens on the agent's loop. Nothing here is needed
to print: while the line is cut, facts wait in the outbox and the replica stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from edge_agent.enrolment import Identity
from edge_agent.jobs import outbox
from edge_agent.jobs.changes import Changer
from edge_agent.jobs.store import JobStore
from edge_agent.jobs.transaction import Transaction
from edge_agent.service import Health
from edge_agent.sync import greeting, rollback
from edge_agent.sync.commands import Act, Commands
from edge_agent.sync.follower import Follower, Forget
from edge_agent.sync.greeting import Greeting
from edge_agent.sync.rehearsal import Rehearsal
from edge_agent.sync.replica import Replica
from edge_agent.sync.sender import BeginAnew, Sender
from edge_agent.sync.upkeep import Pruning, Renewal
from edge_agent.sync.wire import Events, Wire
from shared.clock import Clock
from shared.crypto.signing import SignatureError
from shared.i18n import gettext as _
from shared.messages import codec, hello, topics
from shared.messages.codec import MessageError
from shared.messages.commands import Command, CommandKind
from shared.messages.envelope import Lane
from shared.messages.feed import FeedAsk, FeedPage
from shared.messages.hello import (
    Ack,
    Hello,
    HelloAnswer,
    LaneAction,
    Presence,
    PresenceState,
    Running,
)
from shared.messages.topics import Down, Up
from shared.mqtt import Backoff, Delivery

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 30.0
_MAX_WAITING: Final = 400
_AGAIN_SECONDS: Final = 5.0
_PARKED_BEATS: Final = 2


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What the link is given."""

    identity: Identity
    broker_host: str
    broker_port: int
    primary_url: str
    store: JobStore
    replica: Replica
    changer: Changer
    clock: Clock
    running: Callable[[], Running]
    presence: Callable[[], Mapping[str, Any]]
    audit: Callable[[str, Mapping[str, Any]], None]  # a refused message: event and detail
    acts: Mapping[CommandKind, Act]
    forget: Forget
    agent_version: str = "0.1.0"
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    backoff: Backoff | None = None
    rehearsal: Rehearsal | None = None


class Link:
    """Runs until cancelled."""

    def __init__(self, parts: LinkParts) -> None:
        self._parts = parts
        self._identity = parts.identity
        self._verifier = parts.identity.verifier()
        self._gateway_id = parts.identity.gateway_id
        self._boot_id = secrets.token_hex(16)
        self._up = asyncio.Event()
        self._greeting = Greeting(self._say_hello, self._up.is_set, self._no_answer)
        # Pages take their time; acknowledgements and commands do not wait behind them.
        self._pages: asyncio.Queue[Delivery] = asyncio.Queue(_MAX_WAITING)
        self._inbox: asyncio.Queue[Delivery] = asyncio.Queue(_MAX_WAITING)
        self._known_released: tuple[str, ...] = ()
        self._primary_time: tuple[datetime, float] | None = None  # and our monotonic clock then
        self._anew_after = ""  # the Hello that we were asked to say anew
        self._says = _("The line to the primary has not been up yet.")
        self._is_parked = False
        self._senders = {
            lane: Sender(parts.store, lane, self._publisher(lane), self._greeting.begin)
            for lane in Lane
        }
        self._follower = Follower(
            parts.replica, self._gateway_id, parts.clock, self._ask, parts.forget
        )
        self._commands = Commands(parts.store, self._gateway_id, parts.acts, self.primary_now)
        self._news = asyncio.Event()
        self._is_connected = False
        self._wire = Wire(
            lambda: self._identity,
            self._boot_id,
            (parts.broker_host, parts.broker_port),
            parts.backoff,
            Events(self._take, self._came_up, self._went_down, self._was_not_heard),
        )
        self._renewal = Renewal(
            lambda: self._identity,
            parts.primary_url,
            self.primary_now,
            self._is_silent,
            self._wire.reconnect,
        )
        self.pruning = Pruning(parts.store, parts.clock)
        if parts.rehearsal is not None:
            parts.rehearsal.on_change(self._on_rehearsal)

    # --- what others ask ------------------------------------------------------------------------

    def health(self) -> Health:
        """Say how the line is, for the health page."""
        lanes = {lane.value: self._waiting(lane) for lane in Lane}
        figures: dict[str, int | str] = {f"{name}_waiting": n for name, n in lanes.items()}
        return Health(ok=self._is_well(), says=self._says, figures=figures)

    def tell(self) -> None:
        """Say how the gateway is without waiting for the next heartbeat."""
        self._news.set()

    def primary_now(self) -> datetime:
        """Tell the primary's time; our own clock where it has not told us yet.

        Counted on by a clock that nobody sets: what expired stays expired.
        """
        if self._primary_time is None:
            return self._parts.clock.now()
        told, then = self._primary_time
        return told + timedelta(seconds=self._parts.clock.monotonic() - then)

    def _is_silent(self) -> bool:
        """Whether the gateway rehearses that its line is cut."""
        rehearsal = self._parts.rehearsal
        return rehearsal is not None and rehearsal.is_silent

    def _on_rehearsal(self) -> None:
        if self._is_silent():
            is_connected = self._is_connected  # And stays so, for the command that ends it.
            self._went_down(_("a rehearsal; spoolhouse-agent rehearsal end ends it"))
            self._is_connected = is_connected
        elif self._is_connected:
            self._came_up()

    def _is_well(self) -> bool:
        return self._up.is_set() and self._senders[Lane.FACTS].is_sending

    def _waiting(self, lane: Lane) -> int:
        return self._parts.store.look(lambda c: outbox.waiting(c, lane))

    # --- running --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the line until cancelled; whatever goes wrong with it, the gateway goes on."""
        log.info("this start of the agent is known to the primary as box %s", self._boot_id[:8])
        for sender in self._senders.values():
            self._parts.store.on_facts(sender.wake)
        while True:
            try:
                await self._run_once()
            except Exception:
                log.exception("the link failed; it begins again")
                self._went_down(_("an error of our own; see the log"))
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _run_once(self) -> None:
        await self._parts.store.submit(self._identify)
        await self._commands.recover()
        self._wire.start()
        try:
            async with asyncio.TaskGroup() as group:
                for lane, sender in self._senders.items():
                    group.create_task(sender.run(), name=f"sender of {lane.value}")
                group.create_task(self._handle_forever(self._inbox), name="link messages")
                group.create_task(self._handle_forever(self._pages), name="feed pages")
                group.create_task(self._greeting.run(), name="hello")
                group.create_task(self._beat_forever(), name="heartbeat")
                group.create_task(self._renewal.run(), name="certificate")
                group.create_task(self.pruning.run(), name="outbox retention")
        finally:
            await self._wire.stop(says_so=not self._is_silent())

    def _identify(self, tx: Transaction) -> None:
        outbox.identify(tx.connection, self._gateway_id)
        for lane in Lane:
            outbox.lane_state(tx.connection, lane)

    def _take(self, delivery: Delivery) -> None:
        is_command = delivery.topic == topics.down(self._gateway_id, Down.COMMAND)
        if self._is_silent() and not is_command:
            delivery.done()
            return
        is_page = delivery.topic == topics.down(self._gateway_id, Down.FEED)
        try:
            (self._pages if is_page else self._inbox).put_nowait(delivery)
        except asyncio.QueueFull:
            delivery.done()  # Pages and acknowledgements come again when we ask.

    def _came_up(self) -> None:
        self._is_connected = True
        if self._is_silent():
            return
        self._up.set()
        self._says = _("Connected; waiting for the primary to answer.")
        self._greeting.begin()

    def _was_not_heard(self) -> None:
        """The broker is there and the primary is not: say Hello until it listens."""
        for sender in self._senders.values():
            sender.stop_sending()
        self._greeting.was_not_heard()

    def _went_down(self, says: str) -> None:
        self._is_connected = False
        self._up.clear()
        self._says = _("The line to the primary is cut: %(why)s", why=says)
        self._follower.connection_lost()
        for sender in self._senders.values():
            sender.stop_sending()

    # --- up -------------------------------------------------------------------------------------

    def _publisher(self, lane: Lane) -> Callable[[bytes], bool]:
        what = Up.FACTS if lane is Lane.FACTS else Up.TELEMETRY
        return lambda payload: self._publish(what, payload)

    def _publish(self, what: Up, payload: bytes) -> bool:
        return not self._is_silent() and self._wire.publish(what, payload)

    def _say(self, what: Up, message: Any) -> bool:
        return not self._is_silent() and self._wire.say(what, message)

    def _ask(self, ask: FeedAsk) -> bool:
        return self._say(Up.FEED, ask)

    def _no_answer(self) -> None:
        self._says = _("Connected to the broker, but the primary does not answer.")

    async def _say_hello(self, name: str) -> None:
        trouble = {lane: sender.trouble for lane, sender in self._senders.items()}
        lanes = await self._parts.store.read(lambda c: greeting.lanes(c, trouble))
        said = Hello(
            v=hello.VERSION,
            hello_id=name,
            boot_id=self._boot_id,
            agent_version=self._parts.agent_version,
            time=self._parts.clock.now(),
            lanes=lanes,
            streams=self._parts.replica.streams(),
            running=self._parts.running(),
            anew=self._anew_after,
        )
        self._say(Up.HELLO, said)

    async def _beat_forever(self) -> None:
        beats = 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._parts.heartbeat_seconds):
                    await self._news.wait()
            self._news.clear()
            if self._up.is_set():
                self._beat()
                beats += 1
                if self._is_parked and beats % _PARKED_BEATS == 0:
                    self._greeting.begin()  # A person may have chosen us.

    def _beat(self) -> None:
        here = Presence(
            hello.VERSION,
            PresenceState.HERE,
            self._boot_id,
            self._parts.clock.now(),
            self._parts.running(),
            self._parts.presence(),
        )
        self._say(Up.PRESENCE, here)

    # --- down -----------------------------------------------------------------------------------

    async def _handle_forever(self, inbox: asyncio.Queue[Delivery]) -> None:
        while True:
            delivery = await inbox.get()
            try:
                await self._handle(delivery)
            except (SignatureError, MessageError) as error:
                # Whoever sent this is not the primary, or not to us, or another version.
                what = delivery.topic.rpartition("/")[2]
                log.warning("a message on down/%s is not believed: %s", what, error)
                detail = {"topic": what, "reason": str(error)[:200]}
                self._parts.audit("link.refused", detail)
            finally:
                delivery.done()

    async def _handle(self, delivery: Delivery) -> None:
        plain = self._verifier.open(delivery.topic, delivery.payload)
        what = delivery.topic.rpartition("/")[2]
        if what == Down.HELLO.value:
            await self._on_hello(codec.from_plain(HelloAnswer, plain))
        elif what == Down.ACK.value:
            ack = codec.from_plain(Ack, plain)
            await self._senders[ack.lane].on_ack(ack)
        elif what == Down.FEED.value:
            await self._follower.on_page(codec.from_plain(FeedPage, plain))
        elif what == Down.COMMAND.value:
            command = codec.from_plain(Command, plain)
            if self._is_silent() and command.kind is not CommandKind.END_REHEARSAL:
                return  # Not heard: it is sent again afterwards, if it is still of use.
            refusal = await self._commands.on_command(command)
            if refusal is not None:
                self._parts.audit("command.refused", {"command_id": command.id, "reason": refusal})

    async def _on_hello(self, answer: HelloAnswer) -> None:
        if answer.hello_id:
            if not self._greeting.takes(answer.hello_id):
                return
            # Only what echoes our Hello is surely of now: a broker may keep and repeat the rest.
            self._primary_time = answer.time, self._parts.clock.monotonic()
            self._commands.primary_epoch = answer.primary_epoch
            self._trust(answer.signing_keys)
            if not answer.lanes:
                # An earlier box of this name spoke last, says the primary: are we really here?
                self._anew_after = answer.hello_id
                self._greeting.begin()
                return
            self._anew_after = ""
            self._beat()
            self._known_released = answer.known_released
            for name, mark in answer.lanes.items():
                lane = Lane(name)
                await self._senders[lane].on_mark(mark, self._anew(lane, mark.home_epoch))
            self._tell(answer)
        await self._follower.on_positions(answer.streams, answer.time)

    def _tell(self, answer: HelloAnswer) -> None:
        parked = [m for m in answer.lanes.values() if m.action is LaneAction.PARKED]
        self._is_parked = bool(parked)
        if parked:
            self._says = _("The primary has parked this gateway: %(why)s", why=parked[0].says)
        else:
            self._says = _("Connected to the primary.")

    def _anew(self, lane: Lane, home_epoch: int) -> BeginAnew:
        async def begin_anew(why: str, after: int | None) -> None:
            store, now = self._parts.store, self._parts.clock.now()
            new = rollback.NewEpoch(lane, why, after, self._known_released, now, home_epoch)
            counted = await store.submit(
                lambda tx: rollback.begin_anew(tx, new, self._parts.changer)
            )
            store.home_epoch = max(store.home_epoch, counted)
            self._greeting.begin()

        return begin_anew

    def _trust(self, keys: tuple[bytes, ...]) -> None:
        """Change the keys that we believe; a believed one vouched for them."""
        if keys and set(keys) != set(self._identity.signing_keys):
            self._identity = self._identity.trust(keys)
            self._verifier = self._identity.verifier()
            log.info("the primary has other signing keys now")
