"""The IPP service: HTTP and TLS on one port, documents streamed into the spool (RFC 8010 4)."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from edge_agent.intake import ipp_operations, pages
from edge_agent.intake.access import Requester
from edge_agent.intake.desk import Audit, Desk, Identify
from edge_agent.intake.hosts import TrustedHosts, is_loopback, split_authority, write_authority
from edge_agent.intake.http_connection import HttpServer, Phase
from edge_agent.intake.http_port import HttpPort
from edge_agent.intake.identify import Authentication, Connection, Identifier
from edge_agent.intake.ipp_body import IppBody
from edge_agent.intake.ipp_call import (
    BodyCutShortError,
    IppCall,
    RefusedError,
    SignInNeededError,
    unsupported_group,
)
from edge_agent.intake.ipp_connection import IPP, HttpAnswer, HttpRequest, IppConnection
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.queue_control import QueueControl
from edge_agent.intake.queue_status import QUEUES_FILE, StatusBoard
from edge_agent.intake.queues import Queues
from edge_agent.intake.request_rules import check_request, check_version
from edge_agent.intake.subscriptions import Subscriptions
from edge_agent.intake.targets import Directory, Target, Targets, job_number_in, path_of, token_in
from edge_agent.jobs import incoming
from edge_agent.jobs.service import JobService
from edge_agent.service import Health
from shared.clock import Clock
from shared.i18n import DEFAULT_LANGUAGE, current_language, known_language, set_reader
from shared.i18n import gettext as _
from shared.ids import QueueId
from shared.ipp.build import response
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation, Status
from shared.ipp.errors import DecodeError
from shared.ipp.message import Group, Message

log = logging.getLogger(__name__)

_MOST_HOSTS: Final = 256
_PLAIN: Final = "identity"


class IppServer:
    """The IPP service of a gateway."""

    name = "ipp"

    def __init__(
        self,
        *,
        jobs: JobService,
        directory: Directory,
        authentication: Authentication,
        audit: Audit,
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 631,
        tls: ssl.SSLContext | None = None,
        trusted_hosts: Iterable[str] = (),
        limits: IntakeLimits | None = None,
        state_dir: Path | None = None,
        identify: Identify | None = None,
        time_out_seconds: int = incoming.DEFAULT_SECONDS,
    ) -> None:
        self._limits = limits or IntakeLimits()
        self._targets = Targets(directory)
        self._identifier = Identifier(directory, authentication)
        self._hosts = TrustedHosts(trusted_hosts)
        self._authorities: dict[tuple[str, str], str] = {}
        board = StatusBoard(clock, state_dir / QUEUES_FILE if state_dir else None)
        queues = Queues(
            clock,
            sorted(ipp_operations.OPERATIONS),
            has_tls=tls is not None,
            board=board,
            time_out_seconds=time_out_seconds,
        )
        jobs.incoming.time_out_seconds = time_out_seconds
        subscriptions = Subscriptions(clock)
        self.desk = Desk(
            jobs,
            directory,
            queues,
            QueueControl(jobs),
            subscriptions,
            audit,
            clock,
            self._limits,
            identify,
        )
        jobs.listeners.on_changed(subscriptions.on_job_changed)
        board.on_change(self._on_queue_changed)
        self._host, self._port, self._tls = host, port, tls
        self._open: HttpPort | None = None

    @property
    def port(self) -> int:
        return self._open.listener.port if self._open else self._port

    async def start(self) -> None:
        make = partial(IppConnection, speaks=self._handle)
        server = HttpServer(_nobody, self._limits, make)
        self._open = HttpPort.open(
            server, host=self._host, port=self._port, tls=self._tls, limits=self._limits
        )

    async def stop(self) -> None:
        if self._open is not None:
            await self._open.close()
            self._open = None

    def health(self) -> Health:
        if self._open is None:
            return Health(ok=False, says=_("IPP does not listen."))
        figures: dict[str, int | str] = {
            "port": self.port,
            "connections": self._open.listener.connections,
            "refused_connections": self._open.listener.refused,
            "cut_off_connections": self._open.server.cut_off,
            "requests": self._open.server.requests_count,
        }
        if not self.desk.jobs.has_room():
            return Health(ok=False, says=_("There is no room for more jobs."), figures=figures)
        return Health(ok=True, says=_("IPP takes jobs."), figures=figures)

    def _on_queue_changed(self, queue_id: QueueId, *, configured: bool) -> None:
        stopped = self.desk.queues.status(queue_id).is_paused
        self.desk.subscriptions.on_queue_changed(queue_id, stopped=stopped, configured=configured)

    # --- one request --------------------------------------------------------------------------

    async def _handle(self, request: HttpRequest) -> HttpAnswer:
        connection = request.connection
        connection.phase = Phase.WORK
        try:
            answer = await self._answer(request, connection)
        except BodyCutShortError:
            connection.abort()
            raise ConnectionResetError("the client went away") from None
        if connection.has_more_requests or not request.content.is_eof():
            answer.close = True
        return answer

    async def _answer(self, request: HttpRequest, connection: IppConnection) -> HttpAnswer:
        authority = self._verified_authority(request, connection)
        if authority is None:
            return HttpAnswer.of(pages.misdirected())
        if request.method != hdrs.METH_POST:
            return HttpAnswer.of(pages.answer(request.method, request.path))
        headers = request.headers
        if request.content_type != IPP or headers.get(hdrs.CONTENT_ENCODING, _PLAIN) != _PLAIN:
            return HttpAnswer.of(pages.only_ipp())
        expected = headers.get(hdrs.EXPECT)
        if expected is not None:
            if expected.lower() != "100-continue":
                return HttpAnswer(b"", HTTPStatus.EXPECTATION_FAILED, "", close=True)
            request.say_continue()
        return await self._ipp(request, connection, authority)

    def _verified_authority(self, request: HttpRequest, connection: IppConnection) -> str | None:
        """The host and port that the request was for; None where it is none of ours."""
        host = request.authority
        if not host:  # HTTP/1.0
            return write_authority(connection.local_address, self.port)
        key = host, connection.local_address
        known = self._authorities.get(key)
        if known is None:
            known = self._look_at_host(*key)
            if known is not None and len(self._authorities) < _MOST_HOSTS:
                self._authorities[key] = known
        return known

    def _look_at_host(self, host: str, local_address: str) -> str | None:
        parts = split_authority(host)
        if parts is None or not self._hosts.trusts(parts[0], local_address):
            return None
        name, port = parts
        return write_authority(name, port or 631)

    async def _ipp(
        self, request: HttpRequest, connection: IppConnection, authority: str
    ) -> HttpAnswer:
        body = IppBody(request.content, connection)
        try:
            message = await body.read_message(self._limits.attribute_bytes)
        except DecodeError as error:
            return _refused_bytes(error)
        path = request.path
        target = self._targets.find(path)
        if target is not None:
            target = target.with_token(token_in(path))
        language = _language(message, target)
        try:
            asked = check_request(message)
            operation = _known(message)
            if target is None:
                raise _no_queue(asked)
            self._check_names(asked, target)
            requester = await self._requester(request, connection, message, target, asked)
        except RefusedError as refusal:
            return self._refused(message, refusal, target, connection, language)
        except SignInNeededError:
            return HttpAnswer.of(pages.sign_in(target.account.name if target else ""))
        call = IppCall(
            message,
            operation,
            target,
            requester,
            authority,
            body.document(),
            connection.began_at,
            job_number_in(path, target),
            language,
        )
        try:
            answer = await ipp_operations.answer(self.desk, call)
        except SignInNeededError:
            return HttpAnswer.of(pages.sign_in(target.account.name))
        return _respond(answer)

    def _check_names(self, asked: Group, target: Target) -> None:
        """Check that the URI in the message means the queue of the request's path."""
        uri = asked.find_uri("printer-uri") or asked.find_uri("job-uri")
        if uri is None:
            raise _no_queue(asked)
        if uri.endswith(target.named_path):
            return
        named_path = path_of(uri) or ""
        named = self._targets.find(named_path)
        if named is None:
            raise _no_queue(asked)
        if named.queue.id != target.queue.id or token_in(named_path) not in (None, target.token):
            raise RefusedError(
                Status.CLIENT_ERROR_BAD_REQUEST,
                _("The request is for one queue and names another."),
                reason="contradiction",
            )

    async def _requester(
        self,
        request: HttpRequest,
        connection: IppConnection,
        message: Message,
        target: Target,
        asked: Group,
    ) -> Requester:
        source = connection.source
        where = Connection(source, request.secure, is_loopback(source))
        rule = ipp_operations.OPERATIONS[message.known_operation]  # type: ignore[index]
        if rule.who is ipp_operations.Who.ANYONE and target.token is None:
            return self._identifier.claimed(target, None, where)
        credentials = request.headers.get(hdrs.AUTHORIZATION)
        return await self._identifier.identify(target, asked, credentials, where)

    def _refused(
        self,
        message: Message,
        refusal: RefusedError,
        target: Target | None,
        connection: IppConnection,
        language: str,
    ) -> HttpAnswer:
        if refusal.reason:
            self.desk.audit.record(
                "ipp.refused",
                ok=False,
                source=connection.source,
                account_id=target.account.id if target else None,
                detail={"reason": refusal.reason},
            )
        groups = unsupported_group(refusal.unsupported)
        spoken = (2, 0) if refusal.status is Status.SERVER_ERROR_VERSION_NOT_SUPPORTED else None
        return _respond(
            response(
                refusal.status,
                message,
                message=refusal.says,
                groups=groups,
                version=spoken,
                language=language,
            )
        )


