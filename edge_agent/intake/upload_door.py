"""The API service: a door for documents that programs bring over HTTPS, with the primary's ticket.

``PUT /upload/v1`` with ``Authorization: Bearer <ticket>`` takes one document. The ticket says whose
it is and for which queue; it is checked here without asking anybody, so it works with the line
cut. A document that does not come whole leaves nothing, and its ticket may be used again.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from edge_agent.intake.desk import Audit
from edge_agent.intake.hosts import TrustedHosts, split_authority
from edge_agent.intake.http_connection import HttpConnection, HttpServer, Phase
from edge_agent.intake.http_port import HttpPort
from edge_agent.intake.ipp_body import IppBody
from edge_agent.intake.ipp_call import BodyCutShortError
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.postscript import PostScriptScan
from edge_agent.intake.queue_status import QUEUES_FILE, QueueStatus, StatusBoard
from edge_agent.intake.targets import Directory
from edge_agent.intake.upload_rules import (
    Admitted,
    UploadRefusedError,
    admit,
    bounded,
    check_place,
    check_time,
    first_of,
    format_of,
    joined,
    new_job,
    no_room,
    too_large,
    used,
)
from edge_agent.jobs.errors import JobExistsError, SpoolFullError
from edge_agent.jobs.model import Job
from edge_agent.jobs.service import JobService
from edge_agent.service import Health
from shared.clock import Clock
from shared.crypto.signing import SignatureError, Verifier
from shared.i18n import gettext as _
from shared.i18n import reading_as
from shared.ids import GatewayId
from shared.messages import uploads
from shared.messages.uploads import UPLOAD_PATH, UploadTicket

log = logging.getLogger(__name__)

_BEARER: Final = "Bearer "


class UploadDoor:
    """The API service of a gateway."""

    name = "api"

    def __init__(
        self,
        *,
        gateway_id: GatewayId,
        verifier: Callable[[], Verifier],
        jobs: JobService,
        directory: Directory,
        audit: Audit,
        clock: Clock,
        now: Callable[[], datetime],
        tls: ssl.SSLContext,
        key_pin: str,
        host: str = "127.0.0.1",
        port: int = 0,
        trusted_hosts: Iterable[str] = (),
        limits: IntakeLimits | None = None,
        state_dir: Path | None = None,
    ) -> None:
        self._gateway_id = gateway_id
        self._verifier = verifier
        self._jobs = jobs
        self._directory = directory
        self._audit = audit
        self._clock = clock
        self._now = now  # the primary's time, as far as it is known
        self._tls = tls
        self._key_pin = key_pin
        self._host, self._port = host, port
        self._hosts = TrustedHosts(trusted_hosts)
        self._limits = limits or IntakeLimits()
        self._queues_file = state_dir / QUEUES_FILE if state_dir else None
        self._open: HttpPort | None = None

    @property
    def port(self) -> int:
        return self._open.listener.port if self._open else self._port

    async def start(self) -> None:
        server = HttpServer(self._handle, self._limits)
        self._open = HttpPort.open(
            server, host=self._host, port=self._port, tls=self._tls, limits=self._limits
        )

    async def stop(self) -> None:
        if self._open is not None:
            await self._open.close()
            self._open = None

    def health(self) -> Health:
        if self._open is None:
            return Health(ok=False, says=_("Uploads are not taken."))
        figures: dict[str, int | str] = {
            "port": self.port,
            "connections": self._open.listener.connections,
            "key_pin": self._key_pin,
        }
        if not self._jobs.has_room():
            return Health(ok=False, says=_("There is no room for more jobs."), figures=figures)
        return Health(ok=True, says=_("Uploads are taken."), figures=figures)

    # --- one upload ---------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, HttpConnection)
        connection.phase = Phase.WORK
        if not self._is_for_us(request, connection):
            return _closing(web.Response(status=421, text=""))
        try:
            answer = await self._answer(request, connection)
        except BodyCutShortError:
            connection.abort()
            raise ConnectionResetError("the client went away") from None
        if connection.has_more_requests or not request.content.is_eof():
            answer.force_close()
        return answer

    async def _answer(
        self, request: web.BaseRequest, connection: HttpConnection
    ) -> web.StreamResponse:
        if request.rel_url.raw_path != UPLOAD_PATH:
            return _problem(HTTPStatus.NOT_FOUND, _("There is nothing here."))
        if request.method != hdrs.METH_PUT:
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, _("A document comes by PUT."))
        admitted: Admitted | None = None
        try:
            ticket = self._read_ticket(request)
            admitted = admit(self._directory, ticket)
            with reading_as(admitted.user.language or admitted.account.language):
                job = await self._take(request, connection, admitted)
        except UploadRefusedError as refusal:
            self._note(connection, admitted, refusal)
            return _problem(refusal.status, str(refusal))
        return web.json_response(
            {"job_id": job.id, "number": job.number, "state": job.state.keyword}, status=201
        )

    def _is_for_us(self, request: web.BaseRequest, connection: HttpConnection) -> bool:
        parts = split_authority(request.headers.get(hdrs.HOST, ""))
        return parts is not None and self._hosts.trusts(parts[0], connection.local_address)

    def _read_ticket(self, request: web.BaseRequest) -> UploadTicket:
        """Read the ticket, which counts only inside TLS.

        Raises:
            UploadRefusedError: There is none that counts.
        """
        if not request.secure:
            says = _("A document is brought over HTTPS.")
            raise UploadRefusedError(HTTPStatus.FORBIDDEN, "plain", says)
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        try:
            text = header.removeprefix(_BEARER) if header.startswith(_BEARER) else ""
            ticket = uploads.read(self._verifier(), self._gateway_id, text)
        except SignatureError:
            says = _("This is no upload ticket for this gateway.")
            raise UploadRefusedError(HTTPStatus.UNAUTHORIZED, "no-ticket", says) from None
        check_time(ticket, self._now())
        return ticket

    async def _take(
        self, request: web.BaseRequest, connection: HttpConnection, admitted: Admitted
    ) -> Job:
        ticket = admitted.ticket
        status = self._status(admitted)
        check_place(admitted.queue, status, has_room=self._jobs.has_room())
        if (request.content_length or 0) > ticket.max_bytes:
            raise too_large()
        if await self._jobs.find(ticket.job_id) is not None:
            raise used()
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        chunks = bounded(IppBody(request.content, connection).document(), ticket.max_bytes)
        first = await first_of(chunks)
        if not first:
            says = _("The document is empty.")
            raise UploadRefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "empty", says)
        try:
            media_type = format_of(ticket, first)
            scan = PostScriptScan(media_type)
            return await self._jobs.accept(
                new_job(admitted, status, connection.source),
                format=media_type,
                name=ticket.title,
                body=scan.look(joined(first, chunks)),
                began_at=connection.began_at,
                judge=scan.remark,
                holds_now=lambda: self._status(admitted).holds,
            )
        except JobExistsError:
            raise used() from None
        except SpoolFullError:
            raise no_room() from None

    def _status(self, admitted: Admitted) -> QueueStatus:
        """Give the operator's switches as they are on disk: the IPP service sets them."""
        return StatusBoard(self._clock, self._queues_file).status(admitted.queue.id)

    def _note(
        self, connection: HttpConnection, admitted: Admitted | None, refusal: UploadRefusedError
    ) -> None:
        self._audit.record(
            "upload.refused",
            ok=False,
            source=connection.source,
            account_id=admitted.account.id if admitted else None,
            user_id=admitted.user.id if admitted else None,
            job_id=admitted.ticket.job_id if admitted else None,
            detail={"reason": refusal.reason},
        )


def _problem(status: HTTPStatus, says: str) -> web.Response:
    answer = web.json_response(
        {"type": "about:blank", "title": says, "status": status.value},
        status=status.value,
        content_type="application/problem+json",
    )
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers[hdrs.ALLOW] = hdrs.METH_PUT
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return _closing(answer)


def _closing(answer: web.Response) -> web.Response:
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.force_close()  # Whatever else its sender meant to send is not wanted.
    return answer
