"""A simulated gateway: the whole protocol of docs/link.md, and no printer behind it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from control_plane.simulate import packets
from control_plane.simulate.commands import Commands
from control_plane.simulate.figures import Figures
from control_plane.simulate.identities import Identity
from control_plane.simulate.line import Line
from control_plane.simulate.outbox import Outbox
from control_plane.simulate.packets import Packet, Publish, Will
from control_plane.simulate.sending import Sending
from control_plane.simulate.streams import Streams
from control_plane.simulate.work import Desk, House, Ledger
from shared.crypto.signing import SignatureError, Verifier
from shared.messages import codec, hello, topics
from shared.messages.codec import MessageError
from shared.messages.commands import Command
from shared.messages.envelope import Lane
from shared.messages.feed import FeedAsk, FeedPage
from shared.messages.hello import Ack, Hello, HelloAnswer, Presence, PresenceState
from shared.messages.topics import Down, Up
from shared.mqtt import Backoff

CONNECT_SECONDS: Final = 10.0
_KEEPALIVE: Final = 30
_SILENCE_SECONDS: Final = 45.0  # then the line is half-open
_HELLO_SECONDS: Final = 0.5
_RECEIVE_MAXIMUM: Final = 100
_MOST_SECONDS: Final = 60.0


@dataclass
class World:
    """What all gateways of a fleet share."""

    host: str
    port: int
    figures: Figures
    ledger: Ledger
    random: Random
    heartbeat_seconds: float = 30.0
    rows_at_once: int = 500
    backoff: Backoff = field(default_factory=Backoff)
    changed_at: dict[str, float] = field(default_factory=dict)  # id of a record: when committed


class SimulatedGateway:
    """``run`` keeps its line until cancelled; whatever happens to it goes to the figures."""

    def __init__(self, identity: Identity, house: House, world: World) -> None:
        self.identity = identity
        self.desk = Desk(house)
        self.is_cut = False
        self._world = world
        self._verifier = Verifier(identity.signing_keys)
        self._boot_id = secrets.token_hex(16)
        self._outboxes = {lane: Outbox(identity.gateway_id, lane) for lane in Lane}
        self._outbox = self._outboxes[Lane.FACTS]
        self._streams = Streams(identity.gateway_id)
        self._line: Line | None = None
        self._is_over = False  # the line
        self._stir = asyncio.Event()  # something ended, or is due earlier than was thought
        self._wake_at = 0.0
        self._is_let_in = False
        self._was_connected = False
        self._says = ""
        self._hello_id = ""
        self._anew_after = ""  # the Hello that we were asked to say anew
        self._hello_due: float | None = None
        self._hello_patience = _HELLO_SECONDS
        self._beat_due = 0.0
        self._heard = 0.0
        self._commands = Commands(identity.gateway_id)
        self._sending = Sending(
            self._outbox,
            world.figures,
            world.rows_at_once,
            publish=lambda payload: self._publish(Up.FACTS, payload),
            say_hello=self._say_hello_soon,
            is_due=self._is_due,
        )

    # --- what happens at the gateway ------------------------------------------------------------

    def tell(self, facts: Iterable[Any]) -> None:
        """Commit facts: they are in the outbox, and leave when they can."""
        for fact in facts:
            self._outbox.append(fact)
            self._world.figures.facts += 1
            self._world.ledger.note(fact)
        self._sending.send()

    @property
    def waiting(self) -> int:
        """Facts that the primary has not acknowledged."""
        return self._outbox.waiting

    @property
    def is_connected(self) -> bool:
        return self._sending.is_going

    def pull_cable(self) -> None:
        self.is_cut = True
        self.drop("the cable was pulled")

    def put_cable_back(self) -> None:
        self.is_cut = False
        self._stir.set()

    def drop(self, says: str) -> None:
        """Lose the line without a word."""
        if self._line is not None:
            self._line.abort(says)

    # --- the line -------------------------------------------------------------------------------

    async def run(self) -> None:
        refused = silent = 0
        try:
            while True:
                while self.is_cut:
                    await self._wait(_MOST_SECONDS)
                shaken = await self._connect_once()
                refused = 0 if self._was_connected else refused + shaken
                silent = 0 if shaken else silent + 1
                wait = self._world.backoff.wait(refused or silent, answered=refused > 0)
                await asyncio.sleep(wait)
        finally:
            if self._line is not None:
                self._say(Up.PRESENCE, self._gone())
                self._line.close()

    async def _connect_once(self) -> bool:
        """Connect and stay until it ends; whether the broker answered."""
        world, figures = self._world, self._world.figures
        self._is_over = self._is_let_in = self._was_connected = shaken = False

        def on_shaken() -> None:
            nonlocal shaken
            shaken = True
            figures.on_handshake()
            line.send(self._connect())

        line = Line(
            self.identity.tls(), world.host, on_shaken=on_shaken,
            on_packet=self._on_packet, on_lost=self._on_lost,
        )  # fmt: skip
        self._line = line
        figures.attempts += 1
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: line, world.host, world.port
                )
        except (OSError, TimeoutError) as error:
            figures.on_error(f"connect: {type(error).__name__}")
            self._line = None
            return False
        self._heard = time.monotonic()
        self._hello_due = self._heard + CONNECT_SECONDS
        self._beat_due = self._heard + world.heartbeat_seconds
        while not self._is_over:
            self._wake_at = self._on_time()
            await self._wait(self._wake_at - time.monotonic())
        return shaken

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.01, seconds)):
                await self._stir.wait()
        except TimeoutError:
            return
        self._stir.clear()

    def _is_due(self, at: float) -> None:
        if at < self._wake_at:
            self._stir.set()

    def _connect(self) -> Packet:
        will = Will(
            topics.up(self.identity.gateway_id, Up.PRESENCE),
            codec.dumps(codec.to_plain(self._gone())), 10,
        )  # fmt: skip
        return packets.Connect(self.identity.gateway_id, _KEEPALIVE, 60, _RECEIVE_MAXIMUM, will)

    def _gone(self) -> Presence:
        return Presence(hello.VERSION, PresenceState.GONE, self._boot_id)

    def _on_lost(self, says: str) -> None:
        figures = self._world.figures
        if self._was_connected:
            figures.reconnects += 1
            self._sending.was_lost()
        elif not self.is_cut:
            figures.on_error(f"connect: {self._says or says}")
        self._sending.stop()
        self._line, self._says = None, ""
        self._streams.connection_lost()
        self._is_over = True
        self._stir.set()

    # --- time -----------------------------------------------------------------------------------

    def _on_time(self) -> float:
        """Do what is due; tells when the next thing is."""
        now = time.monotonic()
        line = self._line
        if line is None:
            return now
        if self._hello_due is not None and now >= self._hello_due:
            if not self._is_let_in:
                line.abort("the broker does not answer")
                return now
            self._say_hello()
        if now >= self._beat_due:
            self._beat()
            line.send(packets.PingReq())
        if now - self._heard > _SILENCE_SECONDS + self._world.heartbeat_seconds:
            line.abort("half-open: nothing was heard")
            return now
        self._sending.on_time(now)
        dues = [self._beat_due, self._hello_due, self._sending.due]
        return min(due for due in dues if due is not None)

    # --- up -------------------------------------------------------------------------------------

    def _publish(self, what: Up, payload: bytes) -> bool:
        line = self._line
        return line is not None and line.publish(topics.up(self.identity.gateway_id, what), payload)

    def _say(self, what: Up, message: Any) -> bool:
        return self._publish(what, codec.dumps(codec.to_plain(message)))

    def _say_hello_soon(self) -> None:
        self._hello_patience = _HELLO_SECONDS
        self._say_hello()

    def _say_hello(self) -> None:
        self._hello_id = secrets.token_hex(8)
        said = Hello(
            v=hello.VERSION,
            hello_id=self._hello_id,
            boot_id=self._boot_id,
            agent_version="simulated",
            time=datetime.now(UTC),
            lanes={
                lane.value: box.hello(self._sending.trouble if lane is Lane.FACTS else "")
                for lane, box in self._outboxes.items()
            },
            streams=self._streams.cursors,
            anew=self._anew_after,
        )
        self._say(Up.HELLO, said)
        self._beat()
        self._hello_due = time.monotonic() + self._hello_patience
        self._is_due(self._hello_due)
        self._hello_patience = min(self._hello_patience * 1.5, _MOST_SECONDS)

    def _beat(self) -> None:
        self._say(
            Up.PRESENCE,
            Presence(
                hello.VERSION, PresenceState.HERE, self._boot_id, datetime.now(UTC),
                health={"ok": True, "simulated": True},
            ),
        )  # fmt: skip
        self._beat_due = time.monotonic() + self._world.heartbeat_seconds

    # --- down -----------------------------------------------------------------------------------

    def _on_packet(self, packet: Packet) -> None:
        self._heard = time.monotonic()
        if isinstance(packet, Publish):
            self._on_publish(packet)
        elif isinstance(packet, packets.ConnAck):
            self._on_connack(packet)
        elif isinstance(packet, packets.SubAck):
            self._on_suback(packet)
        elif isinstance(packet, packets.PubAck):
            if packet.reason >= packets.FAILURE:
                self._world.figures.on_error(f"the broker refuses a message: {packet.reason:#x}")
        elif isinstance(packet, packets.Disconnect):
            self._says = f"the broker says {packet.reason:#x}"

    def _on_connack(self, packet: packets.ConnAck) -> None:
        assert self._line is not None
        if packet.reason >= packets.FAILURE:
            self._says = f"the broker says {packet.reason:#x}"
            self._line.abort(self._says)
            return
        self._line.may_send(packet.receive_maximum)
        down = tuple(topics.down(self.identity.gateway_id, what) for what in Down)
        self._line.send(packets.Subscribe(1, down))

    def _on_suback(self, packet: packets.SubAck) -> None:
        assert self._line is not None
        if any(reason >= packets.FAILURE for reason in packet.reasons):
            self._says = "the broker does not know us (yet): no role"
            self._line.abort(self._says)
            return
        self._is_let_in = True
        self._say_hello_soon()

    def _on_publish(self, packet: Publish) -> None:
        try:
            plain = self._verifier.open(packet.topic, packet.payload)
            what = Down(packet.topic.rpartition("/")[2])
            if what is Down.HELLO:
                self._on_hello(codec.from_plain(HelloAnswer, plain))
            elif what is Down.ACK:
                self._sending.on_ack(codec.from_plain(Ack, plain))
            elif what is Down.FEED:
                self._on_page(codec.from_plain(FeedPage, plain))
            else:
                self._on_command(codec.from_plain(Command, plain))
        except (SignatureError, MessageError) as error:
            self._world.figures.on_error(f"not believed: {error}")
        if packet.packet_id and self._line is not None:
            self._line.send(packets.PubAck(packet.packet_id))

    def _on_hello(self, answer: HelloAnswer) -> None:
        if answer.hello_id not in {"", self._hello_id}:
            return  # The answer to an earlier Hello.
        if answer.hello_id:
            self._hello_due = None
            self._commands.primary_epoch = answer.primary_epoch
            if answer.signing_keys:
                self._verifier = Verifier(answer.signing_keys)
            self._anew_after = "" if answer.lanes else answer.hello_id
            if not answer.lanes:
                self._say_hello_soon()
            mark = answer.lanes.get(Lane.FACTS.value)
            if mark is not None and self._sending.on_mark(mark):
                self._was_connected = True
        for ask in self._streams.compare(answer.streams):
            self._ask(ask)

    def _on_page(self, page: FeedPage) -> None:
        figures, now = self._world.figures, time.time()
        figures.pages += 1
        for row in page.rows if page.snapshot is None else ():
            committed = self._world.changed_at.get(f"{row.id}/{row.deleted}")
            if committed is not None and self._streams.is_new(page.stream, row.seq):
                figures.feed_latency.add(now - committed)
        for ask in self._streams.apply(page):
            self._ask(ask)

    def _ask(self, ask: FeedAsk) -> None:
        if not self._say(Up.FEED, ask):
            self._streams.not_asked(ask.stream)

    def _on_command(self, command: Command) -> None:
        answer = self._commands.answer(command)
        if answer is not None:
            self._world.figures.commands += 1
            self.tell(answer)
