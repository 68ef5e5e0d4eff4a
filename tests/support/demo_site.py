"""The demo as a test's site: the real programs, told by script/demo, tapped by its readers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 400.0  # on a machine with much else to do; a quiet one needs 40
TAKEN_AWAY_SECONDS = 1.7


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Wait until it is true; returns what it was."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.02)
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def group_members(leader: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == leader and state != "Z":
            found.append(int(folder.name))
    return found


@dataclass
class DemoSite:
    """A demo that stays up; ``site`` is read anew, since pids change."""

    folder: Path
    process: subprocess.Popen[str]
    taps: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def site(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads((self.folder / "site.json").read_text())
        return described

    @property
    def said(self) -> str:
        return (self.folder.parent / "said.txt").read_text()

    def user(self, username: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            user for user in self.site["users"] if user["username"] == username
        )
        return found

    def tap(self, card: str, mode: str = "print-all") -> None:
        # A card that lies on the reader is one tap: it is taken away before it comes again.
        taken_away = self.taps.get((card, mode), 0) + TAKEN_AWAY_SECONDS
        time.sleep(max(taken_away - time.monotonic(), 0))
        self.taps[card, mode] = time.monotonic()
        control = next(r["control"] for r in self.site["readers"] if r["mode"] == mode)
        host, _, port = control.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as reader:
            reader.sendall(card.encode() + b"\n")
            assert reader.recv(100).strip() == b"tapped"

    def paper(self) -> list[Path]:
        """What the printer received, oldest first."""
        output = Path(self.site["printer"]["output_dir"])
        files = [path for path in output.iterdir() if path.suffix != ".prn"]
        return sorted(files, key=lambda path: path.stat().st_mtime_ns)

    def comes_out(self, document: bytes, before: int, seconds: float = 20.0) -> None:
        """Wait until it is among the paper that followed the first ``before`` sheets.

        Another test's last sheet may lie between them.
        """

        def lies_there() -> bool:
            return any(path.read_bytes() == document for path in self.paper()[before:])

        wait_for(lies_there, "the document at the printer", seconds)

    def copies_of(self, document: bytes) -> int:
        """How often the printer received it."""
        return sum(path.read_bytes() == document for path in self.paper())

    def cli(self, *words: str) -> Any:
        """Ask the primary as its administrator does at the command line."""
        program, state = str(ROOT / ".venv/bin/spoolhouse"), str(self.folder / "primary")
        done = subprocess.run(
            [program, *words, "--json", "--state", state],
            check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout) if done.stdout.strip() else None
        return answer["items"] if isinstance(answer, dict) and "items" in answer else answer

    def job(self, title: str) -> dict[str, Any] | None:
        """The job of that title at the primary, with its timeline."""
        found = [
            job for job in self.cli("job", "list", "--account", "alder") if job["title"] == title
        ]
        assert len(found) <= 1
        if not found:
            return None
        shown: dict[str, Any] = self.cli("job", "show", found[0]["id"], "--account", "alder")
        return shown

    def audit(self, event: str) -> list[dict[str, Any]]:
        rows = self.cli("audit", "list", "--account", "alder", "--limit", "200")
        return [row for row in rows if row["event"] == event]

    def ipptool(
        self, test: str | Path, *options: str, queue: str = "pull", check: bool = True
    ) -> str:
        """Run an ipptool file against a queue of the site; returns its report."""
        return ipptool(self.site["queues"][queue], test, *options, check=check)


def ipptool(uri: str, test: str | Path, *options: str, check: bool = True) -> str:
    done = subprocess.run(
        ["ipptool", "-tv", "-T", "20", *options, uri, str(test)],
        check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, "LC_ALL": "C.UTF-8", **_cups_user(options)},
    )  # fmt: skip
    report = done.stdout + done.stderr
    assert not check or done.returncode == 0, report
    return report


def _cups_user(options: Sequence[str]) -> dict[str, str]:
    """``$user`` in a test file is who runs ipptool, whatever ``-d user=`` says."""
    named = [option.removeprefix("user=") for option in options if option.startswith("user=")]
    return {"CUPS_USER": named[0]} if named else {}


def start_demo(folder: Path, *options: str, prefix: Sequence[str] = ()) -> DemoSite:
    """Begin a demo in ``folder/demo`` on free ports; it is not ready yet."""
    environment = {**os.environ, "SPOOLHOUSE_DEMO_PORTS": "any", "PYTHONUNBUFFERED": "1"}
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [*prefix, str(ROOT / "script/demo"), "--state", str(folder / "demo"), *options],
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, text=True,
            env=environment,
        )  # fmt: skip
    return DemoSite(folder / "demo", process)


def wait_until_ready(demo: DemoSite) -> None:
    def ready() -> bool:
        assert demo.process.poll() is None, demo.said
        return (demo.folder / "site.json").exists()

    wait_for(ready, "the demo", START_SECONDS)


@contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[DemoSite]:
    """A demo that told its story and stays up; ended politely, then for good."""
    demo = start_demo(folder, *options)
    try:
        wait_until_ready(demo)
        yield demo
    finally:
        end_demo(demo)


def end_demo(demo: DemoSite) -> None:
    """End it politely, then for good."""
    demo.process.send_signal(signal.SIGINT)
    try:
        demo.process.wait(15)
    except subprocess.TimeoutExpired:
        demo.process.kill()
        demo.process.wait()
    # After SIGKILL it could not take the file away itself: the next start must not believe it.
    (demo.folder / "site.json").unlink(missing_ok=True)
