"""A person at a printer: what a tap does, who is signed in, and what the terminal shows.

::

            tap (choose), sign-in                 print / tap (print-all)
    IDLE ------------------------> SESSION ------------------------------> PRINTING
      ^                               |   same card again, sign out, 45 s      |
      +-------------------------------+-------------------------------- 8 s ---+
      +-- 6 s -- REFUSED <-- unknown, locked or switched-off card
      +-- 2 min -- ENROL <-- unknown card, where the account lets people make it theirs

There is one station per printer, and at most one person at it: the tap of another card makes
room for its owner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from edge_agent.audit import Audit
from edge_agent.calls import CallFailedError, Calls
from edge_agent.identity import answers
from edge_agent.identity.reader import CardRead
from edge_agent.identity.shown import Person, Screen, Shown, last4_of, person_of, what_prints
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.i18n import reading_as
from shared.ids import AccountId, JobId, PrinterId, UserId
from shared.messages.calls import (
    AuthenticateCard,
    Authenticated,
    AuthenticatePassword,
    DeleteJob,
    EnrolCard,
    ListWaitingJobs,
    Released,
    ReleaseJobs,
    WaitingJob,
)
from shared.messages.records import ReaderMode, ReaderRecord

log = logging.getLogger(__name__)

SESSION_SECONDS: Final = 45.0
REFUSED_SECONDS: Final = 6.0
PRINTING_SECONDS: Final = 8.0
ENROL_SECONDS: Final = 120.0  # a name and a password take their time on a panel


class Station:
    """One printer with its readers and terminals."""

    def __init__(
        self, account_id: AccountId, printer_id: PrinterId, calls: Calls, audit: Audit, clock: Clock
    ) -> None:
        self.account_id = account_id
        self.printer_id = printer_id
        self.shown = Shown()
        self._calls = calls
        self._audit = audit
        self._clock = clock
        self._acting = asyncio.Lock()
        self._watchers: set[Callable[[], None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._refreshing: asyncio.Task[None] | None = None

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every change; returns what ends it."""
        self._watchers.add(callback)
        return lambda: self._watchers.discard(callback)

    @property
    def is_watched(self) -> bool:
        return bool(self._watchers)

    def close(self) -> None:
        self._show(Shown())
        if self._refreshing is not None:
            self._refreshing.cancel()

    # --- taps ---------------------------------------------------------------------------------

    async def tap(self, reader: ReaderRecord, read: CardRead, pin: str | None = None) -> None:
        """Do what a card at this reader means; never raises for what a person may do."""
        async with self._acting:
            try:
                await self._tap(reader, read, pin)
            except CallFailedError as error:
                log.warning("tap at %s: %s", reader.name, error)
                self._refuse(_("This does not work right now. Please try again."))

    async def _tap(self, reader: ReaderRecord, read: CardRead, pin: str | None) -> None:
        call = AuthenticateCard(self._calls.header(), self.account_id, read.number, reader.id, pin)
        answer = await self._calls.ask(call)
        self._audit_tap(reader, read, answer)
        if answer.reason == "pin-needed" and not answer.ok:
            self._ask_for_pin(reader, read, answer)
        elif answer.reason == "may-enrol":
            self._offer(reader, read, answer)
        elif not answer.ok or answer.user_id is None:
            self._refuse(answer.says, answer.language)
        elif reader.mode is ReaderMode.PRINT_ALL:
            await self._print_all(person_of(answer, reader), reader, read)
        elif self._is_signed_in(answer):
            self._show(Shown())
        else:
            await self._open(person_of(answer, reader))

    def _is_signed_in(self, answer: Authenticated) -> bool:
        person = self.shown.person
        return (
            self.shown.screen is Screen.SESSION
            and person is not None
            and person.card_id == answer.card_id
            and person.user_id == answer.user_id
        )

    async def _print_all(self, person: Person, reader: ReaderRecord, read: CardRead) -> None:
        age = self._clock.monotonic() - read.read_at
        released = await self._calls.ask(
            ReleaseJobs(
                header=self._calls.header(),
                account_id=self.account_id,
                owner_id=person.user_id,
                job_ids=(),
                printer_id=self.printer_id,
                by="card",
                reader_id=reader.id,
                tap_age_ms=max(0, int(age * 1000)),
            )
        )
        self._show_printing(person, released)

    # --- terminal -----------------------------------------------------------------------------

    async def sign_in(self, username: str, password: str, device: str) -> Authenticated:
        """Open a session by name and password, or say why not.

        Where a card waits that nobody has, it is theirs from then on.
        """
        async with self._acting:
            waiting = self.shown.waiting_card if self.shown.screen is Screen.ENROL else None
            if waiting is None:
                header = self._calls.header()
                answer = await self._calls.ask(
                    AuthenticatePassword(header, self.account_id, username, password, device)
                )
            else:
                answer = await self._enrol(*waiting, username, password, device)
            if answer.ok and answer.user_id is not None:
                await self._open(person_of(answer, waiting[1] if waiting else None))
            return answer

    async def _enrol(
        self, read: CardRead, reader: ReaderRecord, username: str, password: str, device: str
    ) -> Authenticated:
        call = EnrolCard(
            header=self._calls.header(),
            account_id=self.account_id,
            card_number=read.number,
            username=username,
            password=password,
            device=device,
            printer_id=self.printer_id,
            reader_id=reader.id,
        )
        return await self._calls.ask(call)

    async def enter_pin(self, pin: str) -> bool:
        """Go on with the card that asked for its PIN; False: no card did."""
        waiting = self.shown.waiting_card
        if self.shown.screen is not Screen.PIN or waiting is None:
            return False
        read, reader = waiting
        await self.tap(reader, read, pin)
        return True

    async def release(self, job_ids: tuple[JobId, ...]) -> Released | None:
        """Print what the person chose; None: nobody is signed in."""
        async with self._acting:
            person = self._signed_in()
            if person is None:
                return None
            released = await self._calls.ask(
                ReleaseJobs(
                    header=self._calls.header(),
                    account_id=self.account_id,
                    owner_id=person.user_id,
                    job_ids=job_ids,
                    printer_id=self.printer_id,
                    by="terminal",
                    reader_id=person.reader_id,
                )
            )
            self._show_printing(person, released)
            return released

    async def delete(self, job_id: JobId) -> str | None:
        """Delete one of the person's jobs; a sentence when it could not be done."""
        async with self._acting:
            person = self._signed_in()
            if person is None:
                return _("Nobody is signed in.")
            header = self._calls.header()
            deleted = await self._calls.ask(
                DeleteJob(header, self.account_id, person.user_id, job_id, "terminal")
            )
            await self._open(person)
            return None if deleted.ok else deleted.says

    def sign_out(self) -> None:
        self._show(Shown())

    def on_job_changed(self, owner_id: UserId | None) -> None:
        """Show a signed-in person what became of their jobs."""
        person = self.shown.person
        if self.shown.screen is not Screen.SESSION or person is None or person.user_id != owner_id:
            return
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(person), name="refresh jobs")

    def on_printer_changed(self) -> None:
        self._tell()

    # --- inside -------------------------------------------------------------------------------

    def _signed_in(self) -> Person | None:
        return self.shown.person if self.shown.screen is Screen.SESSION else None

    async def _open(self, person: Person) -> None:
        jobs = await self._list(person)
        shown = Shown(Screen.SESSION, person=person, jobs=jobs, language=person.language)
        self._show(shown, SESSION_SECONDS)

    async def _list(self, person: Person) -> tuple[WaitingJob, ...]:
        header = self._calls.header()
        answer = await self._calls.ask(ListWaitingJobs(header, self.account_id, person.user_id))
        return answer.jobs

    async def _refresh(self, person: Person) -> None:
        await asyncio.sleep(0.02)  # several changes of one moment are one look
        try:
            jobs = await self._list(person)
        except CallFailedError as error:
            log.warning("waiting jobs: %s", error)
            return
        if self._signed_in() is person:
            self.shown.jobs = jobs
            self._tell()

    def _ask_for_pin(self, reader: ReaderRecord, read: CardRead, answer: Authenticated) -> None:
        if not self.is_watched:
            self._refuse(_("This card needs a PIN, and there is no screen to enter it."))
            return
        shown = Shown(
            Screen.PIN, answer.says, language=answer.language, waiting_card=(read, reader)
        )
        self._show(shown, SESSION_SECONDS)

    def _offer(self, reader: ReaderRecord, read: CardRead, answer: Authenticated) -> None:
        """Let the person sign in beside a card that nobody has; only a screen can ask for it."""
        if not self.is_watched:
            self._refuse(answers.unknown_card().says)
            return
        shown = Shown(Screen.ENROL, answer.says, waiting_card=(read, reader))
        self._show(shown, ENROL_SECONDS)

    def _refuse(self, says: str, language: str = "") -> None:
        self._show(Shown(Screen.REFUSED, says, language=language), REFUSED_SECONDS)

    def _show_printing(self, person: Person, released: Released) -> None:
        with reading_as(person.language):
            says = what_prints(released)
        shown = Shown(Screen.PRINTING, says, person, language=person.language)
        self._show(shown, PRINTING_SECONDS)

    def _show(self, shown: Shown, seconds: float | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.shown = shown
        if seconds is not None:
            shown.ends_at = self._clock.monotonic() + seconds
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._show, Shown())
        self._tell()

    def _tell(self) -> None:
        for callback in list(self._watchers):
            callback()

    def _audit_tap(self, reader: ReaderRecord, read: CardRead, answer: Authenticated) -> None:
        # A card that asks for its PIN was tapped; what becomes of the PIN is the next row.
        ok = answer.ok or answer.reason == "pin-needed"
        unknown = answer.reason in ("unknown-card", "may-enrol")
        event = "card.unknown" if unknown else "card.tapped" if ok else "card.refused"
        self._audit.record(
            event,
            ok=ok,
            source=f"reader:{reader.name}",
            account_id=self.account_id,
            user_id=answer.user_id,
            card_id=answer.card_id,
            printer_id=self.printer_id,
            reader_id=reader.id,
            detail={"last4": last4_of(read.number), "reason": answer.reason},
        )


class Stations:
    """All printers of this gateway at which a person can stand."""

    def __init__(self, calls: Calls, audit: Audit, clock: Clock) -> None:
        self._calls = calls
        self._audit = audit
        self._clock = clock
        self._stations: dict[tuple[AccountId, PrinterId], Station] = {}

    def at(self, account_id: AccountId, printer_id: PrinterId) -> Station:
        """Give the station of a printer; there is one as soon as somebody asks."""
        key = (account_id, printer_id)
        if key not in self._stations:
            self._stations[key] = Station(*key, self._calls, self._audit, self._clock)
        return self._stations[key]

    def on_job_changed(
        self, account_id: AccountId, owner_id: UserId | None, printer_id: PrinterId | None
    ) -> None:
        """Tell the stations that show the job or its printer."""
        for station in self._stations.values():
            if station.printer_id == printer_id:
                station.on_printer_changed()
            if station.account_id == account_id:
                station.on_job_changed(owner_id)

    def close(self) -> None:
        for station in self._stations.values():
            station.close()
