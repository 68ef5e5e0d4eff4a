"""The one place where the parts of the web side meet."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from flask import Flask

from control_plane import health, problems, request
from control_plane.database import Database
from control_plane.enrolment import api as enrolment
from control_plane.pki.keys import KeyRing
from control_plane.request import EXTENSION, Parts
from control_plane.rest import api
from control_plane.security import guard, headers, prefix, proxies
from control_plane.settings import Settings
from control_plane.setup import service as setup
from control_plane.vault import Vault

# Every module with a blueprint ``bp`` of pages.
PAGES: Final = (
    "control_plane.web.pages",
    "control_plane.now.pages",
    "control_plane.jobs.pages",
    "control_plane.printers.pages",
    "control_plane.queues.pages",
    "control_plane.sites.pages",
    "control_plane.gateways.pages",
    "control_plane.gateways.settings_pages",
    "control_plane.commands.pages",
    "control_plane.parked.pages",
    "control_plane.readers.pages",
    "control_plane.terminals.pages",
    "control_plane.users.pages",
    "control_plane.users.access_pages",
    "control_plane.users.details_pages",
    "control_plane.imports.pages",
    "control_plane.profile.pages",
    "control_plane.roles.pages",
    "control_plane.cards.pages",
    "control_plane.groups.pages",
    "control_plane.audit.pages",
    "control_plane.accounts.pages",
    "control_plane.vendors.pages",
    "control_plane.vendors.account_pages",
    "control_plane.vendors.closing_pages",
    "control_plane.vendors.partner_pages",
    "control_plane.vendors.own_pages",
    "control_plane.domains.pages",
    "control_plane.portal.pages",
    "control_plane.tokens.pages",
    "control_plane.recovery.pages",
    "control_plane.security.key_pages",
    "control_plane.rest.pages",
)
_MAX_BODY: Final = 4 * 1024 * 1024  # Documents never come this way.


def open_parts(settings: Settings) -> Parts:
    """Open what the web side needs, without a broker: for tests and commands."""
    return Parts(
        settings=settings,
        database=Database(settings.database_url, pool=settings.database_pool),
        vault=Vault.open_or_create(settings.keys),
        keys=KeyRing.open_or_create(settings.keys),
        broker_address=lambda: (settings.broker_host, settings.broker_port),
    )


def create_app(
    settings: Settings, parts: Parts | None = None, *, pages: Sequence[str] = PAGES
) -> Flask:
    """Make the web application."""
    parts = parts or open_parts(settings)
    app = Flask("control_plane")
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = _MAX_BODY
    app.extensions[EXTENSION] = parts
    served = prefix.middleware(app.wsgi_app)
    app.wsgi_app = proxies.middleware(served, settings.trusted_proxies)  # type: ignore[method-assign, assignment]
    guard.install(app)
    problems.install(app)
    app.after_request(headers.add)
    app.jinja_env.globals["csrf_token"] = request.csrf_token
    _register(app, parts, pages)
    return app


def _register(app: Flask, parts: Parts, pages: Sequence[str]) -> None:
    app.register_blueprint(health.bp)
    app.register_blueprint(
        enrolment.create_blueprint(
            enrolment.Enrolment(
                database=parts.database,
                keys=parts.keys,
                vault=parts.vault,
                broker_address=parts.broker_address,
                on_enrolled=parts.admission_changed,
                expired_for=timedelta(days=parts.settings.renew_expired_days),
            )
        )
    )
    for rest in api.RESTS:
        app.register_blueprint(rest.bp)
    app.register_blueprint(api.bp)
    if importlib.util.find_spec("control_plane.web.rendering"):
        importlib.import_module("control_plane.web.rendering").install(app)
    with parts.database.reading() as session:
        is_first_run = setup.is_open(session)
    if is_first_run and pages:
        app.register_blueprint(importlib.import_module("control_plane.setup.pages").bp)
    for name in pages:
        if importlib.util.find_spec(name.rpartition(".")[0]) and importlib.util.find_spec(name):
            app.register_blueprint(importlib.import_module(name).bp)
