"""People who send all the time, and what each of them was told: the first ledger."""

from __future__ import annotations

import base64
import hashlib
import http.client
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from shared.ipp.build import attribute, request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation
from shared.ipp.errors import DecodeError
from shared.ipp.values import MimeMediaType, Name
from tests.scenarios.chaos.house import PASSWORD

_TIMEOUT_SECONDS: Final = 12.0
_PAUSE_SECONDS: Final = 0.4
_EVERY_PULL: Final = 4  # every fourth job waits for a tap


def document(title: str) -> bytes:
    """One page that nobody else sends."""
    return f"%!PS-Adobe-3.0\n%%Title: {title}\n/Helvetica 12 selectfont ({title}) show showpage\n".encode()


@dataclass
class Told:
    """What the senders were told, by title. ``asked`` are all that were ever sent."""

    asked: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    silences: Counter[str] = field(default_factory=Counter)  # why there was no answer

    @property
    def unanswered(self) -> set[str]:
        return self.asked - self.accepted - self.refused

    def by_sum(self) -> dict[str, str]:
        return {hashlib.sha256(document(title)).hexdigest(): title for title in self.asked}


class Clients:
    """Threads that send; ``rest`` lets them come to the end of a request and wait.

    They wait while the printer does not keep up: what settles slowly is then the link.
    """

    def __init__(
        self,
        port: int,
        *,
        senders: int = 2,
        told: Told | None = None,
        keeps_up: Callable[[], bool] = lambda: True,
    ) -> None:
        self._port = port
        self._keeps_up = keeps_up
        self._lock = threading.Lock()
        self._may = threading.Event()
        self._ended = threading.Event()
        self._open: set[str] = set()
        self._count = 0
        self.told = told or Told()
        self._threads = [
            threading.Thread(target=self._send_forever, name=f"sender {n}") for n in range(senders)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        self._may.set()
        for thread in self._threads:
            thread.join(_TIMEOUT_SECONDS * 2)

    def work(self) -> None:
        self._may.set()

    def rest(self) -> None:
        self._may.clear()

    @property
    def open_requests(self) -> int:
        return len(self._open)

    def _send_forever(self) -> None:
        while not self._ended.is_set():
            self._may.wait()
            if not self._keeps_up():
                self._ended.wait(_PAUSE_SECONDS)
            elif not self._ended.is_set():
                with self._lock:
                    self._count += 1
                    number = self._count
                self.send(f"page-{number:06}", "direct" if number % _EVERY_PULL else "pull")
                self._ended.wait(_PAUSE_SECONDS)

    def send(self, title: str, queue: str, *, claims: str | None = None) -> bool:
        """Send one page as Ada, or as whoever is claimed; whether it was taken.

        What nobody answered is neither taken nor not.
        """
        with self._lock:
            self._open.add(title)
            self.told.asked.add(title)
        try:
            code = self._ask(title, queue, claims)
        except (OSError, http.client.HTTPException, DecodeError) as error:
            with self._lock:
                self.told.silences[f"{type(error).__name__} {error}"] += 1
            return False
        finally:
            with self._lock:
                self._open.discard(title)
        with self._lock:
            (self.told.accepted if code < 0x0100 else self.told.refused).add(title)
        return code < 0x0100

    def _ask(self, title: str, queue: str, claims: str | None) -> int:
        path = f"/ipp/print/{queue}"
        asked = request(
            Operation.PRINT_JOB, f"ipp://127.0.0.1:{self._port}{path}", user=claims or "ada",
            attributes=[
                attribute("job-name", Name(title)),
                attribute("document-format", MimeMediaType("application/postscript")),
            ],
        )  # fmt: skip
        sign_in = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        headers = {"Content-Type": "application/ipp"}
        if claims is None:
            headers["Authorization"] = f"Basic {sign_in}"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("POST", path, encode_message(asked) + document(title), headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"{answer.status}")
        return decode_message(body)[0].code
