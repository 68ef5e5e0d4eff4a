"""The gate every request passes: whose host, who asks, may they, and did they mean it.

Denied by default: a route is served to who holds what its ``@requires`` names, or to anybody
where ``public_routes.txt`` lists it. A route that says nothing is served to nobody.
"""

from __future__ import annotations

import hmac
from typing import Final

from flask import Flask, current_app, g, request
from sqlalchemy.orm import Session

from control_plane import tenants
from control_plane.accounts import closing
from control_plane.audit.actor import Actor
from control_plane.database import utc_now
from control_plane.domains.names import split_host
from control_plane.errors import ForbiddenError, NotFoundError, SignInNeededError, SpoolhouseError
from control_plane.grants import service as grants
from control_plane.request import parts, reading, writing
from control_plane.roles import service as roles
from control_plane.security import api_keys, routes, sessions, tenancy
from control_plane.security.caller import Caller
from control_plane.security.models import ApiKey, WebSession
from control_plane.security.permissions import Permission
from control_plane.security.prefix import ACCOUNT_KEY
from control_plane.security.tenancy import Credential
from control_plane.users import service as users
from control_plane.users.models import User
from shared.i18n import mark
from shared.ids import AccountId

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DOOR: Final = frozenset(
    {
        "static",
        "web.sign_in",
        "web.take_in",  # It refuses by itself, and tells the audit.
        "web.choose_language",
        "web.brand_style",
        "web.brand_logo",
    }
)
_BEARER: Final = "Bearer "


class ForgedRequestError(SpoolhouseError):
    """A change that the person's browser was made to send (403)."""

    def __init__(self) -> None:
        super().__init__(mark("this did not come from our own page; open it again and repeat"))


def install(app: Flask) -> None:
    app.before_request(check)


def check() -> None:
    """Let the request pass, or raise why not."""
    kind = routes.public_routes().get(request.endpoint or "")
    if kind == "machine":
        return  # The same for every host: it is about no tenant.
    with reading() as session:
        _identify(session)
        _check_is_open(session)
    if request.endpoint == "static":
        return
    caller: Caller | None = g.caller
    # A program without a key reads that it needs one, not what browsers must send.
    is_for_all = kind == "page"
    if caller is None and not is_for_all:
        raise SignInNeededError
    is_by_key = caller is not None and caller.csrf_token is None
    if request.method not in _SAFE and not is_by_key:
        _check_forgery(caller)
    if caller is None or is_for_all:
        return
    if request.routing_exception is not None:
        return  # Flask answers 404, 405 or a redirect by itself.
    needs = routes.needs_of(current_app.view_functions.get(request.endpoint or ""))
    if needs is None:
        raise ForbiddenError("a route that says what it needs")
    caller.check(*sorted(needs, key=lambda permission: permission.value))
    _tell_who_looks_in(caller)
    if request.method not in _SAFE and caller.session_id:
        with writing() as session:
            sessions.mark_seen(session, caller.session_id, utc_now())


def _check_is_open(session: Session) -> None:
    """Let nobody in to a closed account; its door says so."""
    tenant = g.caller.tenant if g.caller else g.host_tenant
    if tenant is not None and request.endpoint not in _DOOR:
        closing.check_is_open(session, tenant)


def _tell_who_looks_in(caller: Caller) -> None:
    """Let the account read who of its vendor came in; the one row that a GET may write."""
    account_id, session_id = caller.tenant.account_id, caller.session_id
    if not caller.is_descended or account_id is None or session_id is None:
        return
    with reading() as session:
        is_told = grants.has_looked_in(session, account_id, session_id)
    if not is_told:
        with writing() as session:
            grants.look_in(session, account_id, session_id, caller.actor)


def _identify(session: Session) -> None:
    own = parts().settings.own_names
    domain = tenancy.find_host(session, split_host(request.headers.get("Host", "")), own)
    g.host_domain = domain
    g.host_tenant = tenants.from_text(domain.tenant) if domain else None
    g.caller = None
    prefix = request.environ.get(ACCOUNT_KEY)
    found = _find_credential(session)
    decision = tenancy.whose(
        session, domain, AccountId(prefix) if prefix else None, found[0] if found else None
    )
    if found is None or decision.tenant is None:
        return
    credential, holder = found
    if not credential.is_key and g.host_tenant != credential.tenant:
        return
    g.caller = _caller(credential, holder, decision)


def _find_credential(
    session: Session,
) -> tuple[Credential, ApiKey | tuple[WebSession, User]] | None:
    header = request.headers.get("Authorization", "")
    if header:
        return _from_key(session, header)
    token = request.cookies.get(sessions.COOKIE)
    row = sessions.find(session, token) if token else None
    if row is None:
        return None
    tenant = tenants.from_text(row.tenant)
    try:
        user = users.get_user(session, tenant, row.user_id)
    except NotFoundError:
        return None
    if not user.enabled:
        return None
    permissions = roles.permissions_of(session, tenant, user.id)
    return Credential(tenant, permissions, user.id), (row, user)


def _from_key(session: Session, header: str) -> tuple[Credential, ApiKey]:
    key = header.removeprefix(_BEARER) if header.startswith(_BEARER) else ""
    row = api_keys.find_valid(session, key, request.remote_addr or "") if key else None
    if row is None:
        raise SignInNeededError("this API key is not valid here")
    parts().rates.admit(row.id)
    known = {permission.value: permission for permission in Permission}
    held = frozenset(known[text] for text in row.permissions if text in known)
    return Credential(tenants.from_text(row.tenant), held, None, is_key=True), row


def _caller(
    credential: Credential, holder: ApiKey | tuple[WebSession, User], decision: tenancy.Whose
) -> Caller:
    assert decision.tenant is not None
    address = request.remote_addr or ""
    if isinstance(holder, ApiKey):
        return Caller(
            tenant=decision.tenant,
            home=credential.tenant,
            permissions=decision.permissions,
            actor=Actor("api-key", holder.id, holder.name, address),
            username=holder.name,
            display_name=holder.name,
        )
    row, user = holder
    return Caller(
        tenant=decision.tenant,
        home=credential.tenant,
        permissions=decision.permissions,
        actor=Actor("user", user.id, user.username, address),
        user_id=user.id,
        username=user.username,
        display_name=user.display_name,
        language=user.language,
        time_zone=user.time_zone,
        session_id=row.id,
        csrf_token=row.csrf_token,
    )


def _check_forgery(caller: Caller | None) -> None:
    """A change must come from a page of this very host, and carry the session's token."""
    origin = request.headers.get("Origin")
    if origin is not None:
        if origin != f"https://{request.headers.get('Host', '')}":
            raise ForgedRequestError
    elif request.headers.get("Sec-Fetch-Site") != "same-origin":
        raise ForgedRequestError
    if caller is not None:
        sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
        if not hmac.compare_digest(sent.encode(), (caller.csrf_token or "").encode()):
            raise ForgedRequestError
