"""The wire between gateway and broker: it can be cut, hang, and break off in mid-frame."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Final

from tests.support.ippeveprinter import free_port

_CHUNK: Final = 4096
_RESET: Final = struct.pack("ii", 1, 0)


class Wire:
    """A TCP relay; every fault is the same to both ends as the real one would be."""

    def __init__(self, far_port: int) -> None:
        self.port = free_port()
        self._far_port = far_port
        self._passes = threading.Event()
        self._passes.set()
        self._breaks = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.connections = 0
        self.join()

    # --- faults -------------------------------------------------------------------------------

    def cut(self) -> None:
        """Nobody answers on the port any more, and what is connected is thrown off."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.drop()

    def join(self) -> None:
        if self._listener is None:
            listener = socket.create_server(("127.0.0.1", self.port), backlog=16)
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def hang(self) -> None:
        """Half-open: connections stay and are taken, and nothing passes."""
        self._passes.clear()

    def go_on(self) -> None:
        self._passes.set()

    def forget(self) -> None:
        """Half-open for good: the broker's ends are gone, and the gateway is not told."""
        with self._lock:
            for _, far in self._pairs:
                with contextlib.suppress(OSError):
                    far.shutdown(socket.SHUT_RDWR)

    def break_next_frame(self) -> None:
        """The next thing that is said breaks off in its middle, with RST to both."""
        self._breaks.set()

    def drop(self) -> None:
        """Throw off whoever is connected."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _reset(*pair)

    # --- passing on ---------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._far_port), timeout=5)
        except OSError:
            _reset(near)
            return
        far.settimeout(None)
        self.connections += 1
        with self._lock:
            self._pairs.append((near, far))
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := one.recv(_CHUNK):
                self._passes.wait()
                if self._breaks.is_set():
                    self._breaks.clear()
                    other.sendall(data[: len(data) // 2])
                    _reset(one, other)
                    return
                other.sendall(data)
        if not self._passes.is_set():
            return  # Half-open: whoever went is not missed yet.
        _reset(one, other)


def _reset(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RD)
        with contextlib.suppress(OSError):
            end.close()
