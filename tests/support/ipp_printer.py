"""A printer of our own for what no real one does on request: old, rude, or broken.

It answers on a real socket. ``answers`` maps an operation to a function from the request and its
document to the answer; what is not there is answered like a well-behaved printer would.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from shared.ipp import (
    Attribute,
    Decoder,
    Group,
    Message,
    Operation,
    Status,
    Tag,
    attribute,
    each,
    encode_message,
    response,
)
from shared.ipp import values as v

Answer = Message | bytes | web.StreamResponse
Answerer = Callable[[Message, bytes], Answer | Awaitable[Answer]]

OLD = (
    Operation.PRINT_JOB,
    Operation.VALIDATE_JOB,
    Operation.CANCEL_JOB,
    Operation.GET_JOB_ATTRIBUTES,
    Operation.GET_JOBS,
    Operation.GET_PRINTER_ATTRIBUTES,
)
NEW = (*OLD, Operation.CREATE_JOB, Operation.SEND_DOCUMENT)


def job_group(*attributes: Attribute, job_id: int = 1, state: int = 9) -> Group:
    known = (attribute("job-id", v.Integer(job_id)), attribute("job-state", v.Enum(state)))
    return Group(Tag.JOB, (*known, *attributes))


def says(status: int, *groups: Group, message: str = "") -> Answerer:
    """Answer whatever was asked with this status."""
    return lambda request, _document: response(status, request, groups=groups, message=message)


@dataclass
class IppPrinter:
    """What it can do, how it answers, and what it was asked."""

    operations: Iterable[int] = OLD
    attributes: Iterable[Attribute] = ()
    answers: dict[int, Answerer] = field(default_factory=dict)
    requests: list[Message] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def uri(self) -> str:
        return f"ipp://127.0.0.1:{self.port}/ipp/print"

    def asked(self, operation: int) -> list[Message]:
        return [request for request in self.requests if request.code == operation]

    async def handle(self, http: web.Request) -> web.StreamResponse:
        decoder = Decoder()
        request = None
        while request is None:
            request = decoder.feed(await http.content.readany())
        document = decoder.rest + await http.content.read()
        self.requests.append(request)
        if request.code in (Operation.PRINT_JOB, Operation.SEND_DOCUMENT):
            self.documents.append(document)
        answer = self.answers.get(request.code, self._behave)(request, document)
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, web.StreamResponse):
            return answer
        body = answer if isinstance(answer, bytes) else encode_message(answer)
        return web.Response(body=body, content_type="application/ipp")

    def _behave(self, request: Message, document: bytes) -> Message:
        if request.code == Operation.GET_PRINTER_ATTRIBUTES:
            operations = each("operations-supported", v.Enum, [int(op) for op in self.operations])
            group = Group(Tag.PRINTER, (operations, *self.attributes))
        else:
            group = job_group()
        return response(Status.SUCCESSFUL_OK, request, groups=[group])


@asynccontextmanager
async def ipp_printer(printer: IppPrinter) -> AsyncIterator[IppPrinter]:
    """Let the printer listen on a free port of the loopback."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/ipp/print", printer.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    printer.port = runner.addresses[0][1]
    try:
        yield printer
    finally:
        await runner.cleanup()
