"""Settings of the primary: one frozen object, read and checked at start.

They come from ``<state>/primary.toml`` and the command line, which wins. Secrets are files of mode
0600 below ``<state>/keys``, never settings.
"""

from __future__ import annotations

import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from control_plane.database import DEFAULT_POOL

DEFAULT_LISTEN: Final = "127.0.0.1:8443"
DEFAULT_BROKER_PORT: Final = 8883
_HIGHEST_PORT: Final = 65_535


class SettingsError(Exception):
    """A setting is wrong; ``name`` says which."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"setting {name}: {what}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Settings:
    """What one primary needs to know."""

    state: Path
    listen_host: str = "127.0.0.1"
    listen_port: int = 8443
    database_url: str = ""
    database_pool: int = DEFAULT_POOL  # connections kept; at most four times as many at once
    broker_host: str = "127.0.0.1"
    broker_port: int = DEFAULT_BROKER_PORT  # 0: choose a free one
    # A broker that is run elsewhere, as host:port; none: this primary runs its own.
    broker_address: str = ""
    broker_ca: str = ""  # a file with the authority that its certificate is of; none: our own
    broker_roles: str = "keep"  # keep: we tell it who may what | leave: somebody else does
    broker_name: str = ""  # the name in our certificate there; none: a new one at each start
    public_host: str = "localhost"  # the name gateways use for us
    # Further names for our own certificate, besides localhost, *.localhost and the address.
    names: tuple[str, ...] = ()
    dns_servers: tuple[str, ...] = ()  # asked whose a domain is; none: the machine's own
    # Networks of the proxies before us, whose X-Forwarded-For, -Proto and -Host are believed.
    trusted_proxies: tuple[str, ...] = ()
    # How long a gateway's expired certificate still gets it a new one without a person.
    renew_expired_days: int = 400

    @property
    def own_names(self) -> frozenset[str]:
        """Host names and addresses that mean the installation itself, not one of its tenants."""
        always = {"localhost", "127.0.0.1", "::1"}
        return frozenset(always | {self.public_host, self.listen_host, *self.names})

    @property
    def keys(self) -> Path:
        return self.state / "keys"

    @property
    def broker(self) -> Path:
        return self.state / "broker"

    @property
    def url(self) -> str:
        """Where gateways and people find us."""
        return f"https://{self.public_host}:{self.listen_port}"


def load(state: Path, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings of a state directory.

    Raises:
        SettingsError: A value is unknown or wrong.
    """
    path = state / "primary.toml"
    try:
        values = tomllib.loads(path.read_text()) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("primary.toml", str(error)) from None
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    if listen := values.pop("listen", None):
        values["listen_host"], values["listen_port"] = parse_listen("listen", listen)
    known = {field.name for field in fields(Settings)} - {"state"}
    for name in values:
        if name not in known:
            raise SettingsError(name, "is not known")
    for name in ("names", "dns_servers", "trusted_proxies"):
        values[name] = tuple(values.get(name, ()))
    values.setdefault("database_url", f"sqlite:///{state / 'spoolhouse.db'}")
    values.setdefault("public_host", _public_host(values.get("listen_host", "127.0.0.1")))
    # Gateways on other machines come to the broker where they come to us.
    values.setdefault("broker_host", values.get("listen_host", "127.0.0.1"))
    return _checked(Settings(state=state, **values))


def save(settings: Settings) -> None:
    """Keep what a primary was started with, so that commands beside it say the same."""
    path = settings.state / "primary.toml"
    lines = [
        f"{field.name} = {_toml(getattr(settings, field.name))}\n"
        for field in fields(Settings)
        if field.name != "state"
    ]
    text = "# Written by the primary at its start; its options change it.\n" + "".join(lines)
    if path.exists() and path.read_text() == text:
        return
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    beside.touch(mode=0o600)  # An address of a database may hold its password.
    beside.write_text(text)
    beside.replace(path)


def _toml(value: str | int | tuple[str, ...]) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def parse_listen(name: str, text: str) -> tuple[str, int]:
    """Read ``host:port``, an IPv6 host in brackets.

    Raises:
        SettingsError: It is neither.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise SettingsError(name, f"should be host:port, not {text!r}")
    return host, int(port)


def _public_host(listen_host: str) -> str:
    try:
        address = ipaddress.ip_address(listen_host)
    except ValueError:
        return listen_host
    return "localhost" if address.is_loopback or address.is_unspecified else listen_host


def _checked(settings: Settings) -> Settings:
    if not settings.database_url.startswith(("sqlite:///", "postgresql")):
        raise SettingsError("database_url", "should begin with sqlite:/// or postgresql://")
    for name in ("listen_port", "broker_port"):
        port = getattr(settings, name)
        if not isinstance(port, int) or not 0 <= port <= _HIGHEST_PORT:
            raise SettingsError(name, f"should be a port number, not {port!r}")
    _check_days(settings.renew_expired_days)
    if not isinstance(settings.database_pool, int) or settings.database_pool < 1:
        raise SettingsError("database_pool", "should be a number of connections")
    if settings.broker_roles not in {"keep", "leave"}:
        raise SettingsError("broker_roles", f"should be keep or leave: {settings.broker_roles!r}")
    if settings.broker_address:
        parse_listen("broker_address", settings.broker_address)
    if settings.broker_ca and not Path(settings.broker_ca).is_file():
        raise SettingsError("broker_ca", f"{settings.broker_ca} is not there")
    for network in settings.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise SettingsError("trusted_proxies", f"should be networks: {network!r}") from None
    return settings


def _check_days(days: object) -> None:
    if not isinstance(days, int) or days < 0:
        raise SettingsError("renew_expired_days", "should be a number of days")
