"""All of the API in one place, and the document that describes it."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from flask import Blueprint, Response, json

from control_plane.accounts.api import rest as accounts
from control_plane.audit.api import rest as audit
from control_plane.cards.api import rest as cards
from control_plane.commands.api import rest as commands
from control_plane.domains.api import rest as domains
from control_plane.gateways.api import rest as gateways
from control_plane.grants.api import rest as grants
from control_plane.groups.api import rest as groups
from control_plane.imports.api import rest as imports
from control_plane.jobs.api import rest as jobs
from control_plane.parked.api import rest as parked
from control_plane.printers.api import rest as printers
from control_plane.queues.api import rest as queues
from control_plane.readers.api import rest as readers
from control_plane.rest import openapi
from control_plane.rest.routing import PREFIX, Rest
from control_plane.roles.api import rest as roles
from control_plane.security.api import rest as security
from control_plane.security.routes import requires
from control_plane.sites.api import rest as sites
from control_plane.terminals.api import rest as terminals
from control_plane.tokens.api import rest as tokens
from control_plane.users.api import rest as users
from control_plane.users.codes_api import rest as sign_in_codes
from control_plane.vendors.api import rest as vendors

RESTS: Final[tuple[Rest, ...]] = (
    security,
    vendors,
    accounts,
    domains,
    grants,
    users,
    imports,
    groups,
    roles,
    cards,
    tokens,
    sign_in_codes,
    sites,
    gateways,
    commands,
    parked,
    printers,
    queues,
    readers,
    terminals,
    jobs,
    audit,
)
bp = Blueprint("api", __name__, url_prefix=PREFIX)


@cache
def describe() -> dict[str, Any]:
    return openapi.document(RESTS, "1")


@bp.get("/openapi.json")
@requires()
def document() -> Response:
    return Response(json.dumps(describe()), mimetype="application/json")
