"""Certificates of printers, as they were when we first met.

Printers sign their own certificates. The first one that a printer shows is remembered and any
other one is refused from then on, until an administrator adds the printer anew: trust on first
use, per printer and address. A certificate that the system's authorities vouch for needs no pin.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)


class PrinterPins:
    """SHA-256 fingerprints by place, ``<printer id> <host>:<port>``; in a file when given one."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file.

        Raises:
            OSError: It is there and cannot be read.
            ValueError: It is damaged; trusting anew would be what an attacker wants.
        """
        self._path = path
        self._pins: dict[str, str] = {}
        if path is not None and path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            self._pins = {str(place): bytes.fromhex(pin).hex() for place, pin in found.items()}

    def find(self, place: str) -> bytes | None:
        pin = self._pins.get(place)
        return None if pin is None else bytes.fromhex(pin)

    def keep(self, place: str, fingerprint: bytes) -> None:
        """Remember a certificate for good: on disk before anything is sent to its printer."""
        self._pins[place] = fingerprint.hex()
        log.info("the certificate of %s is %s from now on", place, fingerprint.hex())
        if self._path is None:
            return
        beside = self._path.with_name(self._path.name + ".new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._pins, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
