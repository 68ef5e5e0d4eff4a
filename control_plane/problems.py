"""Our errors to HTTP: problem+json (RFC 9457) for programs, a page for people."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, current_app, g, json, redirect, render_template, request, url_for
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from control_plane.errors import (
    AccountClosedError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    SignInNeededError,
    SpoolhouseError,
    StaleError,
    TooManyError,
    WrongHostError,
)
from control_plane.security.guard import ForgedRequestError
from control_plane.security.signing_in import SignInRefusedError
from control_plane.web import forms
from shared.i18n import gettext

log = logging.getLogger(__name__)

_ = gettext
STATUS: Final[dict[type[SpoolhouseError], HTTPStatus]] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ConflictError: HTTPStatus.CONFLICT,
    StaleError: HTTPStatus.PRECONDITION_FAILED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    AccountClosedError: HTTPStatus.FORBIDDEN,
    ForgedRequestError: HTTPStatus.FORBIDDEN,
    SignInNeededError: HTTPStatus.UNAUTHORIZED,
    SignInRefusedError: HTTPStatus.UNAUTHORIZED,
    WrongHostError: HTTPStatus.MISDIRECTED_REQUEST,
    TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
}
Answer = Response | WerkzeugResponse


def install(app: Flask) -> None:
    app.register_error_handler(SpoolhouseError, _refused)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(IntegrityError, _contradiction)
    app.register_error_handler(StaleDataError, lambda _error: _refused(StaleError()))
    app.register_error_handler(Exception, _broken)


def is_for_programs() -> bool:
    """Whether the asker wants JSON."""
    return request.path.startswith("/api/") or request.headers.get("Authorization") is not None


def problem(status: int, title: str, **more: Any) -> Response:
    """Answer with problem details."""
    body = {"type": "about:blank", "title": title, "status": int(status), **more}
    return Response(json.dumps(body), status=status, mimetype="application/problem+json")


def _refused(error: SpoolhouseError) -> Answer:
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        return _broken(error)
    if isinstance(error, SignInNeededError) and _may_be_sent_to_sign_in():
        target = url_for("web.sign_in", next=request.full_path.rstrip("?"))
        return redirect(target, HTTPStatus.SEE_OTHER)
    if isinstance(error, AccountClosedError) and _is_at_an_accounts_door():
        return redirect(url_for("web.sign_in"), HTTPStatus.SEE_OTHER)  # There it says so.
    field = getattr(error, "field", None)
    answer = _answer(
        status,
        str(error),
        errors=[{"field": field, "says": str(error)}] if field else None,
        said=forms.said(error),
    )
    if isinstance(error, TooManyError):
        answer.headers["Retry-After"] = str(error.retry_after_seconds)
    if status == HTTPStatus.UNAUTHORIZED and is_for_programs():
        answer.headers["WWW-Authenticate"] = 'Bearer realm="Spoolhouse"'
    return answer


def _may_be_sent_to_sign_in() -> bool:
    return (
        not is_for_programs()
        and request.method == "GET"
        and request.headers.get("HX-Request") is None
        and g.get("host_tenant") is not None
        and "web.sign_in" in current_app.view_functions
    )


def _is_at_an_accounts_door() -> bool:
    """Not of a vendor, whose staff would be sent round in circles."""
    return _may_be_sent_to_sign_in() and g.host_tenant.account_id is not None


def _invalid(error: ValidationError) -> Answer:
    errors = [
        {
            "field": ".".join(str(part) for part in item["loc"]),
            "says": item["msg"].removeprefix("Value error, "),
        }
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = errors[0] if errors else {"field": "", "says": "it cannot be used"}
    return _answer(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{first['field']}: {first['says']}", errors=errors
    )


def _http(error: HTTPException) -> Answer:
    if error.response is not None or (error.code or 500) < HTTPStatus.BAD_REQUEST:
        return error.get_response()
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    answer = _answer(status, status.phrase)
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            answer.headers[name] = value
    return answer


def _contradiction(error: IntegrityError) -> Answer:
    # Two did it at the same moment, or something still belongs to it.
    log.info("refused by the database: %s", error.orig)
    return _answer(HTTPStatus.CONFLICT, "it contradicts what is there, or something still uses it")


def _broken(error: Exception) -> Answer:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; it was logged")


def _answer(
    status: HTTPStatus, says: str, *, errors: list[Any] | None = None, said: str | None = None
) -> Response:
    if is_for_programs():
        more = {"errors": errors} if errors else {}
        return problem(status, says, **more)
    # An unknown host learns nothing, not even a brand.
    if status == HTTPStatus.MISDIRECTED_REQUEST or g.get("host_tenant") is None:
        return Response(f"{status.value} {says}\n", status=status, mimetype="text/plain")
    body = render_template(
        "error.html", status=status.value, title=_(status.phrase),
        says=said or forms.sentence(says), next_href="/",
        next_label=_("To the first page"),
    )  # fmt: skip
    return Response(body, status=status, mimetype="text/html")
