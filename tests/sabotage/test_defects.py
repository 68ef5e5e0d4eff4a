"""Each defect of the list, put into a copy of this tree, turns the test it names red."""

from __future__ import annotations

import compileall
import os
import py_compile
import queue
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sabotage.defects import ROOT, Defect, every_defect

FOLDERS = ("shared", "control_plane", "edge_agent", "firmware_profiles", "script", "tests", "docs")
SECONDS = 1200
AT_ONCE = 2

Done = subprocess.CompletedProcess[str]


class Workshop:
    """A few copies of the tree, in each of which one thing at a time may be wrong."""

    def __init__(self, folder: Path) -> None:
        self._trees: queue.Queue[Path] = queue.Queue()
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._sound: dict[str, Future[Done]] = {}
        self._broken: dict[str, Future[Done]] = {}
        for number in range(AT_ONCE):
            self._trees.put(copy_tree(folder / f"tree-{number}"))

    def begin(self, defects: list[Defect]) -> None:
        """Begin with all that will be asked for."""
        for defect in defects:
            if defect.test not in self._sound:
                self._sound[defect.test] = self._pool.submit(self._run, defect.test)
            self._broken[defect.name] = self._pool.submit(self._run, defect.test, defect)

    def end(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def without(self, defect: Defect) -> Done:
        return self._sound[defect.test].result()

    def with_it(self, defect: Defect) -> Done:
        return self._broken[defect.name].result()

    def _run(self, test: str, defect: Defect | None = None) -> Done:
        with self._a_tree() as tree:
            if defect is None:
                return run_test(tree, test)
            was = defect.put_into(tree)
            try:
                return run_test(tree, test)
            finally:
                (tree / defect.file).write_text(was)

    @contextmanager
    def _a_tree(self) -> Iterator[Path]:
        tree = self._trees.get()
        try:
            yield tree
        finally:
            self._trees.put(tree)


def copy_tree(to: Path) -> Path:
    for name in FOLDERS:
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", to)
    # Compiled once, and checked by content: a file that was made wrong is compiled anew each time.
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(to, quiet=2, invalidation_mode=mode)
    return to


def run_test(tree: Path, test: str) -> Done:
    """Run one test in the copy, and let what it starts come from there too."""
    environment = {name: value for name, value in os.environ.items() if name != "SPOOLHOUSE_SOAK"}
    environment.pop("SPOOLHOUSE_PROOF", None)
    environment |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "--timeout", "0", "-p", "no:cacheprovider",
         f"--basetemp={tree.parent / f'{tree.name}-files'}", test],
        cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def workshop(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path_factory.mktemp("sabotage"))
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = {item.callspec.id for item in items if hasattr(item, "callspec")}
    asked = [defect for defect in every_defect() if defect.name in names]
    workshop.begin(asked)
    yield workshop
    workshop.end()


@pytest.mark.soak
@pytest.mark.parametrize("defect", every_defect(), ids=lambda defect: defect.name)
def test_sabotage_turns_its_test_red(
    workshop: Workshop, defect: Defect, proof: Callable[[str], None]
) -> None:
    sound = workshop.without(defect)
    assert sound.returncode == 0, f"red without the defect:\n{sound.stdout[-3000:]}"
    done = workshop.with_it(defect)
    said = f"{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
    # 1: tests ran and failed. Anything else is a tree that does not even begin.
    assert done.returncode == 1, f"not noticed ({done.returncode}):\n{said}"
    assert "FAILED" in done.stdout, said
    proof(f"{defect.name}: {defect.file}; red: {defect.test}")
