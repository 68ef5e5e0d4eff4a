"""The broker as a child process: started, watched, started again, and gone with us.

It is disposable. Before each start its files are written anew from our database: who may what,
and which certificates are revoked.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from control_plane.broker import config
from control_plane.broker.config import BrokerFiles, Listeners
from control_plane.database import utc_now
from control_plane.pki import certificates
from control_plane.pki.keys import write_private
from shared import processes
from shared.crypto.authority import Authority
from shared.ids import GatewayId

log = logging.getLogger(__name__)

CRL_LIFE: Final = timedelta(days=3650)  # The broker is told of changes; it need not come back.
_READY_SECONDS: Final = 5.0
_RESTART_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
_STEADY_SECONDS: Final = 30.0


class BrokerError(Exception):
    """The broker does not start; the text says what to do."""


class Admission(Protocol):
    """Who may connect; answered from the database."""

    def admitted(self) -> Sequence[GatewayId]: ...
    def processes(self) -> Sequence[str]: ...
    def revoked(self) -> Sequence[tuple[int, datetime]]: ...


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What a broker needs to know."""

    folder: Path
    host: str
    port: int  # 0: choose a free one, and keep it
    names: tuple[str, ...]  # host names and addresses by which gateways come


class Broker:
    """One Mosquitto. ``start`` returns when it answers; a thread of ours keeps it so."""

    def __init__(
        self,
        settings: BrokerSettings,
        issuer: Authority,
        admission: Admission,
    ) -> None:
        self._settings = settings
        self._issuer = issuer
        self._admission = admission
        self._files = BrokerFiles(settings.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._keeper: threading.Thread | None = None
        self.listeners = Listeners(settings.host, settings.port, 0)

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start it.

        Raises:
            BrokerError: It is not installed, or its port is taken.
        """
        self._settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        processes.end_leftover(self._files.pid)
        self.listeners = self._choose_ports()
        # The kernel ends the child when the thread that started it ends: so one thread keeps it.
        self._keeper = threading.Thread(target=self._keep, name="broker", daemon=True)
        self._keeper.start()
        self._ready.wait(_READY_SECONDS * 2)
        if self._failure is not None or not self._ready.is_set():
            self.stop()
            raise BrokerError(str(self._failure or "the broker does not answer"))

    def stop(self) -> None:
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.join(10)

    def revoke(self) -> None:
        """Tell the running broker which certificates are revoked now."""
        self._write_revoked()
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGHUP)

    def _choose_ports(self) -> Listeners:
        port = self._settings.port or self._remembered_port()
        own = _free_port("127.0.0.1")
        return replace(self.listeners, port=port, own_port=own)

    def _remembered_port(self) -> int:
        """Choose a free port once: enrolled gateways come back to it."""
        path = self._settings.folder / "port"
        known = path.read_text().strip() if path.exists() else ""
        if known.isdecimal() and _is_free(self._settings.host, int(known)):
            return int(known)
        port = _free_port(self._settings.host)
        write_private(path, f"{port}\n".encode())
        return port

    def _keep(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self._run_once()
            except Exception as error:
                log.exception("the broker could not be started")
                if not self._ready.is_set():
                    self._failure = error
                    self._ready.set()
                    return
            if time.monotonic() - begun > _STEADY_SECONDS:
                attempt = 0
            wait = _RESTART_SECONDS[min(attempt, len(_RESTART_SECONDS) - 1)]
            attempt += 1
            self._stopping.wait(wait)

    def _run_once(self) -> None:
        self._write_files()
        process = subprocess.Popen(
            [_find_mosquitto(), "-c", str(self._files.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # It is ended by us, not by a Ctrl-C that is meant for us.
            preexec_fn=processes.die_with_parent,  # noqa: PLW1509  # one system call
        )
        self._process = process
        said = _tell_log(process)
        try:
            processes.write_pid_file(self._files.pid, process.pid)
            self._wait_until_ready(process, said)
            self._ready.set()
            while process.poll() is None and not self._stopping.wait(0.05):
                pass
            if not self._stopping.is_set():
                log.warning("the broker ended (%s); it is started again", process.returncode)
        finally:
            processes.end(process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], said: list[str]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                time.sleep(0.05)  # Its last words are on their way.
                raise BrokerError(f"mosquitto ended: {' '.join(said[-3:]) or process.returncode}")
            if _answers("127.0.0.1", self.listeners.own_port):
                return
            time.sleep(0.02)
        raise BrokerError("mosquitto does not answer")

    def _write_files(self) -> None:
        plugin = config.find_plugin()
        if plugin is None:
            raise BrokerError(f"{config.PLUGIN_NAME} is missing: install the package mosquitto")
        names = list(dict.fromkeys([*self._settings.names, "localhost", "127.0.0.1"]))
        files = self._files
        certificate = certificates.for_listener(
            self._issuer, files.folder, "listener", names, utc_now()
        )
        write_private(files.authority, self._issuer.pem)
        self._write_revoked()
        write_private(
            files.security,
            config.security_state(self._admission.processes(), self._admission.admitted()),
        )
        text = config.config_text(files, self.listeners, certificate, plugin)
        write_private(files.config, text.encode())

    def _write_revoked(self) -> None:
        crl = self._issuer.revocation_list(self._admission.revoked(), utc_now(), CRL_LIFE)
        write_private(self._files.revoked, crl)


def _tell_log(process: subprocess.Popen[bytes]) -> list[str]:
    """Pass on what it says; the last lines are kept for the reason of a failed start."""
    said: list[str] = []

    def pass_on() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            said[:] = [*said[-9:], text]
            log.info("mosquitto: %s", text)
        process.stderr.close()

    threading.Thread(target=pass_on, name="broker log", daemon=True).start()
    return said


def _find_mosquitto() -> str:
    for folder in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]:
        if folder and os.access(f"{folder}/mosquitto", os.X_OK):
            return f"{folder}/mosquitto"
    raise BrokerError("mosquitto is missing: install the package mosquitto")


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As Mosquitto does it: connections that are still closing are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True
