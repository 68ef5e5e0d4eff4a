"""Jobs of protocols that know no users (LPD, raw): begun for nobody, given to somebody at the end.

A document streams in while nobody knows yet whose it is: the job begins held as *incoming*; when
all has come, owner, title and ticket are written and the last hold but its own is lifted, and only
then is the client told. Whose it is, in this order: what the service's rules say (the name in P,
the title, PJL, the address); where that names nobody, the job is held as *unknown user*.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edge_agent.intake.access import may_use
from edge_agent.intake.capabilities import ANY, GENERIC
from edge_agent.intake.desk import Audit
from edge_agent.intake.formats import PJL, SNIFF_BYTES, sniff
from edge_agent.intake.pjl import FORMATS, PjlJob, PjlReader
from edge_agent.intake.postscript import PostScriptScan
from edge_agent.intake.queue_status import QUEUES_FILE, QueueStatus, StatusBoard
from edge_agent.intake.targets import Directory, Target
from edge_agent.intake.templates import can_do, from_plain, to_plain
from edge_agent.jobs import words
from edge_agent.jobs.errors import IllegalTransitionError, JobNotFoundError
from edge_agent.jobs.model import SYSTEM, Job, NewJob
from edge_agent.jobs.service import JobService
from edge_agent.jobs.transaction import Transaction
from shared.i18n import gettext as _
from shared.ipp.encode import encode_groups
from shared.ipp.message import Attribute, Group
from shared.ipp.tags import Tag
from shared.job_states import Hold, JobEvent
from shared.messages.events import Source
from shared.messages.records import IdentityPolicy, QueueType, UserRecord
from shared.secrets import canonical_username

DEFAULT_RULES: Final = ("protocol", "title", "pjl", "source")


@dataclass(frozen=True, slots=True)
class UserRules:
    """Where a job's user is looked for (the service's options).

    ``user_from``: in which order; ``title_separator``: the user's name is what stands before it
    in the title, ``ada_report``; ``sources``: addresses and whose they are.
    """

    user_from: tuple[str, ...] = DEFAULT_RULES
    title_separator: str = "_"
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> UserRules:
        wanted = options.get("user_from")
        chosen = [str(rule) for rule in wanted] if isinstance(wanted, list | tuple) else None
        sources = options.get("sources")
        return cls(
            DEFAULT_RULES if chosen is None else tuple(chosen),
            str(options.get("title_separator", "_"))[:8],
            dict(sources) if isinstance(sources, Mapping) else {},
        )

    def candidates(self, said: str, title: str, pjl: PjlJob, source: str) -> list[str]:
        """List the names to try, the first that somebody has wins."""
        before, separator, _rest = title.partition(self.title_separator or "\0")
        found = {
            "protocol": said,
            "title": before if separator else "",
            "pjl": pjl.user,
            "source": self.sources.get(source, ""),
        }
        return [found[rule] for rule in self.user_from if found.get(rule)]


@dataclass(frozen=True, slots=True)
class Said:
    """What the client said of the whole job."""

    user: str = ""
    title: str = ""
    host: str = ""
    copies: int = 1


class DeviceIntake:
    """Takes jobs of LPD and raw connections."""

    def __init__(
        self,
        jobs: JobService,
        directory: Directory,
        audit: Audit,
        rules: UserRules,
        state_dir: Path | None,
    ) -> None:
        self.jobs = jobs
        self._queues_file = state_dir / QUEUES_FILE if state_dir else None
        self._directory = directory
        self._audit = audit
        self._rules = rules

    def status(self, target: Target) -> QueueStatus:
        """Give the operator's switches as they are on disk: the IPP service sets them."""
        return StatusBoard(self.jobs.clock, self._queues_file).status(target.queue.id)

    def why_closed(self, target: Target) -> str:
        """Say why the queue takes nothing just now, in a word; empty where it does."""
        if target.account.is_closed or target.lacks_printer:
            return _("closed")
        if not self.jobs.has_room():
            return _("full")
        return "" if self.status(target).is_accepting else _("closed")

    async def begin(self, target: Target, protocol: str, source: str) -> DeviceJob:
        """Begin a job whose documents follow.

        Raises:
            SpoolFullError: No room.
        """
        queue, account = target.queue, target.account
        job = await self.jobs.create(
            NewJob(
                account_id=account.id,
                queue_id=queue.id,
                title=_("Untitled"),
                identity="unknown",
                owner_id=None,
                claimed_name=None,
                source=Source(protocol, source),
                holds=frozenset({Hold.QUARANTINE}),
                printer_id=queue.printer_id if queue.type is QueueType.DIRECT else None,
                retention_seconds=queue.retention_seconds or account.retention_seconds,
                language=account.language,
                keep_after_printing=queue.keep_after_printing,
            )
        )
        return DeviceJob(self, target, job)

    def whose(
        self, target: Target, said: Said, pjl: PjlJob, source: str
    ) -> tuple[UserRecord | None, str]:
        """Find whose job it is; where it is nobody's, say why."""
        if target.queue.identity is IdentityPolicy.SIGN_IN or not target.account.claimed_allowed:
            return None, _("Its queue wants people to sign in, and its protocol cannot do that.")
        names = self._rules.candidates(said.user, said.title, pjl, source)
        for name in names:
            try:
                canonical = canonical_username(name)
            except ValueError:
                continue
            user = self._directory.user_by_name(target.account.id, canonical)
            if user is not None and may_use(target.queue, user):
                return user, ""
        if not names:
            return None, _("No name came with it.")
        tried = ", ".join(_shown(name) for name in names[:3])
        return None, _("Nobody who may use this queue is called %(names)s.", names=tried)

    def note(self, event: str, target: Target, job: Job, reason: str, **detail: Any) -> None:
        self._audit.record(
            event,
            ok=False,
            source=job.source.address,
            account_id=target.account.id,
            job_id=job.id,
            detail={"reason": reason, "queue": target.queue.path, **detail},
        )


