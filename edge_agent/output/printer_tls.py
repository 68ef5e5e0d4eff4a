"""What we trust at an ``ipps:`` address: the system's authorities, or the certificate we know."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from yarl import URL

from edge_agent.output.printer_pins import PrinterPins


@dataclass(frozen=True, slots=True)
class Trust:
    """What one printer is trusted by."""

    owner: str  # the printer's id: another printer at the same address is met anew
    pins: PrinterPins
    context: ssl.SSLContext | None = None  # the system's authorities otherwise

    def of(self, url: URL) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
        """What a connection must show: the pinned certificate where there is one."""
        pin = self.pins.find(self._place(url))
        if pin is not None:
            return aiohttp.Fingerprint(pin)
        return self.context or True

    def has_pin(self, url: URL) -> bool:
        return self.pins.find(self._place(url)) is not None

    async def meet(self, url: URL) -> None:
        """Remember the certificate that is shown there now.

        Raises:
            OSError: No connection, no TLS, or the pin cannot be written.
        """
        fingerprint = await _fingerprint(url.host or "", url.port or 0)
        await asyncio.to_thread(self.pins.keep, self._place(url), fingerprint)

    def _place(self, url: URL) -> str:
        return f"{self.owner} {url.host}:{url.port}"


async def _fingerprint(host: str, port: int) -> bytes:
    # Nothing is said on this connection; the one that speaks is held against the fingerprint.
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, port, ssl=unverified)
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return hashlib.sha256(certificate).digest()