async def _nobody(_request: web.BaseRequest) -> web.StreamResponse:
    raise AssertionError("an IppConnection answers by itself")


def _respond(message: Message) -> HttpAnswer:
    return HttpAnswer(encode_message(message))


def _refused_bytes(error: DecodeError) -> HttpAnswer:
    """Answer what could not be read; with its own request-id where that much arrived."""
    status, says = Status.CLIENT_ERROR_BAD_REQUEST, _("This is no IPP request.")
    if error.header is not None:
        try:
            check_version(error.header)
        except RefusedError as refusal:
            status, says = refusal.status, refusal.says
    answer = _respond(response(status, error.header, message=says))
    answer.close = True  # Where the request ends, nobody knows.
    return answer


def _known(message: Message) -> Operation:
    operation = message.known_operation
    if operation is None or operation not in ipp_operations.OPERATIONS:
        raise RefusedError(
            Status.SERVER_ERROR_OPERATION_NOT_SUPPORTED, _("This queue does not do that.")
        )
    return operation


def _no_queue(asked: Group) -> RefusedError:
    if asked.find_uri("printer-uri") is None and asked.find_uri("job-uri") is None:
        return RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("The request names no queue."))
    return RefusedError(Status.CLIENT_ERROR_NOT_FOUND, _("There is no queue of this name here."))


def _language(message: Message, target: Target | None) -> str:
    """The language to answer in; also set for everything said while this request is served."""
    wanted = message.operation.find_word("attributes-natural-language")
    language = known_language(wanted or (target.account.language if target else None))
    # The connection's earlier request may have been answered in another one.
    if language != DEFAULT_LANGUAGE or current_language() != language:
        set_reader(language, target.account.time_zone if target else None)
    return language