class DeviceJob:
    """One job that is coming in."""

    def __init__(self, intake: DeviceIntake, target: Target, job: Job) -> None:
        self._intake = intake
        self._target = target
        self.job = job
        self._pjl = PjlJob()
        self._operators: set[str] = set()  # of PostScript, that the operator should see
        self.documents = 0

    async def add(self, chunks: AsyncIterator[bytes], name: str) -> None:
        """Take a document; on disk when this returns.

        Raises:
            BodyCutShortError: It did not come whole; so says the iterator.
            SpoolFullError: No room.
        """
        unwrapped = _Unwrapped(chunks)
        first = await unwrapped.first()
        if not first:
            return
        media_type = FORMATS.get(unwrapped.job.language, "") or sniff(first)
        scan = PostScriptScan(media_type)
        self.job = await self._intake.jobs.add_document(
            self.job.id,
            format=media_type if media_type != PJL else ANY,
            name=name[:255],
            body=scan.watch(unwrapped.rest(first)),
            last=False,
            judge=scan.remark,
        )
        self._operators |= scan.found
        self.documents += 1
        self._merge(unwrapped.job)

    async def finish(self, said: Said) -> Job:
        """Write down whose it is and let it go on; durable when this returns."""
        intake, target, job = self._intake, self._target, self.job
        title = said.title or self._pjl.name or job.title
        said = Said(said.user, title, said.host, max(said.copies, self._pjl.copies))
        user, remark = intake.whose(target, said, self._pjl, job.source.address)
        holds = self._holds(user)
        ticket = self._ticket(said)
        sent = (Group(Tag.JOB, ticket),)

        def work(tx: Transaction) -> None:
            intake.jobs.changer.change(
                tx,
                tx.get_job(job.id),
                "changed",
                by=SYSTEM,
                title=title[:255],
                identity="claimed" if user is not None else "unknown",
                owner_id=user.id if user is not None else None,
                claimed_name=user.username if user is not None else None,
                holds=holds | {Hold.INCOMING},
                message=words.with_remark(holds, remark, words.remark_of(job.message)),
                ticket={item.name: to_plain(item) for item in ticket},
                ticket_ipp=encode_groups(sent) if ticket else b"",
            )

        await intake.jobs.store.submit(work)
        done = await intake.jobs.close(job.id)
        if user is None:
            intake.note("intake.quarantined", target, done, "unknown-user", name=said.user[:80])
        if self._pjl.denied:
            commands = ",".join(sorted(set(self._pjl.denied)))[:200]
            intake.note("intake.filtered", target, done, "pjl", commands=commands)
        if self._operators:
            operators = ",".join(sorted(self._operators))
            intake.note("intake.filtered", target, done, "postscript", operators=operators)
        return done

    async def abandon(self) -> None:
        """Leave nothing of a job that did not come whole."""
        jobs, job_id = self._intake.jobs, self.job.id

        def work(tx: Transaction) -> None:
            jobs.changer.finish(
                tx,
                tx.get_job(job_id),
                JobEvent.ABORTED,
                message=words.INCOMPLETE,
                reasons=("aborted-by-system",),
            )

        try:
            await jobs.store.submit(work)
        except (IllegalTransitionError, JobNotFoundError):
            return  # it is over already

    def _holds(self, user: UserRecord | None) -> frozenset[Hold]:
        holds = set(self._intake.status(self._target).holds)
        if self._operators:
            holds.add(Hold.NEW)
        if user is None:
            holds.add(Hold.QUARANTINE)
        elif self._target.queue.type is QueueType.PULL:
            holds.add(Hold.OWNER)
        return frozenset(holds)

    def _ticket(self, said: Said) -> tuple[Attribute, ...]:
        wanted: dict[str, object] = dict(self._target.queue.ticket_defaults)
        if said.copies > 1:
            wanted["copies"] = said.copies
        if self._pjl.sides:
            wanted["sides"] = self._pjl.sides
        read = (from_plain(name, value) for name, value in wanted.items())
        return tuple(item for item in read if item is not None and can_do(item, GENERIC))

    def _merge(self, pjl: PjlJob) -> None:
        known = self._pjl
        known.name = known.name or pjl.name
        known.user = known.user or pjl.user
        known.copies = max(known.copies, pjl.copies)
        known.sides = known.sides or pjl.sides
        known.denied += pjl.denied


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:80])


class _Unwrapped:
    """A document without the PJL around it."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._reader = PjlReader()
        self._ended = False

    @property
    def job(self) -> PjlJob:
        return self._reader.job

    async def first(self) -> bytes:
        """Enough of the document to tell what it is; empty when there is none."""
        got = b""
        while len(got) < SNIFF_BYTES and not self._ended:
            got += await self._next()
        return got

    async def rest(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        while not self._ended:
            piece = await self._next()
            if piece:
                yield piece

    async def _next(self) -> bytes:
        chunk = await anext(self._chunks, b"")
        if chunk:
            return self._reader.feed(chunk)
        self._ended = True
        return self._reader.close()
