"""``script/soak``: the long counts, one run of pytest for each file of tests."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

from script._soak.leftovers import adopt_orphans, end_children, unmount_below
from shared.processes import die_with_parent
from tests.support import proof

ROOT: Final = Path(__file__).resolve().parents[2]
LONGEST_TEST_SECONDS: Final = 4 * 3600  # for tests that state no limit of their own
FILES: Final = ("README.md", "docs/proof.md")  # do not change what is proved
Tests = dict[str, list[str]]  # file to the names of its tests


def main(arguments: Sequence[str]) -> int:
    asked = _arguments(arguments)
    adopt_orphans()
    # Also SIGINT: a shell's background job inherits that it is ignored, and so would pytest.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    everything = collect()
    wanted = choose(everything, asked.words)
    if asked.rest:
        wanted = without(wanted, proof.list_passed(asked.proof))
    if asked.list:
        _list(wanted)
        return 0
    if not wanted:
        print("soak: nothing to run", file=sys.stderr)
        return 0 if asked.rest else 2
    os.environ["SPOOLHOUSE_COMMIT"] = commit()
    os.environ["SPOOLHOUSE_PROOF"] = str(asked.proof)
    status = _run_all(everything, wanted)
    known = {(file, test) for file, tests in everything.items() for test in tests}
    # A part says nothing of the other files: they may be newer than this tree.
    proof.keep_only(asked.proof, known, of=set(wanted) if asked.words or asked.rest else None)
    print(f"soak: the results are in {asked.proof}")
    return status


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/soak", add_help=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--rest", action="store_true")
    parser.add_argument("--proof", type=Path, default=ROOT / "docs/proof.md")
    return parser.parse_args(arguments)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def collect() -> Tests:
    """Find the long tests, file by file."""
    command = [sys.executable, "-m", "pytest", "-m", "soak or scaled", "--collect-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):
        raise SystemExit(f"soak: the tests cannot be collected:\n{done.stdout}{done.stderr}")
    found: Tests = {}
    for line in done.stdout.splitlines():
        file, mark, test = line.partition("::")
        if mark and file.endswith(".py"):
            found.setdefault(file, []).append(test)
    return found


def choose(tests: Tests, words: Sequence[str]) -> Tests:
    """Keep the files, or else the tests, in whose name one of the words is."""
    if not words:
        return tests
    chosen: Tests = {}
    for file, names in tests.items():
        whole = any(word in file for word in words)
        kept = [name for name in names if whole or any(word in name for word in words)]
        if kept:
            chosen[file] = kept
    return chosen


def without(tests: Tests, passed: set[tuple[str, str]]) -> Tests:
    left = {file: [n for n in names if (file, n) not in passed] for file, names in tests.items()}
    return {file: names for file, names in left.items() if names}


def _list(tests: Tests) -> None:
    for file, names in tests.items():
        print(f"{file}  ({len(names)} tests): {proof.about(ROOT / file)}")


def commit() -> str:
    """The commit that is tested; a star when files were changed since."""
    try:
        name = _git("rev-parse", "--short=9", "HEAD").strip()
        changed = [line[3:] for line in _git("status", "--porcelain", "-uno").splitlines()]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + "*" if set(changed) - set(FILES) else name


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def _run_all(everything: Tests, wanted: Tests) -> int:
    began, red = time.monotonic(), list[str]()
    folder = Path(tempfile.mkdtemp(prefix="spoolhouse-soak-"))
    try:
        for number, (file, names) in enumerate(wanted.items(), 1):
            minutes = (time.monotonic() - began) / 60
            print(
                f"soak: {time.strftime('%H:%M')} part {number} of {len(wanted)}, {file},"
                f" {len(names)} tests ({minutes:.0f} min so far, {len(red)} parts red)",
                flush=True,
            )
            ids = [file] if names == everything[file] else [f"{file}::{name}" for name in names]
            if _run(ids, folder / str(number)) != 0:
                red.append(file)
    except KeyboardInterrupt:
        print("soak: broken off; what had ended is written down", file=sys.stderr)
        return 130
    finally:
        end_children(patience_seconds=30)
        unmount_below(folder)
        if not red:
            shutil.rmtree(folder, ignore_errors=True)
    if red:
        print(f"soak: red: {', '.join(red)}; what they left is in {folder}", file=sys.stderr)
    return 1 if red else 0


def _run(ids: Sequence[str], folder: Path) -> int:
    """Run the tests; whatever they start has ended when this returns."""
    told = os.dup(2)  # past what pytest captures
    command = [
        sys.executable, "-m", "pytest", "-m", "soak or scaled", "-p", "no:cacheprovider",
        "--timeout", str(LONGEST_TEST_SECONDS), "--basetemp", str(folder), *ids,
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "SPOOLHOUSE_PROGRESS_FD": str(told)},
        pass_fds=[told],
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509
    )
    os.close(told)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)  # its fixtures clean up
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)
        raise
    for line in end_children(patience_seconds=5):
        print(f"soak: left running by these tests, and ended: {line}", file=sys.stderr)
    unmount_below(folder)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
