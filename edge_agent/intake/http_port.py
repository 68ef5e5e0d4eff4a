"""A port that speaks HTTP: the listener and the server behind it, started and stopped as one."""

from __future__ import annotations

import ssl
from typing import Final

from edge_agent.intake.http_connection import HttpServer
from edge_agent.intake.limits import IntakeLimits
from edge_agent.intake.listener import Listener

_STOP_SECONDS: Final = 3.0


class HttpPort:
    """One port; ``listener`` and ``server`` are for looking at."""

    def __init__(self, listener: Listener, server: HttpServer) -> None:
        self.listener = listener
        self.server = server

    @classmethod
    def open(
        cls,
        server: HttpServer,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        limits: IntakeLimits,
    ) -> HttpPort:
        """Listen.

        Raises:
            OSError: The port is taken, or the address is not ours.
        """
        listener = Listener(server.make_connection, host=host, port=port, tls=tls, limits=limits)
        listener.start()
        server.start()
        return cls(listener, server)

    async def close(self) -> None:
        """Let requests finish for a moment, then close every connection."""
        await self.listener.stop()
        await self.server.stop(_STOP_SECONDS)
