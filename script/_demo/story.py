"""The story: from a document that is sent to paper at the tap of a card, also with the line cut.

Every figure is measured here and now; a step that does not come true ends the story.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from script._demo.pages import PRINTED, WAITING, JobList
from script._demo.pdf import make_pdf
from script._demo.people import UNKNOWN_CARD, new_card_number
from script._demo.printer import received
from script._demo.sending import Sent, send
from script._demo.site import Site, wait_until
from script._demo.telling import StepFailedError, step
from script._demo.terminal import State, Terminal, TerminalError

Job = dict[str, Any]

SHOWN_SECONDS: Final = 10.0
PRINTED_SECONDS: Final = 15.0
RECONCILED_SECONDS: Final = 10.0
CARD_SECONDS: Final = 5.0
# A card that lies on the reader is one tap: a new tap comes after it was taken away.
TAP_EVERY_SECONDS: Final = 1.7
PAGES: Final = 3


class Story:
    """Told once per start, with documents of its own each time."""

    def __init__(self, site: Site, terminal: Terminal, job_list: JobList) -> None:
        self.site = site
        self.job_list = job_list
        self.terminal = terminal
        self.stamp = time.strftime("%H%M%S")
        self.print_all, self.choose = site.readers

    async def tell(self) -> None:
        job = await self._a_document_is_held()
        await self._an_unknown_card_is_refused()
        await self._ben_sees_nothing_and_ada_prints(job)
        cut = await self._the_line_is_cut()
        await self._the_line_comes_back(cut)
        await self._a_card_comes_and_goes()
        await self._from_the_tap_to_the_first_byte()

    # --- the steps ------------------------------------------------------------------------------

    async def _a_document_is_held(self) -> Job:
        async with step("1. Ada sends a document to the pull queue", self.site.gateway.log) as line:
            title = f"Quarter report {self.stamp}.pdf"
            sent = await self._send(title)
            require(sent.job_state == "pending-held", f"the queue says {sent.job_state}")
            began = time.monotonic()
            await self._shown(title, WAITING)
            took = time.monotonic() - began
            job = await self._job(title)
            require(job["state"] == "pending-held", f"the primary says {job['state']}")
            require(job["owner"] == "ada", f"its owner is {job['owner']}")
            line.says = (
                f"1. Ada sends {PAGES} pages with ipptool: held at the gateway, in the primary's "
                f"job list {took:.2f} s later"
            )
            return job

    async def _an_unknown_card_is_refused(self) -> None:
        async with step("2. a card nobody knows is tapped", self.site.gateway.log) as line:
            mark, before = self.terminal.mark(), await self._audit_count("card.unknown")
            await self._tap(self.print_all, UNKNOWN_CARD)
            state = await self.terminal.wait_for(
                lambda state: state["state"] == "refused", "a refusal", since=mark
            )
            require(bool(state.get("message")), "the terminal refuses without a word")

            async def audited() -> bool:
                return await self._audit_count("card.unknown") > before

            require(await wait_until(audited, SHOWN_SECONDS), "no audit row says so")
            line.says = (
                f'2. a card nobody knows: refused, the terminal says "{state["message"]}", '
                "the audit has it"
            )

    async def _ben_sees_nothing_and_ada_prints(self, job: Job) -> None:
        log = self.site.gateway.log
        async with step("3. Ben taps, then Ada", log) as line:
            state = await self._session("ben")
            titles = [waiting["title"] for waiting in state["jobs"]]
            require(titles == [], f"Ben sees {titles}")
            await self.terminal.sign_out()
            await self._tap(self.print_all, self._card("ada"))
            size = await self._comes_out(job["title"])
            line.says = (
                "3. Ben taps and sees none of Ada's; Ada taps and her document comes out, "
                f"the same {size} bytes"
            )

    async def _the_line_is_cut(self) -> str:
        site = self.site
        async with step("4. the line is cut", site.gateway.log) as line:
            broker = site.broker_pid
            await site.primary.stop()
            require(site.primary.pid is None, "the primary still runs")
            require(broker is None or not Path(f"/proc/{broker}").exists(), "the broker still runs")
            title = f"Sent while cut {self.stamp}.pdf"
            sent = await self._send(title)
            require(sent.job_state == "pending-held", f"the queue says {sent.job_state}")
            await asyncio.sleep(TAP_EVERY_SECONDS)
            await self._tap(self.print_all, self._card("ada"))
            await self._comes_out(title)
            line.says = (
                "4. primary and broker are stopped; Ada sends another document and taps: it prints"
            )
            return title

    async def _the_line_comes_back(self, title: str) -> None:
        site = self.site
        async with step("5. the line comes back", site.primary.log) as line:
            site.primary.go()
            await site.primary_is_up()
            began = time.monotonic()
            await self._shown(title, PRINTED, pages=str(PAGES))
            took = time.monotonic() - began
            require(took <= RECONCILED_SECONDS, f"it took {took:.1f} s")
            job = await self._job(title)
            shown = await self.site.desk.job(job["id"])
            releases = [entry for entry in shown["timeline"] if entry["event"] == "released"]
            require(len(releases) == 1, f"the primary shows {len(releases)} releases")
            pages, source = counted(job)[0]
            require(pages == PAGES, f"the primary shows {pages} pages")
            line.says = (
                f"5. the line comes back: {took:.2f} s later the primary shows the job, its "
                f"release and its {pages} pages ({source}), once"
            )

    async def _a_card_comes_and_goes(self) -> None:
        async with step("6. a new card for Ben", self.site.gateway.log) as line:
            number = new_card_number()
            card = await self.site.desk.add_card("ben", number)
            works = await self._tap_until(number, lambda state: greets(state, "Ben"))
            if self.terminal.states[-1]["state"] == "session":
                await self.terminal.sign_out()
            await self.site.desk.revoke_card(card)
            refused = await self._tap_until(number, lambda state: state["state"] == "refused")
            line.says = (
                f"6. a new card for Ben works at the gateway {works:.1f} s after it was added, and "
                f"is refused {refused:.1f} s after it was revoked"
            )

    async def _from_the_tap_to_the_first_byte(self) -> None:
        async with step("7. from the tap to the first byte", self.site.gateway.log) as line:
            title = f"Last one {self.stamp}.pdf"
            await self._send(title)
            await asyncio.sleep(TAP_EVERY_SECONDS)
            began = time.monotonic()
            await self._tap(self.print_all, self._card("ada"))
            await self._comes_out(title)
            outside = (time.monotonic() - began) * 1000
            await self._shown(title, PRINTED)
            shown = await self.site.desk.job((await self._job(title))["id"])
            figures = [
                entry["first_byte_ms"]
                for entry in shown["timeline"]
                if entry.get("first_byte_ms") is not None
            ]
            require(len(figures) == 1, f"the timeline has the figure {len(figures)} times")
            require(
                figures[0] <= outside, f"{figures[0]} ms is more than the {outside:.0f} ms seen"
            )
            line.says = (
                f"7. from the card's line at the reader's socket to the first byte at the printer: "
                f"{figures[0]} ms (the whole document was there after {outside:.0f} ms)"
            )

    # --- what the steps do ----------------------------------------------------------------------

    def _document(self, title: str) -> Path:
        return self.site.folders.documents / title

    def _card(self, username: str) -> str:
        return str(self._person(username)["card"])

    def _person(self, username: str) -> dict[str, Any]:
        people: list[dict[str, Any]] = self.site.made["people"]
        return next(person for person in people if person["username"] == username)

    async def _send(self, title: str) -> Sent:
        path = self._document(title)
        words = ["Sent from anywhere, waits encrypted near the printer,", "comes out at a tap."]
        pages = [[f"{title}, page {n} of {PAGES}", *words] for n in range(1, PAGES + 1)]
        path.write_bytes(make_pdf(title, pages))
        return await send(
            self.site.queue("pull"), path, sender="ada", title=title,
            folder=self.site.folders.documents,
        )  # fmt: skip

    async def _tap(self, reader: Any, card: str) -> None:
        said = await reader.tap(card)
        require(said == "tapped", f"the reader {reader.name}: {said}")

    async def _session(self, username: str) -> State:
        mark = self.terminal.mark()
        await self._tap(self.choose, self._card(username))
        return await self.terminal.wait_for(
            lambda state: state["state"] == "session", f"{username}'s session", since=mark
        )

    async def _tap_until(self, card: str, wanted: Callable[[State], bool]) -> float:
        """Tap from now on, again and again, until the terminal shows it; returns when."""
        began = time.monotonic()
        while True:
            # At the readers in turn: the same card at the same one is a new tap only later.
            for reader in (self.choose, self.print_all):
                mark = self.terminal.mark()
                await self._tap(reader, card)
                try:
                    await self.terminal.wait_for(wanted, "it", since=mark, seconds=1.0)
                except TerminalError:
                    shown = self.terminal.states[-1]
                    took = time.monotonic() - began
                    require(took < CARD_SECONDS, f"after {took:.1f} s it shows {shown['state']}")
                    if shown["state"] == "session":
                        await self.terminal.sign_out()
                else:
                    return time.monotonic() - began

    async def _comes_out(self, title: str) -> int:
        """Wait until the printer has the document byte for byte; returns how many.

        No two documents of any story are the same, and others may come out with it.
        """
        document = self._document(title).read_bytes()

        async def came() -> bool:
            papers = reversed(received(self.site.folders.output))
            return any(path.read_bytes() == document for path in papers)

        says = "it did not come out of the printer as it was sent"
        require(await wait_until(came, PRINTED_SECONDS, 0.002), says)
        return len(document)

    async def _shown(self, title: str, state: str, pages: str | None = None) -> None:
        """Wait until the primary's job list shows the job, once and as wanted."""
        deadline = time.monotonic() + SHOWN_SECONDS
        while True:
            rows = await self.job_list.rows(title)
            require(len(rows) <= 1, f"the primary shows the job {len(rows)} times")
            if rows and rows[0]["State"] == state and pages in {None, rows[0]["Pages"]}:
                return
            shown = ", ".join(rows[0].values()) if rows else "nothing"
            require(time.monotonic() < deadline, f"after {SHOWN_SECONDS:.0f} s it shows {shown}")
            await asyncio.sleep(0.05)

    async def _job(self, title: str) -> Job:
        """The job as the command line tells it."""
        found = [job for job in await self.site.desk.jobs() if job["title"] == title]
        require(len(found) == 1, f"the primary has the job {len(found)} times")
        return found[0]

    async def _audit_count(self, event: str) -> int:
        return len([row for row in await self.site.desk.audit() if row["event"] == event])


def require(is_true: bool, otherwise: str) -> None:  # noqa: FBT001
    """A step's condition.

    Raises:
        StepFailedError: It does not hold; ``otherwise`` says what was seen.
    """
    if not is_true:
        raise StepFailedError(otherwise)


def greets(state: State, name: str) -> bool:
    shown = str((state.get("person") or {}).get("display_name", ""))
    return state["state"] in {"session", "printing"} and shown.startswith(name)


def counted(job: Job) -> list[tuple[int, str]]:
    """The page figures of a job with their sources."""
    return [
        (count["impressions"], f"{count['source']}, {count['confidence']} confidence")
        for count in job.get("counts", [])
        if count["impressions"] is not None
    ]
