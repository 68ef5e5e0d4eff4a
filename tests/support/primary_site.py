"""A primary's pages over TLS, with a lived-in account: for browsers, tests and pictures."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from control_plane import tenants
from control_plane.app import create_app, open_parts
from control_plane.database import utc_now
from control_plane.domains import service as domains
from control_plane.domains.schemas import NewDomain
from control_plane.models import Base
from control_plane.pki import certificates
from control_plane.request import Parts
from control_plane.settings import Settings
from control_plane.setup import service as setup
from control_plane.tenants import Tenant
from tests.support.houses import TESTER, Town, a_town

HOSTS = tuple(f"{house}.localhost" for house in ("alder", "birch", "cedar", "dogwood", "vic"))


@dataclass(frozen=True)
class Site:
    """The running pages, and what is in the database behind them."""

    parts: Parts
    town: Town
    port: int

    def url(self, house: str, path: str = "/") -> str:
        return f"https://{house}.localhost:{self.port}{path}"


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        """Tests read answers."""


@contextmanager
def a_site(state: Path) -> Iterator[Site]:
    """Make a town with its domains, behind pages that nobody serves yet."""
    settings = Settings(state=state, database_url=f"sqlite:///{state / 'spoolhouse.db'}")
    parts = open_parts(settings)
    Base.metadata.create_all(parts.database.engine)
    town = a_town(parts.database, parts.vault)
    _claim(parts, town)
    yield Site(parts, town, 0)
    parts.database.close()


@contextmanager
def primary_site(state: Path) -> Iterator[Site]:
    """Serve a town's pages on a free port."""
    with a_site(state) as site, _served(site.parts, state) as server:
        yield replace(site, port=server.server_port)


@contextmanager
def first_run_site(state: Path) -> Iterator[str]:
    """Serve a primary with nobody in it; yields the address of its first page."""
    settings = Settings(state=state, database_url=f"sqlite:///{state / 'spoolhouse.db'}")
    parts = open_parts(settings)
    Base.metadata.create_all(parts.database.engine)
    with parts.database.writing() as session:
        token = setup.create_token(session)
    with _served(parts, state) as server:
        yield f"https://localhost:{server.server_port}/setup/{token}"
    parts.database.close()


@contextmanager
def _served(parts: Parts, state: Path) -> Iterator[BaseWSGIServer]:
    files = certificates.for_listener(
        parts.keys.authority, state / "web", "web", ["localhost", *HOSTS], utc_now()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = make_server(
        "127.0.0.1",
        0,
        create_app(parts.settings, parts),
        threaded=True,
        ssl_context=context,
        request_handler=_Quiet,
    )
    thread = threading.Thread(target=server.serve_forever, name="primary-site", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _claim(parts: Parts, town: Town) -> None:
    owners: tuple[tuple[str, Tenant], ...] = (
        ("vic.localhost", tenants.vendor(town.vendor.id)),
        ("alder.localhost", tenants.account(town.alder.account.id)),
        ("cedar.localhost", tenants.account(town.cedar.account.id)),
    )
    with parts.database.writing() as session:
        for name, tenant in owners:
            domain = domains.create(session, tenant, NewDomain(name=name), TESTER)
            domains.verify(session, tenant, domain.id, TESTER, verified_by="installation")
