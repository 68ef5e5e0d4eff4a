"""One IPP request to a printer and its answer, over HTTP (RFC 8010 section 4).

A printer's bytes are as hostile as anybody's: answers are bounded, times are bounded, redirects
are not followed. Each request has a connection of its own, so a connection that the printer
closed while it idled is never mistaken for one that broke.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from edge_agent.output.printer_tls import Trust
from shared.ipp import (
    DecodeError,
    Message,
    Operation,
    Status,
    decode_message,
    each,
    encode_message,
    request,
)
from shared.ipp.values import Keyword

MAX_ANSWER_OCTETS: Final = 1024 * 1024
IPP_PORT: Final = 631

_HEADERS: Final = {"Content-Type": "application/ipp", "Accept": "application/ipp"}


class NotReachedError(Exception):
    """No connection: nothing of the request has left."""


class UntrustedError(NotReachedError):
    """The printer's certificate is not trusted: nothing of the request has left."""


class BrokenError(Exception):
    """The connection broke or fell silent: the printer may have the request, or a part of it.

    ``all_sent`` tells whether the whole body had been handed over.
    """

    def __init__(self, what: str, *, all_sent: bool) -> None:
        super().__init__(what)
        self.all_sent = all_sent


class NotIppError(Exception):
    """The answer is no IPP message; ``http_status`` says what HTTP said."""

    def __init__(self, what: str, http_status: int) -> None:
        super().__init__(what)
        self.http_status = http_status


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait for a printer, in seconds."""

    connect: float = 5.0
    answer: float = 15.0  # to a question
    stall: float = 900.0  # while it takes no more document data: it may be out of paper
    accept: float = 120.0  # from the last octet of a document to the answer


@dataclass(frozen=True, slots=True)
class Body:
    """Document data to send behind a request; ``chunks`` is closed in any case."""

    size_bytes: int
    chunks: AsyncIterator[bytes]


class IppClient:
    """Speaks to one printer."""

    def __init__(self, uri: str, *, patience: Patience, trust: Trust | None = None) -> None:
        """Speak to a printer; without ``trust`` only the system's authorities count."""
        self.uri = uri
        self._url = http_url(uri)
        self._patience = patience
        self._trust = trust

    async def ask(self, message: Message, body: Body | None = None) -> Message:
        """Send a request and wait for its answer, whatever its status.

        Raises:
            NotReachedError: Nothing was sent.
            BrokenError: It was sent, or a part of it, and there is no answer.
            NotIppError: The answer is not IPP.
        """
        head = encode_message(message)
        upload = _Upload(head, body, self._patience)
        try:
            async with upload.deadline:
                status, answer = await self._post_to_known(upload)
        except TimeoutError:
            raise upload.broken("the printer fell silent") from None
        finally:
            await upload.close()
        return _decode(status, answer)

    async def ask_attributes(self, wanted: Sequence[str]) -> tuple[tuple[int, int], Message]:
        """Ask a printer about itself, in the newest version of IPP that it speaks; names it.

        Raises:
            NotReachedError, BrokenError, NotIppError: As ``ask``.
        """
        for version in ((2, 0), (1, 1)):
            asked = request(
                Operation.GET_PRINTER_ATTRIBUTES,
                self.uri,
                version=version,
                attributes=[each("requested-attributes", Keyword, wanted)],
            )
            answer = await self.ask(asked)
            if answer.code != Status.SERVER_ERROR_VERSION_NOT_SUPPORTED:
                break
        return version, answer

    async def _post_to_known(self, upload: _Upload) -> tuple[int, bytes]:
        """Send; a printer that signs its own certificate is met first, and known from then on."""
        try:
            return await self._post(upload)
        except UntrustedError:
            if self._trust is None or self._trust.has_pin(self._url):
                raise
        try:
            await self._trust.meet(self._url)
        except OSError as error:
            raise NotReachedError(str(error)) from None
        return await self._post(upload)

    async def _post(self, upload: _Upload) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._patience.connect)
        shown = self._trust.of(self._url) if self._trust is not None else True
        connector = aiohttp.TCPConnector(force_close=True, ssl=shown)
        headers = {**_HEADERS, "Content-Length": str(upload.size_bytes)}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=timeout, auto_decompress=False
                ) as session,
                session.post(
                    self._url, data=upload.octets(), headers=headers, allow_redirects=False
                ) as response,
            ):
                return response.status, await _read_answer(response)
        except (
            aiohttp.ClientConnectorCertificateError,
            aiohttp.ServerFingerprintMismatch,
        ) as error:
            raise UntrustedError(repr(error)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotReachedError(str(error)) from None
        except (aiohttp.ClientError, OSError) as error:
            upload.raise_own_error()
            raise upload.broken(str(error)) from None


class _Upload:
    """The octets of one request on their way, and how long they may still take."""

    def __init__(self, head: bytes, body: Body | None, patience: Patience) -> None:
        self._head = head
        self._body = body
        self._patience = patience
        self._error: BaseException | None = None
        self.size_bytes = len(head) + (body.size_bytes if body else 0)
        self._is_connected = False
        self._all_sent = False
        self.deadline = asyncio.timeout(patience.connect + patience.answer)

    async def octets(self) -> AsyncGenerator[bytes, None]:
        self._is_connected = True
        yield self._head
        if self._body is not None:
            try:
                async for chunk in self._body.chunks:
                    self._wait_until(self._patience.stall)
                    yield chunk
            finally:
                # aiohttp turns it into a connection error; it is ours, not the printer's.
                self._error = sys.exc_info()[1]
            self._wait_until(self._patience.accept)
        self._all_sent = True

    def raise_own_error(self) -> None:
        """Raise what went wrong on our side, if anything did: the document cannot be read."""
        if isinstance(self._error, Exception):
            raise self._error

    def broken(self, what: str) -> Exception:
        """Tell what a failure means, by how far the request got."""
        if not self._is_connected:
            return NotReachedError(what)
        return BrokenError(what, all_sent=self._all_sent)

    async def close(self) -> None:
        if self._body is not None and isinstance(self._body.chunks, AsyncGenerator):
            async with aclosing(self._body.chunks):
                pass

    def _wait_until(self, seconds: float) -> None:
        self.deadline.reschedule(asyncio.get_running_loop().time() + seconds)


async def _read_answer(response: aiohttp.ClientResponse) -> bytes:
    answer = bytearray()
    async for chunk in response.content.iter_any():
        answer += chunk
        if len(answer) > MAX_ANSWER_OCTETS:
            raise NotIppError("an answer of more than 1 MiB", response.status)
    return bytes(answer)


def _decode(status: int, answer: bytes) -> Message:
    if status != 200:  # noqa: PLR2004
        raise NotIppError(f"HTTP status {status}", status)
    try:
        return decode_message(answer, lenient=True)[0]
    except DecodeError as error:
        raise NotIppError(str(error), status) from None


def http_url(uri: str) -> URL:
    """Turn ``ipp://`` and ``ipps://`` into the URL that is posted to (RFC 8010, RFC 7472).

    Raises:
        ValueError: It is another scheme, or no address.
    """
    url = URL(uri)
    schemes = {"ipp": "http", "ipps": "https"}
    if url.scheme not in schemes or not url.host:
        raise ValueError(f"{uri!r} is no ipp or ipps address")
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = url.explicit_port or IPP_PORT
    return URL(f"{schemes[url.scheme]}://{host}:{port}{url.raw_path_qs}", encoded=True)
