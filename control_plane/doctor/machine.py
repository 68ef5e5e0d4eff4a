"""The machine: its folder, keys, disk, clock, names, ports and certificates."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from control_plane.broker.config import BrokerFiles
from control_plane.database import utc_now
from control_plane.doctor.findings import Finding, ill, well
from control_plane.settings import Settings, parse_listen
from shared.crypto import authority
from shared.crypto.authority import CertificateError

LOW_BYTES: Final = 1024**3
BUILT_AT: Final = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
SOON: Final = timedelta(days=30)
SECONDS: Final = 5.0
_PRIVATE: Final = 0o077


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that is not in the database."""
    yield _clock()
    yield _disk(settings.state)
    yield _keys(settings.keys)
    yield _mosquitto(settings)
    yield from _certificates(settings)
    yield _name(settings.public_host)
    runs = is_running(settings.state)
    yield _primary(settings.state, runs=runs)
    yield _web(settings, runs=runs)
    yield _broker(settings, runs=runs)


def is_running(state: Path) -> bool:
    """Whether a primary holds the state directory."""
    try:
        descriptor = os.open(state / "primary.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _clock() -> Finding:
    now = utc_now()
    says = f"says {now:%Y-%m-%d %H:%M} UTC"
    if now < BUILT_AT:
        return ill("clock", f"{says}, before this program was built", "let NTP set the clock")
    return well("clock", says)


def _disk(state: Path) -> Finding:
    free = shutil.disk_usage(state).free
    says = f"{free // 1024**2} MB free in {state}"
    if free <= LOW_BYTES:
        return ill("disk", says, "make room: jobs' timelines and the audit need it to be written")
    return well("disk", says)


def _keys(keys: Path) -> Finding:
    found = sorted(keys.glob("*.key")) if keys.is_dir() else []
    if not found:
        cure = "start the primary once, or bring the folder keys from your backup"
        return ill("keys", f"there are none in {keys}", cure)
    loose = [path.name for path in found if path.stat().st_mode & _PRIVATE]
    if loose:
        cure = f"chmod 600 them in {keys}, and take them for known: make new ones"
        return ill("keys", f"others can read {', '.join(loose)}", cure)
    return well("keys", f"{len(found)}, readable by their owner alone")


def _mosquitto(settings: Settings) -> Finding:
    if settings.broker_address:
        return well("mosquitto", f"not needed: the broker is at {settings.broker_address}")
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        return ill("mosquitto", "is not installed", "apt-get install mosquitto")
    return well("mosquitto", found)


def _certificates(settings: Settings) -> Iterator[Finding]:
    files = {"authority": settings.keys / "ca.pem"}
    files |= {f"certificate {path.stem}": path for path in sorted(settings.keys.glob("web*.pem"))}
    if not settings.broker_address:
        files["certificate of the broker"] = BrokerFiles(settings.broker).folder / "listener.pem"
    for what, path in files.items():
        if path.exists():
            yield _certificate(what, path)


def _certificate(what: str, path: Path) -> Finding:
    try:
        ends = authority.certificate_from_pem(path.read_bytes()).not_valid_after_utc
    except (OSError, CertificateError) as error:
        return ill(what, f"{path} cannot be read: {error}", "bring it from your backup")
    says = f"valid until {ends:%Y-%m-%d}"
    if ends > utc_now() + SOON:
        return well(what, says)
    if what == "authority":
        return ill(what, says, "plan a new authority: every gateway must be enrolled again")
    return ill(what, says, "restart the primary: it makes itself a new one")


def _name(host: str) -> Finding:
    """Gateways and people find us by this name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        cure = f"make {host} known to your name service, or start with another --public-host"
        return ill("name", f"{host} has no address: {error.strerror}", cure)
    addresses = sorted({str(address[0]) for *_, address in found})
    return well("name", f"{host} is {', '.join(addresses)}")


def _primary(state: Path, *, runs: bool) -> Finding:
    if runs:
        return well("primary", "runs")
    cure = f"spoolhouse primary --state {state}; its log says why it ended"
    return ill("primary", "does not run here", cure)


def _web(settings: Settings, *, runs: bool) -> Finding:
    where = f"{settings.listen_host}:{settings.listen_port}"
    if not settings.listen_port:
        return well("web pages", "take any free port")
    if not runs:
        return _port("web pages", settings.listen_host, settings.listen_port)
    trouble = _handshake(
        settings.listen_host, settings.listen_port, settings.public_host, settings.keys / "ca.pem"
    )
    if trouble:
        cure = f"see that the primary listens on {where} and no firewall is between"
        return ill("web pages", f"{where} {trouble}", cure)
    return well("web pages", f"{where} answers with our certificate")


def _broker(settings: Settings, *, runs: bool) -> Finding:
    host, port = settings.broker_host, settings.broker_port
    ca_file = BrokerFiles(settings.broker).authority
    if settings.broker_address:
        host, port = parse_listen("broker_address", settings.broker_address)
        ca_file = Path(settings.broker_ca) if settings.broker_ca else settings.keys / "ca.pem"
    elif not runs:
        return _port("broker", host, port)
    if not port:
        return well("broker", "takes any free port")
    name = host if settings.broker_address else settings.public_host
    trouble = _handshake(host, port, name, ca_file)
    if trouble:
        cure = f"let TCP port {port} of {host} pass the firewall, and see that the broker runs"
        return ill("broker", f"{host}:{port} {trouble}", cure)
    return well("broker", f"{host}:{port} answers with a certificate that gateways believe")


def _port(what: str, host: str, port: int) -> Finding:
    """Whether a port is free for the primary, which does not run."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            cure = f"end what listens there (ss -ltnp), or choose another address for {what}"
            return ill(what, f"{host}:{port} cannot be had: {error.strerror}", cure)
    return well(what, f"{host}:{port} is free")


def _handshake(host: str, port: int, name: str, ca_file: Path) -> str:
    """Shake hands as a gateway does; what went wrong, in words."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
        with (
            socket.create_connection((anywhere.get(host, host), port), SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=name),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return f"shows a certificate that is not believed: {error.verify_message}"
    except (OSError, ValueError) as error:
        return f"does not answer: {getattr(error, 'strerror', None) or error}"
