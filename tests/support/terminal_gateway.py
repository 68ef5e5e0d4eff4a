"""A gateway that says to a terminal what a test tells it: the page's other side, as HTTP."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parents[2] / "edge_agent" / "terminal" / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


class SayingGateway(ThreadingHTTPServer):
    """``say`` shows a state; ``posts`` are what the page asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state: dict[str, Any] = {"state": "unpaired"}
        self.posts: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.listeners: list[queue.Queue[bytes | None]] = []
        self.paired = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/terminal"

    def say(self, state: dict[str, Any]) -> None:
        self.state = state
        for listener in self.listeners:
            listener.put(self.event())

    def event(self) -> bytes:
        return f"data: {json.dumps(self.state)}\n\n".encode()

    def fall_silent(self) -> None:
        """End every event stream and the listener, as a gateway that is switched off."""
        for listener in self.listeners:
            listener.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that was closed is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: SayingGateway

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/terminal":
            self._file(STATIC / "terminal.html")
        elif path == "/terminal/events":
            self._events()
        else:
            self._file(STATIC / path.removeprefix("/terminal/static/"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.rpartition("/")[2]
        self.server.posts.append((name, body, dict(self.headers.items())))
        status, answer = self.server.answers.get(name, (200, {}))
        if name == "pair" and status == 200:
            self.server.paired = True
        self._send(status, "application/json", json.dumps(answer).encode())

    def _events(self) -> None:
        if not self.server.paired:
            self._send(401, "application/json", b"{}")
            return
        mine: queue.Queue[bytes | None] = queue.Queue(100)
        self.server.listeners.append(mine)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        event: bytes | None = self.server.event()
        while event is not None:
            self.wfile.write(event)
            self.wfile.flush()
            event = mine.get(timeout=120)

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, "text/plain", b"")
            return
        self._send(200, TYPES.get(path.suffix, "application/octet-stream"), path.read_bytes())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'self'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Tests read ``posts``."""


@contextmanager
def saying_gateway() -> Iterator[SayingGateway]:
    gateway = SayingGateway()
    thread = threading.Thread(target=gateway.serve_forever, name="saying-gateway", daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        gateway.fall_silent()
        thread.join(5)
