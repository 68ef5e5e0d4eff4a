"""The long hunt of script/soak: each target under atheris, a minute or more."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.soak
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed: script/setup --for soak",
)
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_minute_of_fuzzing_finds_nothing(target: str, proof: Callable[[str], None]) -> None:
    command = [sys.executable, "-m", "tests.fuzz", target, "--seconds", str(SECONDS)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS * 3
    )
    assert done.returncode == 0, done.stderr[-4000:]
    counted = next(line for line in done.stderr.splitlines() if "number_of_executed" in line)
    proof(f"{target}: {counted.rpartition(' ')[2]} inputs in {SECONDS} s")
