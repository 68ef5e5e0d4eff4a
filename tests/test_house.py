"""The tests are honest: a skip says why, a test can fail, and nobody asks another index."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TESTS = sorted(
    path for path in (ROOT / "tests").rglob("*.py") if not path.is_relative_to(ROOT / "tests/tmp")
)
LISTS = ("requirements.txt", "requirements-dev.txt", "requirements-soak.txt")
SCRIPTS = sorted(
    path for path in (ROOT / "script").iterdir() if path.is_file() and not path.name.startswith(".")
)


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def gives_reason(call: ast.Call) -> bool:
    words = [keyword.value for keyword in call.keywords if keyword.arg == "reason"]
    return any(not isinstance(word, ast.Constant) or bool(word.value) for word in words)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_skip_says_why(path: Path) -> None:
    for name, call in calls(path):
        if name in {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}:
            assert gives_reason(call), f"{path}:{call.lineno}"
        if name in {"pytest.skip", "pytest.xfail"}:
            assert call.args or gives_reason(call), f"{path}:{call.lineno}"
    bare = re.search(r"@pytest\.mark\.(skip|xfail)\s*$", path.read_text(), re.MULTILINE)
    assert bare is None, path


def can_fail(function: ast.AST) -> bool:
    """Whether it asserts, expects an error, or calls something named as a check."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert | ast.Raise):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if re.search(r"raises|expect|assert|check|must|wait_for|wait_until|fail", name):
                return True
    return False


def test_every_test_can_fail() -> None:
    idle = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not can_fail(node)
    ]
    assert idle == []


def test_every_open_end_is_an_issue_and_not_a_comment() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    rooms = ("shared", "control_plane", "edge_agent", "script", "packaging")
    left = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for room in rooms
        for path in sorted((ROOT / room).rglob("*.py"))
        if (found := marks.search(path.read_text()))
    ]
    assert left == []


def test_no_list_of_versions_names_a_package_index() -> None:
    for name in (*LISTS, "pyproject.toml", "script/setup"):
        text = (ROOT / name).read_text()
        assert "index-url" not in text
        assert "://" not in text


def test_every_pin_is_in_the_lists_that_setup_installs() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    pins = set(re.findall(r'"([a-z0-9-]+)(?:\[\w+\])?(==[\w.]+)"', text)) - {("pycups", "==2.0.4")}
    locked = "".join((ROOT / name).read_text() for name in LISTS)
    assert {f"{name}{version}" for name, version in pins} <= set(locked.splitlines())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_posix_and_helps(script: Path) -> None:
    if script.suffix or "/sh" not in script.read_text().splitlines()[0]:
        pytest.fail(f"{script} is no POSIX shell script")
    subprocess.run(["dash", "-n", script], check=True)
    said = subprocess.run([script, "--help"], check=True, capture_output=True, text=True)
    assert said.stdout.lower().startswith("usage: script/")
