"""A CUPS of our own as a computer that prints: its own folders, a free port, no other queues."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.processes import die_with_parent, end
from tests.support.demo_site import wait_for
from tests.support.ippeveprinter import bus_environment

SERVER = """
Listen {root}/cups.sock
Browsing Off
WebInterface No
LogLevel debug
DefaultAuthType None
ErrorPolicy retry-job
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit All>
    Order allow,deny
    Allow all
  </Limit>
</Policy>
"""
FILES = """
ServerRoot {root}
RequestRoot {root}/spool
CacheDir {root}/cache
StateDir {root}/state
DataDir /usr/share/cups
ServerBin /usr/lib/cups
AccessLog {root}/access_log
ErrorLog {root}/error_log
PageLog {root}/page_log
SystemGroup root
FileDevice Yes
"""


class PrivateCups:
    """A running cupsd; programs reach it by its socket."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def log(self) -> str:
        return (self.root / "error_log").read_text(errors="replace")

    def run(self, *command: str, check: bool = True) -> str:
        """Run lpadmin, lp, lpstat ... against it; returns what they say."""
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=90,
            env={**os.environ, "CUPS_SERVER": str(self.root / "cups.sock"), "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{said}\n{self.log()[-6000:]}"
        return said

    def add_queue(self, name: str, uri: str, model: str = "everywhere") -> None:
        self.run("lpadmin", "-p", name, "-E", "-v", uri, "-m", model)
        if model == "everywhere":
            # lpadmin answers before cupsd has asked the printer what it can do: a job that comes
            # in between is aborted ("Unable to convert file 0 to printable format").
            wait_for(lambda: f'Printer "{name}" is now available' in self.log(), "the queue", 30)


@contextmanager
def private_cups() -> Iterator[PrivateCups]:
    """Run cupsd until the test is done."""
    root = Path(tempfile.mkdtemp(prefix="spoolhouse-cups-"))
    root.chmod(0o755)
    for folder in ("spool/tmp", "cache", "state", "ppd", "ssl"):
        (root / folder).mkdir(parents=True)
    (root / "cupsd.conf").write_text(SERVER.format(root=root))
    (root / "cups-files.conf").write_text(FILES.format(root=root))
    server = subprocess.Popen(
        ["cupsd", "-f", "-c", str(root / "cupsd.conf"), "-s", str(root / "cups-files.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **bus_environment()},
        preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads hold locks here
    )
    try:
        wait_for((root / "cups.sock").exists, "cupsd", 15)
        yield PrivateCups(root)
    finally:
        end(server)
        shutil.rmtree(root, ignore_errors=True)
