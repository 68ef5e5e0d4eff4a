"""IPP and LPD clients in a few lines: what they are told and what they are not is all that counts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from shared.ipp.build import attribute, request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation
from shared.ipp.message import Attribute, Message
from shared.ipp.values import Boolean, Name

CHUNK: Final = 16_384
PATIENCE_SECONDS: Final = 30


async def print_by_ipp(
    port: int, queue: str, name: str, body: bytes, chance: random.Random
) -> bool:
    """Print-Job, or Create-Job and Send-Document, in one piece or chunked; True: acknowledged.

    Raises:
        OSError, EOFError: The gateway went away before it answered.
    """
    printer = _Printer(port, queue, is_chunked=chance.random() < 0.3)
    await printer.connect()
    try:
        titled = attribute("job-name", Name(name))
        if chance.random() < 0.7:
            return _is_ok(await printer.ask(Operation.PRINT_JOB, [titled], body=body))
        created = await printer.ask(Operation.CREATE_JOB, [titled])
        last = attribute("last-document", Boolean(value=True))
        number = created.job.get_integer("job-id")
        sent = await printer.ask(Operation.SEND_DOCUMENT, [last], body=body, job_id=number)
        return _is_ok(created) and _is_ok(sent)
    finally:
        printer.close()


class _Printer:
    """A queue at the other end of one connection."""

    def __init__(self, port: int, queue: str, *, is_chunked: bool) -> None:
        self._port = port
        self._path = f"/ipp/print/{queue}"
        self._is_chunked = is_chunked

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        self._writer.close()

    async def ask(
        self,
        operation: Operation,
        attributes: Sequence[Attribute],
        *,
        body: bytes = b"",
        job_id: int | None = None,
    ) -> Message:
        uri = f"ipp://localhost:{self._port}{self._path}"
        message = request(operation, uri, user="ada", job_id=job_id, attributes=attributes)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._post(encode_message(message) + body)
            return decode_message(await self._answer())[0]

    async def _post(self, body: bytes) -> None:
        long = "Transfer-Encoding: chunked" if self._is_chunked else f"Content-Length: {len(body)}"
        head = f"POST {self._path} HTTP/1.1\r\nHost: localhost:{self._port}\r\n"
        self._writer.write(f"{head}Content-Type: application/ipp\r\n{long}\r\n\r\n".encode())
        for at in range(0, len(body), CHUNK):
            piece = body[at : at + CHUNK]
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self._is_chunked else piece
            self._writer.write(framed)
            await self._writer.drain()
        if self._is_chunked:
            self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def _answer(self) -> bytes:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert " 200 " in head.splitlines()[0], head
        length = head.partition("content-length:")[2].split()[0]
        return await self._reader.readexactly(int(length))


def _is_ok(answer: Message) -> bool:
    return answer.code < 0x0100


async def print_by_lpd(
    port: int, queue: str, name: str, body: bytes, chance: random.Random
) -> bool:
    """One job by RFC 1179, its control file first or last; raises as ``print_by_ipp`` does."""
    control = f"Hpc\nPada\nJ{name}\nldfA001pc\nUdfA001pc\n".encode()
    files = [(2, "cfA001pc", control), (3, "dfA001pc", body)]
    if chance.random() < 0.5:
        files.reverse()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            writer.write(f"\x02{queue}\n".encode())
            answers = [await reader.readexactly(1)]
            for code, file, content in files:
                writer.write(f"{chr(code)}{len(content)} {file}\n".encode())
                answers.append(await reader.readexactly(1))
                writer.write(content + b"\0")
                await writer.drain()
                answers.append(await reader.readexactly(1))
            return answers == [b"\0"] * 5
    finally:
        writer.close()
