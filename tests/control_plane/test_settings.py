from __future__ import annotations

from pathlib import Path

import pytest

from control_plane import settings
from control_plane.settings import SettingsError


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "primary.toml").write_text('listen = "127.0.0.1:9443"\nbroker_port = 1\n')
    read = settings.load(tmp_path, {"listen": "[::1]:7443", "broker_port": None})
    assert (read.listen_host, read.listen_port, read.broker_port) == ("::1", 7443, 1)
    assert read.url == "https://localhost:7443"
    assert read.database_url == f"sqlite:///{tmp_path}/spoolhouse.db"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"listen": "here"}, "listen"),
        ({"listen": "127.0.0.1:99999"}, "listen"),
        ({"database_url": "mysql://x"}, "database_url"),
        ({"broker_port": -1}, "broker_port"),
        ({"database_pool": 0}, "database_pool"),
        ({"renew_expired_days": -1}, "renew_expired_days"),
        ({"broker_address": "here"}, "broker_address"),
        ({"broker_ca": "/nowhere/ca.pem"}, "broker_ca"),
        ({"broker_roles": "perhaps"}, "broker_roles"),
        ({"trusted_proxies": ["everybody"]}, "trusted_proxies"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_names_itself(
    tmp_path: Path, values: dict[str, object], name: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load(tmp_path, values)
    assert caught.value.name == name
