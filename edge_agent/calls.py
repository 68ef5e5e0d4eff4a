"""How the services of a gateway ask each other: ``shared.messages.calls``, with a deadline.

A call is a message and nothing more, also when both sides run in one process:
``Calls(encode=True)`` sends every call and answer through their wire form. A repeat with the
same idempotency key gets the first answer again; what was asked is not done twice.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar, cast, overload

from shared.clock import Clock
from shared.ids import new_id
from shared.messages import calls, codec

log = logging.getLogger(__name__)

LONGEST_SECONDS: Final = 60.0
REMEMBERED: Final = 512


class CallFailedError(Exception):
    """The call has no answer; ``says`` is a sentence for a person."""

    def __init__(self, call: str, says: str) -> None:
        super().__init__(f"{call}: {says}")
        self.call = call
        self.says = says


class NoServiceError(CallFailedError):
    """Nobody here answers such calls: the service is off or has not started."""


class CallTimedOutError(CallFailedError):
    """The deadline passed; whether it was done is not known. Ask again with the same key."""


class _HasHeader(Protocol):
    @property
    def header(self) -> calls.CallHeader: ...


C = TypeVar("C", bound=_HasHeader)
Handler = Callable[[Any], Awaitable[Any]]


@dataclasses.dataclass(slots=True)
class _Remembered:
    """What was asked under a key, as a fingerprint, and the answer, come or to come."""

    fingerprint: int
    task: asyncio.Task[Any]


class Calls:
    """The switchboard of one gateway."""

    def __init__(self, clock: Clock, *, encode: bool = False, remember: int = REMEMBERED) -> None:
        self._clock = clock
        self._encode = encode
        self._room = remember
        self._handlers: dict[type[Any], Handler] = {}
        self._remembered: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()

    def header(self, seconds: float = 10.0, key: str | None = None) -> calls.CallHeader:
        """Make the header of a call that is of use for ``seconds``."""
        deadline = self._clock.now() + timedelta(seconds=seconds)
        return calls.CallHeader(deadline, key or new_id())

    def register(self, call_type: type[C], handler: Callable[[C], Awaitable[Any]]) -> None:
        """Answer calls of this type from now on; a service that restarts takes its place back."""
        if call_type not in calls.ANSWERS:
            raise TypeError(f"{call_type.__name__} is no call")
        self._handlers[call_type] = handler

    def unregister(self, call_type: type[Any]) -> None:
        self._handlers.pop(call_type, None)

    @overload
    async def ask(
        self, call: calls.AuthenticateCard | calls.AuthenticatePassword | calls.EnrolCard
    ) -> calls.Authenticated: ...
    @overload
    async def ask(self, call: calls.ListWaitingJobs) -> calls.WaitingJobs: ...
    @overload
    async def ask(self, call: calls.ReleaseJobs) -> calls.Released: ...
    @overload
    async def ask(self, call: calls.DeleteJob) -> calls.Deleted: ...
    @overload
    async def ask(self, call: calls.FetchDocument) -> calls.DocumentHandle: ...
    @overload
    async def ask(self, call: calls.Deliver) -> calls.DeliveryTaken: ...

    async def ask(self, call: Any) -> Any:
        """Ask, and wait for the answer until the call's deadline.

        Raises:
            NoServiceError: Nobody answers such calls here.
            CallTimedOutError: The deadline passed.
            CallFailedError: The service failed; its log says how.
        """
        name = call.CALL
        left = (call.header.deadline - self._clock.now()).total_seconds()
        if left <= 0:
            raise CallTimedOutError(name, "asked too late")
        task = self._task(call)
        try:
            # The work goes on when the caller gives up: a release is never left half done.
            async with asyncio.timeout(min(left, LONGEST_SECONDS)):
                answer = await asyncio.shield(task)
        except TimeoutError:
            raise CallTimedOutError(name, "no answer in time") from None
        return self._decoded(calls.ANSWERS[type(call)], answer)

    def _task(self, call: Any) -> asyncio.Task[Any]:
        key = (call.CALL, call.header.idempotency_key)
        fingerprint = _fingerprint(call)
        known = self._remembered.get(key)
        if known is not None:
            if known.fingerprint != fingerprint:
                raise CallFailedError(call.CALL, "the key was used for another question")
            return known.task
        handler = self._handlers.get(type(call))
        if handler is None:
            raise NoServiceError(call.CALL, "this service does not run here")
        task = asyncio.create_task(self._answer(handler, call), name=f"call {call.CALL}")
        self._remember(key, _Remembered(fingerprint, task))
        return task

    def _remember(self, key: tuple[str, str], entry: _Remembered) -> None:
        self._remembered[key] = entry
        entry.task.add_done_callback(lambda task: self._forget_if_failed(key, task))
        while len(self._remembered) > self._room:
            oldest = next(iter(self._remembered))
            if not self._remembered[oldest].task.done():
                break  # never forget what still runs; deadlines bound how many can
            del self._remembered[oldest]

    def _forget_if_failed(self, key: tuple[str, str], task: asyncio.Task[Any]) -> None:
        if task.cancelled() or task.exception() is not None:
            known = self._remembered.get(key)
            if known is not None and known.task is task:
                del self._remembered[key]

    async def _answer(self, handler: Handler, call: Any) -> Any:
        name = call.CALL
        try:
            answer = await handler(self._decoded(type(call), self._encoded(call)))
        except CallFailedError:
            raise
        except Exception as error:
            log.exception("%s failed", name)
            raise CallFailedError(name, "the service failed; its log says how") from error
        return self._encoded(answer)

    def _encoded(self, message: Any) -> Any:
        return codec.dumps(codec.to_plain(message)) if self._encode else message

    def _decoded(self, kind: type[Any], message: Any) -> Any:
        if not self._encode:
            return message
        return codec.from_plain(kind, codec.loads(cast("bytes", message)))


def _fingerprint(call: Any) -> int:
    """Tell one question from another without keeping it: it may hold a password."""
    fields = dataclasses.fields(call)
    return hash(tuple(getattr(call, f.name) for f in fields if f.name != "header"))
