"""Jobs that a printer keeps for us since a crash: begun there, and never given a document.

Whoever dies between the answer to Create-Job and the durable mark leaves one behind; so does an
answer that was lost. Printers give such a job up by themselves (RFC 8011 section 4.2.4,
"multiple-operation-time-out"), after minutes; some say so and never do, and are busy until
somebody switches them off.

A release is durable before its printer is asked, so our own table says what may have been begun.
Nothing is cancelled that might print: it has the name and the owner of a job of ours of which no
byte has left, it has no document, and it had none some seconds ago either.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from edge_agent.jobs.model import Job
from edge_agent.output.ipp_client import IppClient
from edge_agent.output.ipp_report import JobReport, clean, job_id, job_name
from edge_agent.output.ipp_watch import NO_ANSWER, Watch
from shared.clock import Clock
from shared.ipp import Group, Operation, Tag, attribute, each, request
from shared.ipp.build import shorten
from shared.ipp.enums import is_successful
from shared.ipp.values import Boolean, Integer, Keyword
from shared.job_states import JobState

LOOK_SECONDS: Final = 4.0  # a sender that lives has sent its document by then
MOST_OWNERS: Final = 8
MOST_JOBS: Final = 100
_ASKED: Final = (
    "job-id",
    "job-name",
    "job-state",
    "job-state-reasons",
    "number-of-documents",
    "job-impressions-completed",
)
_WAITING: Final = frozenset({JobState.PENDING, JobState.PENDING_HELD})
_EXPECTS: Final = frozenset({"job-incoming", "job-data-insufficient"})

log = logging.getLogger(__name__)

Unsent = Callable[[], Awaitable[Sequence[Job]]]


class Leftovers:
    """Frees printers that are busy with nothing."""

    def __init__(self, clock: Clock, unsent: Unsent, user_name: Callable[[Job], str]) -> None:
        """``unsent`` lists our jobs that a printer may have, and of which no byte has left."""
        self._clock = clock
        self._unsent = unsent
        self._user_name = user_name
        self._delivering: Counter[str] = Counter()

    @contextmanager
    def delivering(self, uri: str) -> Iterator[None]:
        """Say that a job goes to a printer now; what it begins there is not left behind."""
        self._delivering[uri] += 1
        try:
            yield
        finally:
            self._delivering[uri] -= 1

    async def clear(self, client: IppClient, version: tuple[int, int], job: Job) -> bool:
        """Cancel what was left at a printer that is busy; whether there was something."""
        if self._delivering[client.uri] > 1:
            return False
        mine = self._by_owner([job, *await self._unsent()])
        before = await self._look(client, version, mine)
        if not before:
            return False
        await self._clock.sleep(LOOK_SECONDS)
        still = before & await self._look(client, version, mine)
        for number, user in sorted(still):
            log.warning("printer %s waits for the document of job %d, which nobody sends:"
                        " it is cancelled", client.uri, number)  # fmt: skip
            await Watch(client, version, user, self._clock).cancel(number)
        return bool(still)

    def _by_owner(self, jobs: Sequence[Job]) -> dict[str, set[str]]:
        """The names of jobs by the name of their owner, as we told them to printers."""
        names: dict[str, set[str]] = {}
        for job in jobs:
            user = shorten(clean(self._user_name(job)))
            if user in names or len(names) < MOST_OWNERS:
                names.setdefault(user, set()).add(job_name(job))
        return names

    async def _look(
        self, client: IppClient, version: tuple[int, int], mine: dict[str, set[str]]
    ) -> set[tuple[int, str]]:
        """The numbers of jobs that wait for a document of ours, with their owners."""
        looks = [self._look_for(client, version, user, names) for user, names in mine.items()]
        return set().union(*await asyncio.gather(*looks))

    async def _look_for(
        self, client: IppClient, version: tuple[int, int], user: str, names: set[str]
    ) -> set[tuple[int, str]]:
        asked = request(
            Operation.GET_JOBS,
            client.uri,
            user=user,
            version=version,
            attributes=[
                attribute("which-jobs", Keyword("not-completed")),
                attribute("my-jobs", Boolean(value=True)),
                attribute("limit", Integer(MOST_JOBS)),
                each("requested-attributes", Keyword, _ASKED),
            ],
        )
        try:
            answer = await client.ask(asked)
        except NO_ANSWER as error:
            log.info("printer %s does not list its jobs: %s", client.uri, error)
            return set()
        if not is_successful(answer.code):
            return set()
        jobs = [group for group in answer.groups if group.tag == Tag.JOB]
        found = {job_id(group) for group in jobs if _waits_for(group, names)}
        return {(number, user) for number in found if number is not None}


def _waits_for(group: Group, names: set[str]) -> bool:
    """Whether a job at the printer has a name of ours, no document, and nothing on paper."""
    report = JobReport.of(0, group)
    documents = group.find_integer("number-of-documents")
    has_none = documents == 0 or (documents is None and bool(report.reasons & _EXPECTS))
    name = clean(group.find_text("job-name") or "")
    return has_none and name in names and report.state in _WAITING and not report.impressions
