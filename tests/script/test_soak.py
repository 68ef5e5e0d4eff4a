"""script/soak: a page that grows row by row, a choice by words, and nothing left running."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from script._soak.__main__ import choose, without
from tests.support import counts, proof
from tests.support.soak_plugin import Minutes

ROOT = Path(__file__).resolve().parents[2]
TESTS = {
    "tests/a/test_kill.py": ["test_one", "test_two[1]"],
    "tests/b/test_cut.py": ["test_kill_too", "test_three"],
}
ROW = proof.Row(
    test="test_a[x|y]", outcome="passed", counted="3 kills | none lost", took_seconds=75,
    at="2026-11-22 18:00", commit="abc1234", seed="7",
)  # fmt: skip


def test_words_choose_files_or_else_tests() -> None:
    assert choose(TESTS, []) == TESTS
    assert choose(TESTS, ["kill"]) == {
        "tests/a/test_kill.py": ["test_one", "test_two[1]"],
        "tests/b/test_cut.py": ["test_kill_too"],
    }
    assert choose(TESTS, ["three", "two"]) == {
        "tests/a/test_kill.py": ["test_two[1]"],
        "tests/b/test_cut.py": ["test_three"],
    }
    assert choose(TESTS, ["nothing"]) == {}


def test_the_rest_is_what_has_not_passed(tmp_path: Path) -> None:
    page = tmp_path / "proof.md"
    assert proof.list_passed(page) == set()
    proof.put(page, "tests/a/test_kill.py", replace(ROW, test="test_one"), described="Kills.")
    failed = replace(ROW, test="test_two[1]", outcome="failed")
    proof.put(page, "tests/a/test_kill.py", failed, described="Kills.")
    assert without(TESTS, proof.list_passed(page)) == {
        "tests/a/test_kill.py": ["test_two[1]"],
        "tests/b/test_cut.py": ["test_kill_too", "test_three"],
    }


def test_a_row_takes_the_place_of_its_forerunner_and_of_no_other(tmp_path: Path) -> None:
    page = tmp_path / "proof.md"
    other = replace(ROW, test="test_b", counted="", outcome="failed")
    proof.put(page, "tests/test_x.py", ROW, described="About x.")
    proof.put(page, "tests/test_x.py", other, described="About x.")
    proof.put(page, "tests/test_y.py", ROW, described="About y.")
    again = replace(ROW, counted="300 kills", commit="fff0000")
    proof.put(page, "tests/test_x.py", again, described="About x.")
    text = page.read_text()
    read = proof.read(text)
    assert read["tests/test_x.py"].rows == {ROW.test: again, "test_b": other}
    assert read["tests/test_y.py"].rows == {ROW.test: ROW}
    assert read["tests/test_y.py"].about == "About y."
    assert "3 tests in 2 files: 2 passed, 1 failed." in text
    assert proof.write(read) == text


def test_rows_of_another_machine_and_of_tests_that_are_gone_leave(tmp_path: Path) -> None:
    page = tmp_path / "proof.md"
    proof.put(page, "tests/test_x.py", replace(ROW, test="test_old"), described="")
    elsewhere = page.read_text().replace(proof.machine(), "96 cores, elsewhere")
    page.write_text(elsewhere)
    proof.put(page, "tests/test_x.py", ROW, described="")
    assert set(proof.read(page.read_text())["tests/test_x.py"].rows) == {ROW.test}
    proof.put(page, "tests/test_y.py", ROW, described="")
    proof.keep_only(page, {("tests/test_x.py", ROW.test)}, of={"tests/test_x.py"})
    assert set(proof.read(page.read_text())) == {"tests/test_x.py", "tests/test_y.py"}
    proof.keep_only(page, {("tests/test_x.py", ROW.test)})
    assert set(proof.read(page.read_text())) == {"tests/test_x.py"}


def test_a_run_writes_its_rows_and_its_progress(tmp_path: Path) -> None:
    """With pytest itself, on a file of tests of its own."""
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import proof, pytest_configure\n__all__ = ['proof']\n"
    )
    (tmp_path / "test_two.py").write_text(
        "import os, time, pytest\nfrom tests.support.counts import progress\n"
        "def test_counts(proof):\n"
        "    progress(3, 9, 'kills')\n    time.sleep(0.4)\n    proof('9 kills')\n"
        "    assert 'SPOOLHOUSE_PROOF' not in os.environ\n"
        "def test_fails():\n    assert False\n"
        "@pytest.mark.skip(reason='no printer here')\ndef test_skips():\n    pass\n"
    )
    page = tmp_path / "proof.md"
    reading, writing = os.pipe()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False, pass_fds=[writing],
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "SPOOLHOUSE_PROOF": str(page),
            "SPOOLHOUSE_COMMIT": "abc", "SPOOLHOUSE_SEED": "5",
            "SPOOLHOUSE_PROGRESS_FD": str(writing), "SPOOLHOUSE_PROGRESS_SECONDS": "0.1",
        },
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading) as told:
        lines = told.read().splitlines()
    assert done.returncode == 1, done.stdout
    rows = proof.read(page.read_text())["test_two.py"].rows
    assert [(row.outcome, row.counted) for row in rows.values()] == [
        ("passed", "9 kills"),
        ("failed", ""),
        ("skipped", "Skipped: no printer here"),
    ]
    assert {(row.commit, row.seed) for row in rows.values()} == {("abc", "5")}
    assert any("test 1 of 3, test_counts for 0 min: 3 of 9 kills" in line for line in lines), lines


def test_progress_belongs_to_the_test_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_PROGRESS", [""])
    minutes = Minutes(1, 60)
    minutes.pytest_runtest_logstart("tests/test_x.py::test_first")
    counts.progress(1, 2)
    assert minutes.line().endswith("test_first for 0 min: 1 of 2")
    minutes.pytest_runtest_logstart("tests/test_x.py::test_second")
    assert minutes.line().endswith("test_second for 0 min")


def test_what_tests_leave_running_is_ended_and_named() -> None:
    """In a process of its own, which becomes the parent of what is left behind."""
    program = (
        "import subprocess\n"
        "from script._soak.leftovers import adopt_orphans, end_children\n"
        "adopt_orphans()\n"
        "subprocess.run(['sh', '-c', 'setsid sh -c \"sleep 301; true\" & exit 0'], check=True)\n"
        "print(end_children(patience_seconds=0.2))\n"
        "print(end_children(patience_seconds=0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert "sleep 301" in first
    assert second == "[]"
