"""A scenario: what a simulated fleet does, read from a TOML file (docs/simulate.md)."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class ScenarioError(Exception):
    """The file says something that cannot be; the text names it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The cable of a share of the fleet is pulled, and put back."""

    at_seconds: float
    share: float = 1.0
    for_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class BrokerRestart:
    """The broker's process is killed; the primary starts another one."""

    at_seconds: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a run needs to be run again."""

    name: str
    seed: int = 1
    gateways: int = 20
    accounts: int = 1  # the gateways are dealt out to them
    enrolment: str = "https"  # each over HTTPS, as a box does; bulk: the same service, no HTTPS
    ramp_seconds: float = 5.0  # until the last gateway has begun to connect
    seconds: float = 60.0  # from the first gateway on
    settle_seconds: float = 60.0  # at most, until everything is acknowledged afterwards
    jobs_per_hour: float = 60.0  # of each gateway
    taps_per_hour: float = 30.0  # of each gateway; a tap prints everything that waits there
    feed_changes_per_hour: float = 60.0  # of all accounts together: a card given or taken
    rows_at_once: int = 500  # in one message
    heartbeat_seconds: float = 30.0
    flapping_share: float = 0.0
    flapping_seconds: float = 10.0  # how long a flapping line holds, on average
    cuts: tuple[Cut, ...] = ()
    broker_restarts: tuple[BrokerRestart, ...] = ()


def load(path: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: It cannot be read, or a value is unknown or wrong.
    """
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from None
    values["cuts"] = _each(Cut, values.pop("cut", []), "cut")
    values["broker_restarts"] = _each(
        BrokerRestart, values.pop("broker_restart", []), "broker_restart"
    )
    scenario = _make(Scenario, {"name": path.stem, **values}, "")
    _check(scenario)
    return scenario


def _each(kind: type[T], tables: Any, name: str) -> tuple[T, ...]:
    if not isinstance(tables, list):
        raise ScenarioError(f"{name}: should be written as [[{name}]]")
    return tuple(_make(kind, table, f"{name}.") for table in tables)


def _make(kind: type[T], values: dict[str, Any], where: str) -> T:
    fields: dict[str, Any] = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in fields:
            raise ScenarioError(f"{where}{name} is not known")
        wanted = fields[name].type
        fits = isinstance(value, int | float) if wanted == "float" else True
        if wanted in {"int", "str"}:
            fits = type(value).__name__ == wanted
        if not fits or isinstance(value, bool):
            raise ScenarioError(f"{where}{name} should be {wanted}, not {value!r}")
    missing = [
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and name not in values
    ]
    if missing:
        raise ScenarioError(f"{where}{missing[0]} is missing")
    return kind(**values)


def _check(scenario: Scenario) -> None:
    for name, low, high in (
        ("gateways", 1, 100_000),
        ("accounts", 1, scenario.gateways),
        ("rows_at_once", 1, 500),
        ("flapping_share", 0, 1),
        ("flapping_seconds", 0.1, 86_400),
        ("heartbeat_seconds", 0.1, 300),
        ("seconds", 0, 7 * 86_400),
        ("ramp_seconds", 0, scenario.seconds),
        ("settle_seconds", 0, 86_400),
        ("jobs_per_hour", 0, 1_000_000),
        ("taps_per_hour", 0, 1_000_000),
        ("feed_changes_per_hour", 0, 100_000),
    ):
        _within(name, getattr(scenario, name), low, high)
    for cut in scenario.cuts:
        _within("cut.share", cut.share, 0, 1)
        _within("cut.at_seconds", cut.at_seconds, 0, scenario.seconds)
        _within("cut.for_seconds", cut.for_seconds, 0, 86_400)
    for restart in scenario.broker_restarts:
        _within("broker_restart.at_seconds", restart.at_seconds, 0, scenario.seconds)
    if scenario.enrolment not in {"https", "bulk"}:
        raise ScenarioError(f"enrolment should be https or bulk, not {scenario.enrolment!r}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ScenarioError(f"{name} should be from {low:g} to {high:g}, not {value:g}")
