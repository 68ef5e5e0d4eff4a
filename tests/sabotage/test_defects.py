"""Each defect of the list, put into a copy of this tree, turns the test it names red."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sabotage.defects import ROOT, Defect, every_defect

FOLDERS = ("shared", "control_plane", "edge_agent", "firmware_profiles", "script", "tests", "docs")
SECONDS = 600


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree that may be made wrong."""
    copy = tmp_path_factory.mktemp("sabotage") / "tree"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def run_test(tree: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test in the copy, and let what it starts come from there too."""
    environment = {name: value for name, value in os.environ.items() if name != "SPOOLHOUSE_SOAK"}
    environment.pop("SPOOLHOUSE_PROOF", None)
    environment |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test],
        cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("defect", every_defect(), ids=lambda defect: defect.name)
def test_sabotage_turns_its_test_red(
    tree: Path, defect: Defect, proof: Callable[[str], None]
) -> None:
    sound = run_test(tree, defect.test)
    assert sound.returncode == 0, f"red without the defect:\n{sound.stdout[-3000:]}"
    was = defect.put_into(tree)
    try:
        done = run_test(tree, defect.test)
    finally:
        (tree / defect.file).write_text(was)
    said = f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    # 1: tests ran and failed. Anything else is a tree that does not even begin.
    assert done.returncode == 1, f"not noticed ({done.returncode}):\n{said}"
    assert "FAILED" in done.stdout, said
    proof(f"{defect.name}: {defect.file}; red: {defect.test}")
