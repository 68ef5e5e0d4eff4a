"""What one gateway is told on its own disk: ``<state>/agent.toml``, mode 0600, read once.

Everything else comes from the primary through the change feed.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from shared.ids import GatewayId, is_id

FILE_NAME: Final = "agent.toml"
_PRIVATE: Final = 0o077


class SettingsError(Exception):
    """The gateway cannot start with this file; the text names the setting."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``agent.toml``, checked."""

    gateway_id: GatewayId
    primary_url: str  # https://host:port
    broker_host: str
    broker_port: int
    log_format: str = "text"  # text | json
    log_level: str = "info"

    def __post_init__(self) -> None:
        if not is_id(self.gateway_id):
            raise SettingsError(f"gateway_id: {self.gateway_id!r} is no identifier")
        if urlsplit(self.primary_url).scheme != "https" or not urlsplit(self.primary_url).hostname:
            raise SettingsError(f"primary_url: {self.primary_url!r} should be https://host:port")
        if not self.broker_host or any(c.isspace() for c in self.broker_host):
            raise SettingsError(f"broker_host: {self.broker_host!r} is no host")
        if not 0 < self.broker_port < 65536:  # noqa: PLR2004
            raise SettingsError(f"broker_port: {self.broker_port} is no port")
        if self.log_format not in ("text", "json"):
            raise SettingsError(f"log_format: {self.log_format!r} should be text or json")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise SettingsError(f"log_level: {self.log_level!r} is no level")


def read_settings(state_dir: Path) -> Settings:
    """Read and check ``agent.toml``.

    Raises:
        SettingsError: Missing, readable by others, or a value is wrong; the text names it.
    """
    path = state_dir / FILE_NAME
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path}: not there; enrol this gateway first") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    if stat.S_IMODE(mode) & _PRIVATE:
        raise SettingsError(f"{path}: others can read it; set its mode to 0600")
    try:
        return _from_table(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, SettingsError) as error:
        raise SettingsError(f"{path}: {error}") from None


def write_settings(state_dir: Path, settings: Settings) -> None:
    """Write ``agent.toml`` whole or not at all, for its owner only."""
    lines = ["# Written at enrolment. Everything else comes from the primary.\n"]
    lines += [f"{f.name} = {_toml(getattr(settings, f.name))}\n" for f in fields(Settings)]
    path = state_dir / FILE_NAME
    beside = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(state_dir, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _from_table(table: dict[str, Any]) -> Settings:
    wanted = {field.name: field for field in fields(Settings)}
    for name, value in table.items():
        if name not in wanted:
            raise SettingsError(f"{name}: no such setting")
        kind = int if name == "broker_port" else str
        if type(value) is not kind:
            raise SettingsError(f"{name}: should be {kind.__name__}")
    missing = [
        n for n in ("gateway_id", "primary_url", "broker_host", "broker_port") if n not in table
    ]
    if missing:
        raise SettingsError(f"{missing[0]}: is missing")
    return Settings(**table)


def _toml(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
