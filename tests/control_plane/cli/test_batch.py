"""``spoolhouse batch``: lines of commands, answered in order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from control_plane.cli import main

LINES = """
# A reseller and a customer.
vendor create --name "Vic's Print Services"
account create --vendor "Vic's Print Services" --name "Alder Ltd" --short-name alder

user add --account alder --username ada --display-name "Ada Alder"
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    assert main(["migrate", "--state", str(folder)]) == 0
    return folder


def batch(state: Path, lines: str, *more: str) -> int:
    file = state.parent / "lines"
    file.write_text(lines)
    return main(["batch", str(file), "--state", str(state), *more])


def test_each_line_answers_in_one_line(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert batch(state, LINES, "--json") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [a.get("name") or a.get("username") for a in answers] == [
        "Vic's Print Services",
        "Alder Ltd",
        "ada",
    ]


def test_the_first_line_that_fails_is_named_and_the_rest_is_not_run(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = (
        LINES + "user add --account nobody --username ben\nuser add --account alder --username eve"
    )
    assert batch(state, bad) == 1
    assert "line 7: " in capsys.readouterr().err
    assert main(["user", "list", "--account", "alder", "--state", str(state)]) == 0
    people = capsys.readouterr().out
    assert "ada" in people
    assert "eve" not in people


def test_a_line_that_is_no_command_is_named(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        batch(state, "vendor invent --name x")
    assert end.value.code == 2
    assert "line 1: is not a command" in capsys.readouterr().err


@pytest.mark.parametrize("line", ['vendor create --name "x', "primary", "batch"])
def test_what_has_no_place_in_a_batch_is_refused(
    state: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert batch(state, line) == 1
    assert "line 1: " in capsys.readouterr().err
