"""HTTPS in threads: cheroot, with the certificate of our own CA and a place for others by SNI."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server

from control_plane.domains.hosts import Shown
from control_plane.pki.certificates import CertificateFiles

log = logging.getLogger(__name__)

_THREADS: Final = 24
_TIMEOUT_SECONDS: Final = 10  # Nobody holds a thread longer by saying nothing.
_LOOK_SECONDS: Final = 3.0  # A certificate that was brought is shown after so long.
_MAX_HEADER: Final = 64 * 1024
_MAX_BODY: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    stamp: str
    context: ssl.SSLContext
    looked_at: float


class _Adapter(BuiltinSSLAdapter):
    """TLS whose handshake happens in a worker: one slow caller must not hold up the others."""

    def wrap(self, sock: Any) -> tuple[Any, dict[str, str]]:
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class _Connection(HTTPConnection):
    """A connection that shakes hands before its first request."""

    def communicate(self) -> bool:
        if self.requests_seen == 0:
            try:
                self.socket.do_handshake()
            except OSError:  # Also what TLS itself refuses.
                return False
        return bool(super().communicate())  # type: ignore[no-untyped-call]


class WebServer:
    """The listener and its threads."""

    def __init__(
        self,
        host: str,
        port: int,
        app: Callable[..., Any],
        files: CertificateFiles,
        *,
        find_certificate: Callable[[str], Shown | None] = lambda _host: None,
    ) -> None:
        self._server = Server(
            (host, port), app, numthreads=_THREADS, server_name="spoolhouse",
            timeout=_TIMEOUT_SECONDS, request_queue_size=128, shutdown_timeout=1,
        )  # fmt: skip
        self._server.max_request_header_size = _MAX_HEADER
        self._server.max_request_body_size = _MAX_BODY
        self._server.ConnectionClass = _Connection
        self._server.error_log = _log  # type: ignore[method-assign, assignment]
        adapter = _Adapter(str(files.certificate), str(files.key))
        adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._contexts: dict[str, _Kept] = {}
        self._find_certificate = find_certificate
        adapter.context.sni_callback = self._choose_context
        self._server.ssl_adapter = adapter
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: The port is taken.
        """
        self._server.prepare()
        self._thread.start()

    def stop(self) -> None:
        self._server.stop()
        self._thread.join(3)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def port(self) -> int:
        return int(self._server.bind_addr[1])

    def _serve(self) -> None:
        try:
            self._server.serve()
        except Exception:
            log.exception("web")

    def _choose_context(
        self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext
    ) -> None:
        if name is None:
            return
        context = self._context_of(name.lower())
        if context is not None:
            connection.context = context

    def _context_of(self, host: str) -> ssl.SSLContext | None:
        """What to show for a host; what was found is looked up again after some seconds."""
        kept, now = self._contexts.get(host), time.monotonic()
        if kept is not None and now - kept.looked_at < _LOOK_SECONDS:
            return kept.context
        shown = self._find_certificate(host)
        if shown is None:
            self._contexts.pop(host, None)
            return None
        is_same = kept is not None and kept.stamp == shown.stamp
        context = kept.context if kept is not None and is_same else shown.context()
        self._contexts[host] = _Kept(shown.stamp, context, now)
        return context


def _log(message: str = "", level: int = logging.INFO, *, traceback: bool = False) -> None:
    # What strangers send to a port is no error of ours.
    log.log(min(level, logging.WARNING), "%s", message, exc_info=traceback)
