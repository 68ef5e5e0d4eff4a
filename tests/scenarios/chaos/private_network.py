"""A thread with a network of its own: its loopback loses packets and crawls, nobody else's does.

What the thread starts, programs and threads, is born into its network. The network goes when the
last of them ends, so nothing has to be taken away.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from typing import Final, TypeVar

_CLONE_NEWNET: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)

Result = TypeVar("Result")


def why_not() -> str | None:
    """Why there can be no such network here; None where there can."""
    if os.geteuid() != 0:
        return "needs root: a network of its own"
    missing = [name for name in ("ip", "nft", "tc") if shutil.which(name, path=_PATH) is None]
    return f"{', '.join(missing)} is not installed" if missing else None


_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def run(*command: str) -> None:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=30,
        env={**os.environ, "PATH": _PATH},
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def alone(work: Callable[[], Result]) -> Result:
    """Do the work in a thread with a network of its own, where that can be; else in any thread."""
    result: list[Result] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            if why_not() is None:
                _leave()
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
            failure.append(error)

    thread = threading.Thread(target=body, name="alone")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def _leave() -> None:
    if _LIBC.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "a network of its own was refused")
    # Packets of an ordinary size, so that a third of them lost is not all or nothing.
    run("ip", "link", "set", "lo", "up", "mtu", "1500")


def _words(command: str) -> list[str]:
    return command.split()


class Loss:
    """Three packets in ten to and from a port are lost."""

    def __init__(self, port: int) -> None:
        self._port = port

    def begin(self) -> None:
        lost = "numgen random mod 100 < 30 drop"
        run("nft", "add table inet chaos")
        run("nft", "add chain inet chaos out { type filter hook output priority 0 ; }")
        for side in ("dport", "sport"):
            run("nft", f"add rule inet chaos out tcp {side} {self._port} {lost}")

    def end(self) -> None:
        run("nft", "delete table inet chaos")


class Crawl:
    """64 kbit a second to and from a port; everything else goes as ever."""

    def __init__(self, port: int) -> None:
        self._port = port

    def begin(self) -> None:
        run("tc", *_words("qdisc add dev lo root handle 1: htb"))
        slow = "class add dev lo parent 1: classid 1:4 htb rate 64kbit ceil 64kbit burst 4kb"
        run("tc", *_words(slow))
        run("tc", *_words("qdisc add dev lo parent 1:4 tbf rate 64kbit burst 4kb latency 2s"))
        for side in ("dport", "sport"):
            match = f"filter add dev lo parent 1: protocol ip u32 match ip {side}"
            run("tc", *_words(match), f"{self._port}", "0xffff", "flowid", "1:4")

    def end(self) -> None:
        run("tc", *_words("qdisc del dev lo root"))
