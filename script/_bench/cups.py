"""A private CUPS to measure against: its own folders, a free port, one queue that holds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONF = """
Listen 127.0.0.1:{port}
Listen {root}/cups.sock
MaxJobs 0
MaxJobTime 0
MaxClients 200
PreserveJobHistory Yes
Browsing Off
WebInterface No
LogLevel none
DefaultAuthType None
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

_FILES = """
SystemGroup root lpadmin
ServerRoot {root}
RequestRoot {root}/spool
CacheDir {root}/cache
StateDir {root}/state
DataDir /usr/share/cups
ServerBin /usr/lib/cups
DocumentRoot /usr/share/cups/doc-root
AccessLog {root}/access_log
ErrorLog {root}/error_log
PageLog {root}/page_log
FileDevice Yes
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(root: Path) -> Iterator[tuple[str, int]]:
    """Run cupsd with one held-queue ``bench``; gives its URI and the pid of the server.

    Raises:
        RuntimeError: cupsd did not come up.
    """
    for folder in ("spool/tmp", "cache", "state", "ppd", "ssl"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    port = _free_port()
    (root / "cupsd.conf").write_text(_CONF.format(port=port, root=root))
    (root / "cups-files.conf").write_text(_FILES.format(root=root))
    command = ["/usr/sbin/cupsd", "-f", "-c", f"{root}/cupsd.conf", "-s", f"{root}/cups-files.conf"]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for(port)
        environment = {**os.environ, "CUPS_SERVER": f"127.0.0.1:{port}"}
        subprocess.run(
            ["/usr/sbin/lpadmin", "-p", "bench", "-v", "file:///dev/null", "-E", "-m", "raw"],
            env=environment,
            check=True,
            capture_output=True,
            timeout=30,
        )
        yield f"ipp://127.0.0.1:{port}/printers/bench", server.pid
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(timeout=10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"cupsd did not listen on port {port}; see its error_log")
