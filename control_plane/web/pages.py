"""The door: signing in and out, the language, and the colours of the host's own brand."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control_plane.accounts import closing
from control_plane.domains import brand
from control_plane.domains import service as domains
from control_plane.errors import AccountClosedError, NotFoundError, TooManyError
from control_plane.request import caller, find_caller, host_domain, host_tenant, parts, reading
from control_plane.security import cookies, sessions, signing_in
from control_plane.security.routes import requires
from control_plane.security.signing_in import SignInRefusedError
from control_plane.web.forms import said
from control_plane.web.rendering import LANGUAGE_COOKIE
from shared.i18n import LANGUAGES, gettext, ngettext

_ = gettext
bp = Blueprint("web", __name__)
_YEAR: Final = 365 * 86_400


@bp.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    tenant = host_tenant()
    if tenant is None:
        raise NotFoundError("page")
    try:
        with reading() as session:
            closing.check_is_open(session, tenant)
    except AccountClosedError as error:
        return _door(said(error), is_closed=True), HTTPStatus.FORBIDDEN
    if find_caller() is not None:
        return redirect(_local(request.args.get("next")), 303)
    return _door("")


@bp.post("/sign-in")
def take_in() -> ResponseReturnValue:
    tenant = host_tenant()
    if tenant is None:
        raise NotFoundError("page")
    try:
        found = signing_in.sign_in(
            parts().database,
            parts().vault,
            tenant,
            username=request.form.get("username", "")[:200],
            password=request.form.get("password", "")[:1000],
            address=request.remote_addr or "",
            user_agent=request.headers.get("User-Agent", ""),
        )
    except AccountClosedError as error:
        return _door(said(error), is_closed=True), HTTPStatus.FORBIDDEN
    except SignInRefusedError:
        return _door(_("The user name or the password is not right.")), 401
    except TooManyError as error:
        wait = ngettext(
            "Too many attempts. Try again in %(num)s second.",
            "Too many attempts. Try again in %(num)s seconds.",
            error.retry_after_seconds,
        )
        return _door(wait), 429, {"Retry-After": str(error.retry_after_seconds)}
    answer = redirect(_local(request.form.get("next")), 303)
    return cookies.give(answer, found.token)


@bp.post("/sign-out")
@requires()
def sign_out() -> ResponseReturnValue:
    who = caller()
    if who.user_id and who.session_id:
        with parts().database.reading() as session:
            mine = sessions.list_of_user(session, who.home, who.user_id)
        for row in mine:
            if row.id == who.session_id:
                signing_in.sign_out(parts().database, who.home, row, who.actor)
    answer = redirect("/sign-in", 303)
    cookies.take(answer)
    # What the browser kept of these pages goes, too.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@bp.post("/language")
def choose_language() -> ResponseReturnValue:
    chosen = request.form.get("language", "")
    back = urlsplit(request.headers.get("Referer", ""))
    target = back.path if back.netloc == request.headers.get("Host") else "/"
    answer = redirect(_local(target), 303)
    if chosen in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_YEAR, secure=True, httponly=True, samesite="Lax"
        )
    return answer


@bp.get("/brand.css")
def brand_style() -> ResponseReturnValue:
    """Give the colours of the host's own brand."""
    domain = host_domain()
    return Response(brand.style(domain) if domain else "", mimetype="text/css")


@bp.get("/brand/logo")
def brand_logo() -> ResponseReturnValue:
    """Give the host's own logo: a picture, which no browser is to take for anything else."""
    domain = host_domain()
    if domain is None:
        raise NotFoundError("page")
    with reading() as session:
        return picture(domains.find_logo(session, domain.id))


def picture(logo: Any) -> Response:
    if logo is None:
        raise NotFoundError("page")
    answer = Response(logo.data, mimetype=logo.media_type)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, max-age=3600"  # Its address names its stamp.
    return answer


def _door(message: str, *, is_closed: bool = False) -> str:
    wanted = request.values.get("next", "")
    return render_template(
        "security/sign-in.html",
        message=message,
        is_closed=is_closed,
        username=request.form.get("username", ""),
        next=wanted if wanted.startswith("/") else "",
        action=url_for("web.sign_in"),
    )


def _local(target: str | None) -> str:
    """Keep to this host: a path and nothing that a browser takes for another place."""
    text = target or "/"
    parsed = urlsplit(text)
    is_path = text.startswith("/") and not text.startswith(("//", "/\\")) and "\\" not in text
    if not is_path or parsed.scheme or parsed.netloc or any(ord(c) < 32 for c in text):  # noqa: PLR2004
        return "/"
    return text
