"""A thread that says every second that this process lives, and takes over who was left alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from sqlalchemy.exc import SQLAlchemyError

from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.primaries import service
from shared.ids import GatewayId

log = logging.getLogger(__name__)


class Attendance:
    """Begun before the process comes to the broker, which lets in only who is known to live."""

    def __init__(
        self,
        database: Database,
        name: str,
        kind: str,
        *,
        serves: Callable[[], bool] = lambda: False,
        on_taken: Callable[[Iterable[GatewayId]], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._name = name
        self._kind = kind
        self._serves = serves
        self._on_taken = on_taken
        self._served = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="attendance", daemon=True)

    def start(self) -> None:
        """Say it for the first time, and go on in a thread."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Say that this process ends, as far as the database hears it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(3)
        try:
            with self._database.writing() as session:
                service.leave(session, self._name)
        except SQLAlchemyError as error:
            log.warning("attendance: %s", error)

    def _run(self) -> None:
        is_well = True
        while not self._stopping.wait(service.BEAT_SECONDS):
            try:
                self._beat()
                is_well = True
            except SQLAlchemyError as error:
                log.log(logging.WARNING if is_well else logging.DEBUG, "attendance: %s", error)
                is_well = False
            except Exception:
                log.exception("attendance")

    def _beat(self) -> None:
        serves = self._serves()
        with self._database.writing() as session:
            service.beat(session, self._name, self._kind, serves=serves)
            taken = list(service.take_over(session, self._name)) if serves else []
            if serves and not self._served:
                # We were away from the broker: what was pushed meanwhile did not arrive.
                taken += gateways.list_pushed_by(session, self._name)
        self._served = serves
        if taken:
            log.info("%d gateways are ours now", len(set(taken)))
            self._on_taken(taken)
