"""A card that nobody has becomes somebody's, also offline: who signs in beside it has it.

The fact is durable before the card works; then it is lent to the replica, where the primary's word
takes its place: the card, or a tombstone where somebody else was told of first. What a snapshot
drops meanwhile, and what a restart did not come to, is lent again for as long as it is untold.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from edge_agent.audit import Audit
from edge_agent.identity import answers
from edge_agent.identity.counters import Counters
from edge_agent.identity.directory import Directory, MissingSecretError
from shared import cards
from shared.clock import Clock
from shared.crypto import sealing
from shared.crypto.sealing import SealError
from shared.i18n import gettext as _
from shared.ids import CardId, UserId, new_id
from shared.messages.calls import Authenticated, EnrolCard
from shared.messages.events import CardEnrolled
from shared.messages.records import (
    AccountRecord,
    CardRecord,
    UnknownCards,
    account_stream,
    card_context,
)

log = logging.getLogger(__name__)

Tell = Callable[[CardEnrolled], Awaitable[None]]
Untold = Callable[[], Awaitable[Sequence[CardEnrolled]]]


class Lender(Protocol):
    """The replica, which takes a card for granted in the generation in which it was looked at."""

    def generation(self, stream: str) -> int: ...
    def lend(self, stream: str, record: CardRecord, generation: int) -> None: ...


class Enrolling:
    """Makes cards theirs who ask for it; ``untold`` are those the primary has not committed."""

    def __init__(
        self,
        directory: Directory,
        audit: Audit,
        clock: Clock,
        *,
        lender: Lender,
        tell: Tell,
        untold: Untold,
    ) -> None:
        self._directory = directory
        self._audit = audit
        self._clock = clock
        self._lender = lender
        self._tell = tell
        self._untold = untold
        self._one_by_one = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lending: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def start(self) -> None:
        """Lend what a restart left untold, and whenever the directory changes."""
        if self._loop is None:
            self._directory.subscribe(self._on_change)
        self._loop = asyncio.get_running_loop()
        self._changed.set()
        self._lending = asyncio.create_task(self._lend_forever(), name="untold cards")

    async def stop(self) -> None:
        if self._lending is not None:
            self._lending.cancel()
            await asyncio.wait([self._lending], timeout=5)
            self._lending = None

    @staticmethod
    def may(account: AccountRecord, card: cards.Card) -> bool:
        """Whether the account lets people make such a card theirs."""
        return (
            account.unknown_cards is UnknownCards.ENROL
            and account.card_sealing_key is not None
            and not account.is_closed
            and not card.is_random
        )

    async def enrol(
        self, call: EnrolCard, account: AccountRecord, who: Authenticated, counters: Counters
    ) -> Authenticated:
        """Make the card theirs who has just signed in, unless somebody has it."""
        async with self._one_by_one:
            card = cards.canonical(call.card_number)
            try:
                holder = self._directory.user_by_card(account.id, card)
            except MissingSecretError:
                return answers.not_yet()
            if holder is not None and holder.user.id == who.user_id:
                return replace(who, card_id=holder.card.id)
            if holder is not None:
                return self._refused(call, who, answers.card_taken())
            assert who.user_id is not None
            locked = await counters.enrols(account.id, who.user_id, call.reader_id or "")
            if locked is not None:
                return self._refused(call, who, answers.locked_out(locked))
            fact = self._fact(call, account, who.user_id, card)
            generation = self._lender.generation(account_stream(account.id))
            await self._tell(fact)
            await self._lend(fact, generation)
        says = _("Hello %(name)s. This card is yours now.", name=who.display_name)
        return replace(who, card_id=fact.card_id, says=says)

    def _fact(
        self, call: EnrolCard, account: AccountRecord, user_id: UserId, card: cards.Card
    ) -> CardEnrolled:
        card_id = CardId(new_id())
        key = account.card_sealing_key
        if key is None:
            raise SealError("the account has no key for numbers of cards")
        return CardEnrolled(
            card_id=card_id,
            account_id=account.id,
            user_id=user_id,
            sealed_number=sealing.seal(key, card.hex.encode(), card_context(account.id, card_id)),
            card_hash=cards.card_hash(self._directory.card_key(account.id), card),
            last4=card.last4,
            at=self._clock.now(),
            printer_id=call.printer_id,
            reader_id=call.reader_id,
        )

    def _refused(self, call: EnrolCard, who: Authenticated, answer: Authenticated) -> Authenticated:
        self._audit.record(
            "card.enrolment-refused",
            ok=False,
            source=call.device,
            account_id=call.account_id,
            user_id=who.user_id,
            printer_id=call.printer_id,
            reader_id=call.reader_id,
            detail={"reason": answer.reason, "last4": cards.canonical(call.card_number).last4},
        )
        return answer

    async def _lend(self, fact: CardEnrolled, generation: int) -> None:
        record = CardRecord(fact.card_id, fact.user_id, fact.card_hash, fact.last4)
        stream = account_stream(fact.account_id)
        await asyncio.to_thread(self._lender.lend, stream, record, generation)

    async def _lend_forever(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._lend_untold()
            except Exception:
                log.exception("cards that were enrolled here could not be looked up")

    async def _lend_untold(self) -> None:
        # Before it is asked what is untold: what was told meanwhile, a snapshot may speak of.
        accounts = self._directory.account_ids()
        generations = {each: self._lender.generation(account_stream(each)) for each in accounts}
        for fact in await self._untold():
            if fact.account_id in generations:
                await self._lend(fact, generations[fact.account_id])

    def _on_change(self, _stream: str, kinds: frozenset[str]) -> None:
        if "card" in kinds and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)
