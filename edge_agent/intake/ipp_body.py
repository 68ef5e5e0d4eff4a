"""The body of an IPP request: the message first, then the document in pieces, never all at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Protocol

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestPayloadError

from edge_agent.intake.http_connection import Phase
from edge_agent.intake.ipp_call import BodyCutShortError
from shared.ipp.decode import Decoder
from shared.ipp.message import Message

_GONE: Final = (OSError, aiohttp.ClientError, RequestPayloadError, HttpProcessingError)


class Clocked(Protocol):
    """The connection, which keeps the time that its client makes us wait."""

    def enter(self, phase: Phase) -> None: ...
    def has_waited(self) -> None: ...


class IppBody:
    """One request's body."""

    def __init__(self, content: StreamReader, connection: Clocked) -> None:
        self._content = content
        self._connection = connection
        self._first = b""

    async def read_message(self, max_octets: int) -> Message:
        """Read the message, however it was cut up.

        Raises:
            DecodeError: It is no message, or over a limit, or it ends early.
            BodyCutShortError: The client went away.
        """
        decoder = Decoder(max_octets=max_octets)
        while chunk := await self._read():
            message = decoder.feed(chunk)
            if message is not None:
                self._first = decoder.rest
                return message
        return decoder.close()

    async def document(self) -> AsyncIterator[bytes]:
        """Give the document as it arrives.

        Raises:
            BodyCutShortError: It is shorter than promised.
        """
        if self._first:
            yield self._first
        while chunk := await self._read():
            yield chunk

    async def _read(self) -> bytes:
        try:
            here = self._content.read_nowait()
        except _GONE as error:
            raise BodyCutShortError("the request ended early") from error
        return here or await self._wait()

    async def _wait(self) -> bytes:
        self._connection.enter(Phase.BODY)
        try:
            return await self._content.readany()
        except _GONE as error:
            raise BodyCutShortError("the request ended early") from error
        finally:
            self._connection.has_waited()
