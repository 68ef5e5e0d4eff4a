from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.settings import Settings, SettingsError, read_settings, write_settings
from shared.ids import GatewayId, new_id


def good() -> Settings:
    return Settings(GatewayId(new_id()), "https://primary.example:8443", "primary.example", 8883)


def test_settings_come_back_as_written(tmp_path: Path) -> None:
    settings = good()
    write_settings(tmp_path, settings)
    assert read_settings(tmp_path) == settings
    assert (tmp_path / "agent.toml").stat().st_mode & 0o777 == 0o600


def test_a_file_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    write_settings(tmp_path, good())
    (tmp_path / "agent.toml").chmod(0o644)
    with pytest.raises(SettingsError, match="0600"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("broker_port = 70000", "broker_port"),
        ('broker_port = "8883"', "broker_port"),
        ('primary_url = "http://primary"', "primary_url"),
        ('gateway_id = "../../etc"', "gateway_id"),
        ('log_format = "xml"', "log_format"),
        ("spool = 1", "spool"),
    ],
)
def test_a_bad_value_names_itself(tmp_path: Path, line: str, named: str) -> None:
    name = line.split(" ", maxsplit=1)[0]
    write_settings(tmp_path, good())
    path = tmp_path / "agent.toml"
    kept = [text for text in path.read_text().splitlines() if not text.startswith(name)]
    path.write_text("\n".join([*kept, line]))
    with pytest.raises(SettingsError, match=named):
        read_settings(tmp_path)


def test_a_missing_value_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.touch(0o600)
    with pytest.raises(SettingsError, match="gateway_id"):
        read_settings(tmp_path)


def test_no_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="enrol"):
        read_settings(tmp_path)
