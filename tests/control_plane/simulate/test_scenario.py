"""A scenario says what it means, or is refused by the name of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.simulate import scenario
from control_plane.simulate.scenario import BrokerRestart, Cut, ScenarioError

EXAMPLES = sorted((Path(__file__).parents[3] / "docs" / "examples").glob("*.toml"))


def test_the_examples_can_be_read() -> None:
    found = {path.stem: scenario.load(path) for path in EXAMPLES}
    assert found["small-fleet"].cuts == (Cut(8, 0.5, 6),)
    assert found["two-hundred-gateways"].broker_restarts == (BrokerRestart(150),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gateway = 3", "gateway is not known"),
        ("gateways = 'many'", "gateways should be int"),
        ("gateways = true", "gateways should be int"),
        ("gateways = 0", "gateways should be from 1"),
        ("accounts = 30", "accounts should be from 1 to 20"),
        ("enrolment = 'magic'", "enrolment should be https or bulk"),
        ("[cut]\nat_seconds = 1", "cut: should be written as [[cut]]"),
        ("[[cut]]\nshare = 1", "cut.at_seconds is missing"),
        ("[[cut]]\nat_seconds = 1\nshare = 1.5", "cut.share should be from 0 to 1"),
        (
            "[[broker_restart]]\nat_seconds = 100",
            "broker_restart.at_seconds should be from 0 to 60",
        ),
        ("gateways =", "Invalid value"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as error:
        scenario.load(path)
    assert says in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        scenario.load(tmp_path / "none.toml")
