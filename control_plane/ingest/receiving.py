"""Messages of many gateways in one transaction: read, applied, committed, then answered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy.orm import Session

from control_plane import quick_json
from control_plane.audit import service as audit
from control_plane.database import Database
from control_plane.feed.pusher import Pusher
from control_plane.gateways import service as gateways
from control_plane.ingest import facts, hello
from control_plane.ingest.hello import Reception
from control_plane.ingest.inbox import ROWS, Message
from shared.ids import GatewayId
from shared.messages import codec, envelope
from shared.messages.codec import MessageError
from shared.messages.envelope import Batch
from shared.messages.feed import FeedAsk
from shared.messages.hello import Ack, Hello, Presence, PresenceState
from shared.messages.topics import Down, Up

log = logging.getLogger(__name__)

T = TypeVar("T")
Answer = Callable[[], object]  # what is said after the commit
Word = Hello | Presence | FeedAsk
Say = Callable[[GatewayId, Down, Any], bool]

# The broker gives a gateway's batches to several primaries in turns: one that overtook another is
# looked at again for so long, before the gateway is asked for what seems to be missing.
_OVERTAKEN_SECONDS: Final = 0.4


@dataclass(frozen=True, slots=True)
class Receiver:
    """Applies messages; has no state of its own, so that several threads may use it."""

    database: Database
    say: Say
    pusher: Pusher
    name: str  # of this primary: it pushes to whom it answers a Hello
    trusted: tuple[bytes, ...] = ()  # the signing keys that gateways are told to believe

    def process(self, messages: Sequence[Message]) -> list[Message]:
        """Apply messages in one transaction, commit, and only then answer and acknowledge.

        Returns batches that may have overtaken others on the way through another primary: they
        are not acknowledged, and are to be processed again soon.
        """
        begun = time.monotonic()
        # Read before the transaction: what takes our time keeps nobody else waiting.
        batches = _readable([m for m in messages if m.what in ROWS], _decode_batch)
        words = _readable([m for m in messages if m.what not in ROWS], _decode_word)
        early: list[Message] = []
        if any(isinstance(word, Hello) for _, word in words):
            # What a Hello leaves in the audit is of any tenant, and chains are locked in one order.
            self._commit(batches, [], early)
            self._commit([], words, early)
        else:
            self._commit(batches, words, early)
        again = {id(message) for message in early}
        for message in messages:
            if id(message) not in again:
                message.delivery.done()
        log.debug("%d messages in %.3f s", len(messages), time.monotonic() - begun)
        return early

    def _commit(
        self,
        batches: Sequence[tuple[Message, Batch]],
        words: Sequence[tuple[Message, Word]],
        early: list[Message],
    ) -> None:
        ids = {message.gateway_id for message, _ in (*batches, *words)}
        if not ids:
            return
        with self.database.writing() as session, audit.together(session):
            ids = gateways.admitted(session, ids)
            answers = self._apply_facts(
                session, [b for b in batches if b[0].gateway_id in ids], early
            )
            answers += self._apply_words(session, [w for w in words if w[0].gateway_id in ids])
        for answer in answers:
            answer()

    def _apply_facts(
        self, session: Session, read: list[tuple[Message, Batch]], early: list[Message]
    ) -> list[Answer]:
        """Apply rows of all gateways together; returns what to say after the commit."""
        if not read:
            return []
        halted = hello.halted(session, {message.gateway_id for message, _ in read})
        read = [each for each in read if each[0].gateway_id not in halted]
        batches = [(message.gateway_id, batch) for message, batch in read]
        newest: dict[Any, Ack] = {}
        for (message, batch), ack in zip(read, facts.receive_all(session, batches), strict=True):
            if _is_early(message, ack):
                early.append(message)
            else:
                # The last one says it for those before it: it counts up to where it is.
                newest[message.gateway_id, batch.header.lane] = ack
        return [partial(self.say, key[0], Down.ACK, ack) for key, ack in newest.items()]

    def _apply_words(self, session: Session, said: list[tuple[Message, Word]]) -> list[Answer]:
        """Take Hellos, heartbeats, wills and questions, in their order."""
        if not said:
            return []
        hellos = {message.gateway_id for message, word in said if isinstance(word, Hello)}
        # A Hello that was said again is not answered: the gateway waits for its last one's answer.
        last = {(m.gateway_id, w.boot_id): w for m, w in said if isinstance(w, Hello)}
        heard = {m.gateway_id for m, word in said if not isinstance(word, FeedAsk)}
        answers: list[Answer] = []
        reception = hello.Reception(session, heard, saying_hello=hellos) if heard else None
        for message, word in said:
            gateway_id = message.gateway_id
            if isinstance(word, FeedAsk):
                answers.append(partial(self.pusher.asked, gateway_id, word))
            elif isinstance(word, Hello):
                assert reception is not None
                if last[gateway_id, word.boot_id] is not word:
                    continue
                answers += self._greeted(session, gateway_id, word, reception)
            else:
                assert reception is not None
                answers += self._heard(gateway_id, word, reception)
        return answers

    def _greeted(
        self, session: Session, gateway_id: GatewayId, said: Hello, reception: Reception
    ) -> list[Answer]:
        greeting = reception.answer(gateway_id, said)
        gateways.set_pusher(session, gateway_id, self.name)
        answer = replace(greeting.answer, signing_keys=self.trusted)
        after: list[Answer] = [partial(self.say, gateway_id, Down.HELLO, answer)]
        if not greeting.is_halted:
            after.append(partial(self.pusher.online, gateway_id, said.streams))
        return after

    def _heard(self, gateway_id: GatewayId, said: Presence, reception: Reception) -> list[Answer]:
        believed = reception.on_presence(gateway_id, said)
        if said.state is PresenceState.GONE:
            return [partial(self.pusher.offline, gateway_id)] if believed else []
        return [partial(self.say, gateway_id, Down.HELLO, reception.beat(gateway_id))]


def _is_early(message: Message, ack: Ack) -> bool:
    """Whether what is missing before a batch may be at another primary, on its way to the disk."""
    return bool(ack.want) and time.monotonic() - message.came_at < _OVERTAKEN_SECONDS


def _readable(messages: Sequence[Message], read: Callable[[Message], T]) -> list[tuple[Message, T]]:
    """Read messages; one that is not readable is left out, and told to the log."""
    found = []
    for message in messages:
        try:
            found.append((message, read(message)))
        except MessageError as error:
            log.warning("gateway %s says on %s what is not readable: %s",
                        message.gateway_id, message.what.value, error)  # fmt: skip
    return found


def _decode_batch(message: Message) -> Batch:
    return envelope.decode_batch(message.delivery.payload, quick_json.loads)


_WORDS: Final[Mapping[Up, type[Word]]] = {
    Up.HELLO: Hello,
    Up.PRESENCE: Presence,
    Up.FEED: FeedAsk,
}


def _decode_word(message: Message) -> Word:
    plain = codec.loads(envelope.unpack(message.delivery.payload))
    return codec.from_plain(_WORDS[message.what], plain)
