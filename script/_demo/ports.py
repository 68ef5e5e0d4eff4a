"""Ports: the ones people can remember, and free ones where those are taken."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

PREFERRED: Final[Mapping[str, int]] = {
    "primary": 8443,
    "broker": 8883,
    "ipp": 8631,
    "terminal": 8632,
    "health": 8633,
    "printer": 8634,
    "lpd": 8515,
    "raw": 8910,
    "api": 8635,
    "reader front desk": 8641,
    "reader copy room": 8642,
    "control front desk": 8651,
    "control copy room": 8652,
}


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens on the port, on this address or on all."""
    for address in {host, "127.0.0.1", "0.0.0.0"}:  # noqa: S104
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def any_free() -> dict[str, int]:
    """A free port for each part, all different: for a second demo beside the first."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PREFERRED]
        return {part: s.getsockname()[1] for part, s in zip(PREFERRED, probes, strict=True)}


def choose(preferred: Mapping[str, int] = PREFERRED) -> tuple[dict[str, int], list[str]]:
    """Pick a port for each part; returns also a sentence for each that had to be replaced."""
    chosen: dict[str, int] = {}
    said = []
    for part, port in preferred.items():
        chosen[part] = port
        while chosen[part] in list(chosen.values())[:-1] or not is_free(chosen[part]):
            chosen[part] = free_port()
        if chosen[part] != port:
            said.append(f"port {port} ({part}) is taken; using {chosen[part]}")
    return chosen, said
