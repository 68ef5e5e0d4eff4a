"""Pages to gateways: at once when a change commits, and when a gateway asks.

The pusher remembers what it sent to whom in memory alone: who was forgotten asks again, and a
row that comes twice changes nothing.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from control_plane.commands import service as commands
from control_plane.database import Database, utc_now
from control_plane.feed import service
from control_plane.feed import signed_pages as pages
from control_plane.feed.models import FeedStream
from control_plane.feed.signed_pages import Recipient
from control_plane.gateways import service as gateways
from shared.ids import AccountId, GatewayId
from shared.messages.feed import FeedAsk, FeedPage
from shared.messages.hello import StreamCursor
from shared.messages.records import account_stream, gateway_stream
from shared.messages.topics import Down

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.3
# A change of another process is seen by its time; clocks and long transactions may differ so far.
_LOOK_BACK: Final = timedelta(seconds=15)
_MAX_WAITING: Final = 10_000

Say = Callable[[GatewayId, Down, Any], bool]
Cursors = dict[str, StreamCursor]  # of one gateway: what was sent of each stream


@dataclass(frozen=True, slots=True)
class _Online:
    gateway_id: GatewayId
    cursors: Mapping[str, StreamCursor]


@dataclass(frozen=True, slots=True)
class _Offline:
    gateway_id: GatewayId | None  # None: everybody, the broker went away


@dataclass(frozen=True, slots=True)
class _Taken:
    ids: frozenset[GatewayId]


@dataclass(frozen=True, slots=True)
class _Asked:
    gateway_id: GatewayId
    ask: FeedAsk


@dataclass(frozen=True, slots=True)
class _Changed:
    streams: frozenset[str]


_Item = _Online | _Offline | _Taken | _Asked | _Changed


class Pusher:
    """One thread; everything that others tell it goes through its queue.

    Each gateway has one primary that pushes to it: the one that answered its Hello, or took it
    over. Questions are answered by whoever hears them.
    """

    def __init__(
        self, database: Database, say: Say, name: str, greet: Callable[[GatewayId], None]
    ) -> None:
        self._database = database
        self._say = say
        self._name = name
        self._greet = greet
        self._inbox: queue.Queue[_Item | None] = queue.Queue(_MAX_WAITING)
        self._sent: dict[GatewayId, Cursors] = {}
        self._seen: dict[str, StreamCursor] = {}
        self._stop_listening: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name="feed pusher", daemon=True)

    def start(self) -> None:
        self._stop_listening = service.on_commit(self.changed)
        self._thread.start()

    def stop(self) -> None:
        if self._stop_listening is not None:
            self._stop_listening()
        self._put(None)
        self._thread.join(5)

    def online(self, gateway_id: GatewayId, cursors: Mapping[str, StreamCursor]) -> None:
        """A gateway said Hello with these cursors; its queued commands go out, too."""
        self._put(_Online(gateway_id, dict(cursors)))

    def offline(self, gateway_id: GatewayId | None = None) -> None:
        self._put(_Offline(gateway_id))

    def taken(self, ids: Iterable[GatewayId]) -> None:
        """These gateways were another's, or were lost sight of; they are here, and ours now."""
        self._put(_Taken(frozenset(ids)))

    def asked(self, gateway_id: GatewayId, ask: FeedAsk) -> None:
        self._put(_Asked(gateway_id, ask))

    def changed(self, streams: Iterable[str]) -> None:
        self._put(_Changed(frozenset(streams)))

    def _put(self, item: _Item | None) -> None:
        try:
            self._inbox.put_nowait(item)
        except queue.Full:
            # Whoever is forgotten here asks again at its next heartbeat.
            log.warning("the pusher has too much to do; %s was left out", type(item).__name__)

    def _run(self) -> None:
        next_poll = time.monotonic()
        while True:
            try:
                item = self._inbox.get(timeout=max(0.01, next_poll - time.monotonic()))
                if item is None:
                    return
                self._handle(item)
            except queue.Empty:
                next_poll = time.monotonic() + POLL_SECONDS
                self._guarded(self._poll)

    def _handle(self, item: _Item) -> None:
        if isinstance(item, _Online):
            self._sent[item.gateway_id] = {}
            self._guarded(lambda: self._welcome(item))
        elif isinstance(item, _Offline):
            if item.gateway_id is None:
                self._sent.clear()
            else:
                self._sent.pop(item.gateway_id, None)
        elif isinstance(item, _Taken):
            for gateway_id in sorted(item.ids):
                self._guarded(lambda: self._adopt(gateway_id))  # noqa: B023  # called at once
        elif isinstance(item, _Asked):
            self._guarded(lambda: self._answer(item))
        else:
            self._guarded(lambda: self._push_all(item.streams))

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except SQLAlchemyError as error:
            # The database is away for a moment: gateways ask again, and the poll looks back.
            log.warning("feed: %s", error)
        except Exception:
            log.exception("feed pusher")

    def _poll(self) -> None:
        """Find what other processes changed: the command line, another primary."""
        with self._database.reading() as session:
            rows = session.execute(
                select(FeedStream.stream, FeedStream.feed_epoch, FeedStream.changed_seq).where(
                    FeedStream.changed_at > utc_now() - _LOOK_BACK
                )
            ).all()
            seen = {stream: StreamCursor(epoch, seq) for stream, epoch, seq in rows}
        changed = {stream for stream, at in seen.items() if self._seen.get(stream) != at}
        self._push_all(changed)
        self._seen = seen

    def _push_all(self, streams: Iterable[str]) -> None:
        with self._database.reading() as session:
            for stream in sorted(streams):
                for gateway_id in self._audience(session, stream):
                    self._push(session, gateway_id, self._sent[gateway_id], stream)

    def _audience(self, session: Session, stream: str) -> list[GatewayId]:
        kind, _, owner = stream.partition(":")
        if kind == "account":
            serving = gateways.serving_gateways(session, AccountId(owner))
            known = [gateway.id for gateway in serving if gateway.id in self._sent]
        else:
            known = [GatewayId(owner)] if GatewayId(owner) in self._sent else []
        ours = gateways.pushed_by(session, known, self._name) if known else set()
        for gateway_id in known:
            if gateway_id not in ours:
                del self._sent[gateway_id]  # It has said Hello to another primary since.
        return [gateway_id for gateway_id in known if gateway_id in ours]

    def _welcome(self, item: _Online) -> None:
        own = gateway_stream(item.gateway_id)
        sent = self._sent[item.gateway_id]
        with self._database.reading() as session:
            for stream in self._streams(session, item.gateway_id):
                cursor = item.cursors.get(stream)
                # What its own stream names and it lacks, it asks for by itself.
                if cursor is not None or stream == own:
                    self._bring(session, item.gateway_id, sent, stream, cursor)
            self._send_commands(session, item.gateway_id)

    def _adopt(self, gateway_id: GatewayId) -> None:
        """Go on from here with a gateway that another primary left; it asks for what it lacks."""
        with self._database.reading() as session:
            streams = self._streams(session, gateway_id)
            self._sent[gateway_id] = pages.positions(session, streams)
            self._greet(gateway_id)
            self._send_commands(session, gateway_id)

    def _answer(self, item: _Asked) -> None:
        ask = item.ask
        with self._database.reading() as session:
            if ask.stream not in self._streams(session, item.gateway_id):
                log.warning("gateway %s asks for %s, not its own", item.gateway_id, ask.stream)
                return
            cursor = StreamCursor(ask.feed_epoch, ask.after) if ask.feed_epoch else None
            is_ours = bool(gateways.pushed_by(session, [item.gateway_id], self._name))
            sent = self._sent.setdefault(item.gateway_id, {}) if is_ours else {}
            self._bring(session, item.gateway_id, sent, ask.stream, cursor)

    def _streams(self, session: Session, gateway_id: GatewayId) -> list[str]:
        served = gateways.served_accounts(session, gateway_id)
        return [gateway_stream(gateway_id), *(account_stream(each) for each in served)]

    def _bring(
        self,
        session: Session,
        gateway_id: GatewayId,
        sent: Cursors,
        stream: str,
        cursor: StreamCursor | None,
    ) -> None:
        """Bring a gateway from its cursor to the present, by changes or by a snapshot."""
        if not pages.can_continue(session, stream, cursor):
            self._send_snapshot(session, gateway_id, sent, stream)
        elif cursor is not None:
            sent[stream] = cursor
            if self._push(session, gateway_id, sent, stream) == 0:
                to = Recipient(gateway_id, utc_now())
                self._say(gateway_id, Down.FEED, pages.confirmation(to, stream, cursor))

    def _push(self, session: Session, gateway_id: GatewayId, sent: Cursors, stream: str) -> int:
        """Send what is new since what was sent; returns how many pages."""
        if stream.startswith("commands:"):
            self._send_commands(session, gateway_id)
            return 0
        cursor = sent.get(stream)
        if cursor is None:
            # Another primary answered it about this stream, or it is new: it compares and asks.
            sent.update(pages.positions(session, [stream]))
            self._greet(gateway_id)
            return 0
        if not pages.can_continue(session, stream, cursor):
            self._send_snapshot(session, gateway_id, sent, stream)
            return 1
        count = 0
        to = Recipient(gateway_id, utc_now())
        while page := pages.changes(session, to, stream, cursor.changed_seq):
            if not self._send(gateway_id, sent, page):
                break
            cursor = StreamCursor(page.feed_epoch, page.upto)
            count += 1
        return count

    def _send_snapshot(
        self, session: Session, gateway_id: GatewayId, sent: Cursors, stream: str
    ) -> None:
        to = Recipient(gateway_id, utc_now())
        for page in pages.snapshot(session, to, stream):
            if not self._send(gateway_id, sent, page):
                return

    def _send(self, gateway_id: GatewayId, sent: Cursors, page: FeedPage) -> bool:
        if not self._say(gateway_id, Down.FEED, page):
            sent.pop(page.stream, None)
            return False
        if page.snapshot is None or page.snapshot.last:
            sent[page.stream] = StreamCursor(page.feed_epoch, page.upto)
        return True

    def _send_commands(self, session: Session, gateway_id: GatewayId) -> None:
        for command in commands.list_pending(session, gateway_id):
            self._say(gateway_id, Down.COMMAND, command)
