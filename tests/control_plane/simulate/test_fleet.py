"""Twenty simulated gateways with real certificates, against a real primary and its broker."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.counts import count
from tests.support.primaries import COMMAND, a_primary

GATEWAYS = count(20, 200)
SCENARIO = f"""
gateways = {GATEWAYS}
accounts = 2
ramp_seconds = 2
seconds = 12
settle_seconds = 100
jobs_per_hour = 900
taps_per_hour = 450
feed_changes_per_hour = 1200
heartbeat_seconds = 5
flapping_share = 0.1
flapping_seconds = 4
[[cut]]
at_seconds = 4
share = 0.5
for_seconds = 3
[[broker_restart]]
at_seconds = 9
"""


def simulate(state: Path, scenario: str, *options: str) -> subprocess.CompletedProcess[str]:
    file = state / "scenario.toml"
    file.write_text(scenario)
    return subprocess.run(
        [*COMMAND, "simulate", str(file), "--state", str(state), *options],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip


def table(said: str) -> dict[str, str]:
    """The table at the end: name to value."""
    lines = [line.split("  ", 1) for line in said.splitlines()]
    return {name: value.strip() for name, value in lines}


@pytest.mark.scaled
@pytest.mark.timeout(600)
def test_a_fleet_loses_and_doubles_nothing_by_cuts_flapping_and_a_killed_broker(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    with a_primary(tmp_path) as primary:
        url, broker = f"https://localhost:{primary.port}", f"localhost:{primary.broker_port}"
        done = simulate(tmp_path, SCENARIO, "--url", url, "--broker", broker)
    assert done.returncode == 0, done.stdout + done.stderr
    found = table(done.stdout)
    told = int(found["facts acknowledged"].replace(",", ""))
    assert told > GATEWAYS
    assert found["lost"] == found["doubled"] == found["parked at the primary"] == "0"
    assert found["gateways connected at the end"] == f"{GATEWAYS} of {GATEWAYS}"
    assert int(found["reconnects"].split()[0].replace(",", "")) >= GATEWAYS / 2
    assert f"{GATEWAYS} enrolled" in done.stderr
    proof(f"{GATEWAYS} gateways told {told:,} facts: 0 lost, 0 doubled")


def test_a_fleet_that_never_reaches_its_broker_is_a_failure(tmp_path: Path) -> None:
    scenario = """
    gateways = 1
    enrolment = "bulk"
    ramp_seconds = 0
    seconds = 1
    settle_seconds = 1
    jobs_per_hour = 36000
    """
    done = simulate(tmp_path, scenario, "--broker", "127.0.0.1:9")
    assert done.returncode == 1
    found = table(done.stdout)
    assert int(found["never acknowledged"].replace(",", "")) > 0
    assert int(found["lost"].replace(",", "")) > 0


def test_what_is_wrong_is_said_in_a_line(tmp_path: Path) -> None:
    done = simulate(tmp_path, "gateways = 0")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "spoolhouse: scenario gateways should be from 1 to 100000, not 0"
    )
    nowhere = simulate(tmp_path, "gateways = 1\nseconds = 5", "--url", "https://localhost:9",
                       "--broker", "localhost:9")  # fmt: skip
    assert nowhere.returncode == 1
    assert "enrolment at https://localhost:9 failed" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
