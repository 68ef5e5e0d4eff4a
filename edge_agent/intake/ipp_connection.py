"""The HTTP of the IPP port: aiohttp's parser and deadlines, without a web framework behind it.

A print job is one request and one short answer, thousands of them a second. So there is no task,
no writer and no response object for each of them; what is read and written is the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader

from edge_agent.intake.http_connection import HttpConnection, Phase

log = logging.getLogger(__name__)

IPP: Final = "application/ipp"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class HttpRequest:
    """A request whose head has arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: StreamReader
    connection: IppConnection
    authority: str = ""  # of a request-target in absolute form, else of the Host field

    @property
    def secure(self) -> bool:
        return self.connection.secure

    @property
    def content_type(self) -> str:
        return self.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()

    def say_continue(self) -> None:
        """Let the client send the body that it holds back."""
        self.connection.write(_CONTINUE)


@dataclass(slots=True)
class HttpAnswer:
    """What is answered, whole."""

    body: bytes
    status: int = 200
    content_type: str = IPP
    headers: Mapping[str, str] = field(default_factory=dict)
    close: bool = False

    @classmethod
    def of(cls, page: web.Response) -> HttpAnswer:
        """Answer with a page."""
        body = page.body
        return cls(
            body if isinstance(body, bytes) else b"",
            page.status,
            "",
            dict(page.headers),
            close=page.keep_alive is False,
        )

    def encode(self, *, keep: bool, http_11: bool, with_body: bool) -> bytes:
        head = _head(self.status, self.content_type, keep, http_11, int(time.time()))
        more = "".join(
            f"{name}: {value}\r\n"
            for name, value in self.headers.items()
            if name.lower() != "content-length"
        )
        length = b"%bContent-Length: %d\r\n\r\n" % (more.encode(), len(self.body))
        return head + length + (self.body if with_body else b"")


Handler = Callable[[HttpRequest], Awaitable[HttpAnswer]]


class IppConnection(HttpConnection):
    """One connection; one request after the other."""

    __slots__ = ("_content", "_speaks", "secure")

    def __init__(self, *args: Any, speaks: Handler, **options: Any) -> None:
        super().__init__(*args, **options)
        self._speaks = speaks
        self._content: StreamReader | None = None
        self.secure = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.secure = transport.get_extra_info("sslcontext") is not None
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._content is not None and not self._content.is_eof():
            self._content.set_exception(ConnectionResetError("the client went away"))
        super().connection_lost(exc)

    async def start(self) -> None:
        """Answer requests until the connection ends; runs as one task."""
        try:
            while not self._force_close and await self._answer_next():
                self._rest_until_next()
        except asyncio.CancelledError:
            self.force_close()
            raise
        except ConnectionError:
            log.debug("%s went away", self.source)
        finally:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _answer_next(self) -> bool:
        """Answer one request; False when it was the last one of this connection."""
        if not self._messages:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message, content = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        assert self._manager is not None
        self._manager.requests_count += 1
        if not isinstance(message, RawRequestMessage):  # aiohttp's note of what it could not read
            log.debug("not HTTP from %s", self.source)
            await self._finish(HttpAnswer(b"", 400, "", close=True), http_11=True, with_body=False)
            return False
        self._request_in_progress = True
        self._content = content
        try:
            answer = await self._ask(message, content)
            keeps = not (message.should_close or answer.close or self._upgraded)
            answer.close = not keeps
            http_11 = message.version >= HttpVersion11
            await self._finish(answer, http_11=http_11, with_body=message.method != hdrs.METH_HEAD)
        finally:
            self._request_in_progress = False
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)
        return keeps

    async def _ask(self, message: RawRequestMessage, content: StreamReader) -> HttpAnswer:
        url, headers = message.url, message.headers
        # An absolute request-target says for whom it is, whatever Host says (RFC 9112 3.2.2).
        is_absolute = not message.path.startswith(("/", "*"))
        authority = url.raw_authority if is_absolute else headers.get(hdrs.HOST, "")
        try:
            return await self._speaks(
                HttpRequest(message.method, url.raw_path, headers, content, self, authority)
            )
        except ConnectionError:
            raise
        except Exception:
            log.exception("a request from %s failed", self.source)
            return HttpAnswer(b"", HTTPStatus.INTERNAL_SERVER_ERROR, "", close=True)

    async def _finish(self, answer: HttpAnswer, *, http_11: bool, with_body: bool) -> None:
        self.enter(Phase.WRITE)
        self.write(answer.encode(keep=not answer.close, http_11=http_11, with_body=with_body))
        if self._paused:
            await self._drain_helper()
        self.enter(Phase.IDLE)
        if answer.close:
            await self.linger()

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            ConnectionResetError: Nobody is there any more.
        """
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client went away")
        self.transport.write(data)

    def _rest_until_next(self) -> None:
        """The next request has so long to begin."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )


@lru_cache(maxsize=32)
def _head(status: int, content_type: str, keep: bool, http_11: bool, now: int) -> bytes:  # noqa: FBT001
    """The head of an answer but for its length; the same for a whole second."""
    version = "1.1" if http_11 else "1.0"
    lines = [f"HTTP/{version} {status} {HTTPStatus(status).phrase}"]
    lines.append(f"Date: {formatdate(now, usegmt=True)}")
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if keep is not http_11:  # what the version does not mean by itself
        lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
    return ("\r\n".join(lines) + "\r\n").encode()
