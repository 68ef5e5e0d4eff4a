"""CUPS' ``ippeveprinter`` as the printer: a real one that nobody here wrote.

::

    with ippeveprinter(tmp_path) as printer:
        ...  # send to printer.uri
        assert printer.documents() == [b"%PDF..."]

It prints in no time (``-c /bin/true``) and keeps what it received. The same port is used again
after ``stop`` and ``start``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from shared.processes import die_with_parent, end

FORMATS = "application/pdf,application/postscript,image/jpeg,image/pwg-raster,image/urf"
START_SECONDS = 10.0

_BUS = """<busconfig><type>custom</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/>
<allow own="*"/></policy></busconfig>"""


def free_port() -> int:
    """A port that is free on both loopback addresses now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@cache
def bus_environment() -> Mapping[str, str]:
    """A message bus of our own for all printers of this process.

    ``-r off`` switches advertising off, yet ippeveprinter ends at once when it finds no bus.
    """
    folder = tempfile.mkdtemp(prefix="spoolhouse-bus-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    config = Path(folder, "bus.conf")
    config.write_text(_BUS.format(path=f"{folder}/socket"))
    subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--nosyslog", "--nopidfile"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads hold locks here
    ).returncode = 0  # It lives as long as we do: not a forgotten child.
    _wait_until(lambda: Path(folder, "socket").exists(), "the message bus")
    return {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/socket"}


class EvePrinter:
    """One ippeveprinter with its own port and output folder."""

    def __init__(self, directory: Path, *, options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.output_dir = directory / "output"
        self.output_dir.mkdir(parents=True, exist_ok=True)
        self.log_file = directory / "ippeveprinter.log"
        self._options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"ipp://localhost:{self.port}/ipp/print"

    def start(self) -> None:
        """Switch it on; returns when it answers on its port."""
        command = ["ippeveprinter", "-r", "off", "-n", "localhost", "-p", str(self.port), "-vv"]
        command += ["-k", "-d", str(self.output_dir), "-f", FORMATS, *self._options]
        if "-c" not in self._options:
            command += ["-c", "/bin/true"]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "Spoolhouse test printer"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **bus_environment()},
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads hold locks here
            )
        _wait_until(self._answers, f"ippeveprinter, see {self.log_file}")

    def stop(self) -> None:
        """Switch it off, politely; safe to call twice."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)
            end(self._process)
            self._process = None

    def kill(self) -> None:
        """Pull the plug."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it hang: it takes connections and answers nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def files(self) -> list[Path]:
        """What it received, in the order of its job numbers."""
        # The .prn files beside them are what the command /bin/true said.
        kept = [path for path in self.output_dir.iterdir() if path.suffix != ".prn"]
        return sorted(kept, key=lambda path: int(path.name.split("-")[0]))

    def documents(self) -> list[bytes]:
        return [path.read_bytes() for path in self.files()]

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def ippeveprinter(directory: Path, *, options: Sequence[str] = ()) -> Iterator[EvePrinter]:
    """Run a printer that keeps its documents in ``directory/output``."""
    printer = EvePrinter(directory, options=options)
    printer.start()
    try:
        yield printer
    finally:
        printer.stop()


def _wait_until(ready: object, what: str) -> None:
    assert callable(ready)
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start")
        time.sleep(0.01)
