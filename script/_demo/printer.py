"""The demo's printer: CUPS's own ``ippeveprinter``, which nobody here wrote.

It does not start without a D-Bus to look at, even where it announces nothing (``-r off``), so it
gets a private one that knows nobody.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

FORMATS: Final = "application/pdf,application/postscript,image/jpeg,image/pwg-raster,image/urf"
BUS_CONFIGURATION: Final = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def bus_address(name: str) -> str:
    """A name that only this computer's processes see; no path, so never too long."""
    return f"unix:abstract=spoolhouse-{name}-{os.getpid()}"


def bus_command(folder: Path, address: str) -> Sequence[str | Path]:
    """Write the bus's configuration; returns how to start it."""
    configuration = folder / "bus.conf"
    configuration.write_text(BUS_CONFIGURATION.format(address=escape(address)))
    return ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"]


def printer_command(
    port: int,
    output: Path,
    *,
    name: str = "Demo printer",
    command: str = "/bin/true",
    only_here: bool = True,
) -> Sequence[str | Path]:
    """How to start the printer: announcing nothing, keeping what it gets, at once done."""
    flags = ["-r", "off", "-2", "-k", "-v", *(["-n", "localhost"] if only_here else [])]
    return [
        "ippeveprinter",
        *flags,
        "-d",
        output,
        "-f",
        FORMATS,
        "-c",
        command,
        "-p",
        f"{port}",
        name,
    ]


def printer_environment(address: str) -> dict[str, str]:
    # Without -c it would sleep 13 seconds a job; with it, it asks nothing but the bus.
    return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address}


def received(output: Path) -> list[Path]:
    """The documents that reached the printer, oldest first."""
    files = [path for path in output.iterdir() if path.suffix != ".prn" and path.is_file()]
    # By time: a printer that was switched off and on again counts its jobs from 1.
    return sorted(files, key=lambda path: path.stat().st_mtime_ns)
