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
from shared.i18n import gettext

_ = gettext

LOW_BYTES: Final = 1024**3
BUILT_AT: Final = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
SOON: Final = timedelta(days=30)
SECONDS: Final = 5.0
_PRIVATE: Final = 0o077
_AUTHORITY: Final = "ca.pem"


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
    says = _("says %(now)s UTC", now=f"{now:%Y-%m-%d %H:%M}")
    if now < BUILT_AT:
        return ill(
            _("clock"),
            _("%(says)s, before this program was built", says=says),
            _("let NTP set the clock"),
        )
    return well(_("clock"), says)


def _disk(state: Path) -> Finding:
    free = shutil.disk_usage(state).free
    says = _("%(what)s MB free in %(state)s", what=free // 1024**2, state=state)
    if free <= LOW_BYTES:
        return ill(
            _("disk"), says, _("make room: jobs' timelines and the audit need it to be written")
        )
    return well(_("disk"), says)


def _keys(keys: Path) -> Finding:
    found = sorted(keys.glob("*.key")) if keys.is_dir() else []
    if not found:
        cure = _("start the primary once, or bring the folder keys from your backup")
        return ill(_("keys"), _("there are none in %(keys)s", keys=keys), cure)
    loose = [path.name for path in found if path.stat().st_mode & _PRIVATE]
    if loose:
        cure = _("chmod 600 them in %(keys)s, and take them for known: make new ones", keys=keys)
        return ill(_("keys"), _("others can read %(what)s", what=", ".join(loose)), cure)
    return well(_("keys"), _("%(what)s, readable by their owner alone", what=len(found)))


def _mosquitto(settings: Settings) -> Finding:
    if settings.broker_address:
        return well(
            "mosquitto",
            _(
                "not needed: the broker is at %(broker_address)s",
                broker_address=settings.broker_address,
            ),
        )
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        return ill("mosquitto", _("is not installed"), "apt-get install mosquitto")
    return well("mosquitto", found)


def _certificates(settings: Settings) -> Iterator[Finding]:
    files = {_("authority"): settings.keys / _AUTHORITY}
    files |= {
        _("certificate %(name)s", name=path.stem): path
        for path in sorted(settings.keys.glob("web*.pem"))
    }
    if not settings.broker_address:
        files[_("certificate of the broker")] = BrokerFiles(settings.broker).folder / "listener.pem"
    for what, path in files.items():
        if path.exists():
            yield _certificate(what, path)


def _certificate(what: str, path: Path) -> Finding:
    try:
        ends = authority.certificate_from_pem(path.read_bytes()).not_valid_after_utc
    except (OSError, CertificateError) as error:
        return ill(
            what,
            _("%(path)s cannot be read: %(error)s", path=path, error=error),
            _("bring it from your backup"),
        )
    says = _("valid until %(ends)s", ends=f"{ends:%Y-%m-%d}")
    if ends > utc_now() + SOON:
        return well(what, says)
    if path.name == _AUTHORITY:
        return ill(what, says, _("plan a new authority: every gateway must be enrolled again"))
    return ill(what, says, _("restart the primary: it makes itself a new one"))


def _name(host: str) -> Finding:
    """Gateways and people find us by this name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        cure = _(
            "make %(host)s known to your name service, or start with another --public-host",
            host=host,
        )
        return ill(
            _("name"),
            _("%(host)s has no address: %(strerror)s", host=host, strerror=error.strerror),
            cure,
        )
    addresses = sorted({str(address[0]) for *_, address in found})
    return well(_("name"), _("%(host)s is %(what)s", host=host, what=", ".join(addresses)))


def _primary(state: Path, *, runs: bool) -> Finding:
    if runs:
        return well(_("primary"), _("runs"))
    cure = _("spoolhouse primary --state %(state)s; its log says why it ended", state=state)
    return ill(_("primary"), _("does not run here"), cure)


def _web(settings: Settings, *, runs: bool) -> Finding:
    where = f"{settings.listen_host}:{settings.listen_port}"
    if not settings.listen_port:
        return well(_("web pages"), _("take any free port"))
    if not runs:
        return _port(_("web pages"), settings.listen_host, settings.listen_port)
    trouble = _handshake(
        settings.listen_host, settings.listen_port, settings.public_host, settings.keys / "ca.pem"
    )
    if trouble:
        cure = _(
            "see that the primary listens on %(where)s and no firewall is between", where=where
        )
        return ill(_("web pages"), f"{where} {trouble}", cure)
    return well(_("web pages"), _("%(where)s answers with our certificate", where=where))


def _broker(settings: Settings, *, runs: bool) -> Finding:
    host, port = settings.broker_host, settings.broker_port
    ca_file = BrokerFiles(settings.broker).authority
    if settings.broker_address:
        host, port = parse_listen("broker_address", settings.broker_address)
        ca_file = Path(settings.broker_ca) if settings.broker_ca else settings.keys / "ca.pem"
    elif not runs:
        return _port(_("broker"), host, port)
    if not port:
        return well(_("broker"), _("takes any free port"))
    name = host if settings.broker_address else settings.public_host
    trouble = _handshake(host, port, name, ca_file)
    if trouble:
        cure = _(
            "let TCP port %(port)s of %(host)s pass the firewall, and see that the broker runs",
            port=port,
            host=host,
        )
        return ill(_("broker"), f"{host}:{port} {trouble}", cure)
    return well(
        _("broker"),
        _(
            "%(host)s:%(port)s answers with a certificate that gateways believe",
            host=host,
            port=port,
        ),
    )


def _port(what: str, host: str, port: int) -> Finding:
    """Whether a port is free for the primary, which does not run."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            cure = _(
                "end what listens there (ss -ltnp), or choose another address for %(what)s",
                what=what,
            )
            return ill(
                what,
                _(
                    "%(host)s:%(port)s cannot be had: %(strerror)s",
                    host=host,
                    port=port,
                    strerror=error.strerror,
                ),
                cure,
            )
    return well(what, _("%(host)s:%(port)s is free", host=host, port=port))


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
        return _(
            "shows a certificate that is not believed: %(verify_message)s",
            verify_message=error.verify_message,
        )
    except (OSError, ValueError) as error:
        return _("does not answer: %(what)s", what=getattr(error, "strerror", None) or error)
