"""Which queue a path means.

``/ipp/print/<queue>`` where the gateway serves one account, ``/ipp/print/<account>/<queue>``
always; behind it may stand ``/t/<token>``, a print token for clients that cannot sign in, and
``/jobs/<number>``, as in the ``job-uri`` that we give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from shared.ids import AccountId, PrinterId, UserId
from shared.messages.records import (
    AccountRecord,
    PrinterRecord,
    QueueRecord,
    QueueType,
    UserRecord,
)

PREFIX: Final = "/ipp/print/"
_JOBS: Final = "jobs"
_T: Final = "t"  # of a print token
_MOST_REMEMBERED: Final = 1024
_LONGEST_PATH: Final = 512


class Directory(Protocol):
    """What intake asks of the directory."""

    def accounts(self) -> Sequence[AccountRecord]: ...
    def account_by_short_name(self, short_name: str) -> AccountRecord | None: ...
    def queue(self, account_id: AccountId, path: str) -> QueueRecord | None: ...
    def queues(self, account_id: AccountId) -> Sequence[QueueRecord]: ...
    def user(self, account_id: AccountId, user_id: UserId) -> UserRecord | None: ...
    def user_by_name(self, account_id: AccountId, username: str) -> UserRecord | None: ...
    def printer_of(self, account_id: AccountId, printer_id: PrinterId) -> PrinterRecord | None: ...
    def subscribe(self, callback: Callable[[str, frozenset[str]], None]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Target:
    """A queue of an account, and how the client named it."""

    account: AccountRecord
    queue: QueueRecord
    path: str  # without token and job: /ipp/print/pull
    printer: PrinterRecord | None = None  # of a direct queue
    token: str | None = field(default=None, repr=False)  # never in a log

    @property
    def named_path(self) -> str:
        """The path that the client uses, with its token; for answers to that client alone."""
        return self.path if self.token is None else f"{self.path}/{_T}/{self.token}"

    @property
    def lacks_printer(self) -> bool:
        """Whether it is a direct queue that nobody has given a printer yet."""
        return self.queue.type is QueueType.DIRECT and self.queue.printer_id is None

    def with_token(self, token: str | None) -> Target:
        return self if token is None else replace(self, token=token)


@dataclass(frozen=True, slots=True)
class Path:
    """A path taken apart; ``job_number`` where it names a job, ``token`` where it has one."""

    segments: tuple[str, ...]
    job_number: int | None = None
    token: str | None = field(default=None, repr=False)


def read_path(path: str) -> Path | None:
    """Take a path apart; None where it names no queue."""
    if not path.startswith(PREFIX) or len(path) > _LONGEST_PATH:
        return None
    segments = tuple(unquote(part) for part in path[len(PREFIX) :].split("/"))
    number = None
    if len(segments) > 2 and segments[-2] == _JOBS:  # noqa: PLR2004
        if not (segments[-1].isascii() and segments[-1].isdigit() and len(segments[-1]) < 10):  # noqa: PLR2004
            return None
        number = int(segments[-1])
        segments = segments[:-2]
    token = None
    if len(segments) > 2 and segments[-2] == _T:  # noqa: PLR2004
        token, segments = segments[-1], segments[:-2]
    if not 1 <= len(segments) <= 2 or not all(segments) or token == "":  # noqa: PLR2004
        return None
    return Path(segments, number, token)


def token_in(path: str) -> str | None:
    """The print token in a path; a path without ``/t/`` costs nothing here."""
    if f"/{_T}/" not in path:
        return None
    parts = read_path(path)
    return parts.token if parts else None


def job_number_in(path: str, target: Target) -> int | None:
    """The job's number in a path that names one."""
    if len(path) == len(target.named_path):
        return None
    parts = read_path(path)
    return parts.job_number if parts else None


def path_of(uri: str) -> str | None:
    """The path in a printer-uri or job-uri; None where it is no IPP or HTTP URI."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return parts.path if parts.scheme.lower() in {"ipp", "ipps", "http", "https"} else None


class Targets:
    """Finds the queue of a path; remembers until the directory changes."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._known: dict[str, Target] = {}
        directory.subscribe(self._on_change)

    def _on_change(self, stream: str, kinds: frozenset[str]) -> None:  # noqa: ARG002
        # May come from any thread: a new dictionary is one step.
        self._known = {}

    def find(self, path: str) -> Target | None:
        """Find the queue that a path names; what stands behind it does not matter here."""
        known = self._known
        found = known.get(path)
        if found is None:
            found = self._look_up(path)
            # Only what there is, as it is written in printer-uri: strangers cannot fill this.
            if found is not None and found.path == path and len(known) < _MOST_REMEMBERED:
                known[path] = found
        return found

    def find_queue(self, account: AccountRecord, name: str) -> Target | None:
        """Find a queue of a given account, for intake that has no paths."""
        queue = self._directory.queue(account.id, name)
        return None if queue is None else self._target(account, queue, PREFIX + name)

    def list_all(self) -> list[Target]:
        """List every queue of every account that is served."""
        return [
            self._target(account, queue, f"{PREFIX}{account.short_name}/{queue.path}")
            for account in self._directory.accounts()
            for queue in self._directory.queues(account.id)
        ]

    def _look_up(self, path: str) -> Target | None:
        parts = read_path(path)
        if parts is None:
            return None
        *account_name, queue_path = parts.segments
        if account_name:
            account = self._directory.account_by_short_name(account_name[0])
        else:
            accounts = self._directory.accounts()
            account = accounts[0] if len(accounts) == 1 else None
        queue = self._directory.queue(account.id, queue_path) if account else None
        if account is None or queue is None:
            return None
        return self._target(account, queue, PREFIX + "/".join(parts.segments))

    def _target(self, account: AccountRecord, queue: QueueRecord, path: str) -> Target:
        printer = None
        if queue.printer_id is not None:
            printer = self._directory.printer_of(account.id, queue.printer_id)
        return Target(account, queue, path, printer)
