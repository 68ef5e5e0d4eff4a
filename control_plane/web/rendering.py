"""What templates may use: words in the reader's language, moments, numbers, addresses of files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, Response, make_response, render_template, request, url_for

from control_plane.database import utc_now
from control_plane.web import viewer
from shared import i18n

LANGUAGE_COOKIE: Final = "__Host-spoolhouse-language"
_SAID_COOKIE: Final = "__Host-spoolhouse-said"
_STATIC = Path(__file__).parents[1] / "static"
_FINGERPRINT_LETTERS = 10


def install(app: Flask) -> None:
    """Teach the application's templates our words; call it after the guard is installed."""
    _install_messages(app)
    # Threads are used again: the last reader's language must not answer the next.
    app.before_request_funcs.setdefault(None, []).insert(0, _read_as_asked)
    app.before_request(viewer.read_as_caller)
    app.context_processor(viewer.context)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.gettext, _ngettext, newstyle=True
    )
    app.jinja_env.filters.update(
        moment=lambda at: i18n.format_moment(at, utc_now()),
        full_moment=full_moment,
        clock_seconds=lambda at: i18n.format_time(at, seconds=True),
        day=i18n.format_date,
        number=i18n.format_number,
        bytes=i18n.format_bytes,
        duration=i18n.format_duration,
    )
    app.jinja_env.globals.update(
        asset=asset,
        here=here,
        same_list=same_list,
        as_of=as_of,
        language=i18n.current_language,
        languages=lambda: i18n.LANGUAGES,
        now_at=utc_now,
    )


def _install_messages(app: Flask) -> None:
    """Let one page tell the next what was done, in a cookie of this host alone."""
    # Lost at a restart, and by another primary: a sentence, and nothing hangs on it.
    app.secret_key = app.secret_key or os.urandom(32)
    app.config.update(
        SESSION_COOKIE_NAME=_SAID_COOKIE,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PATH="/",
    )


def _read_as_asked() -> None:
    asked = request.accept_languages.best_match(list(i18n.LANGUAGES))
    i18n.set_reader(request.cookies.get(LANGUAGE_COOKIE) or asked)


def _ngettext(singular: str, plural: str, number: int) -> str:
    # Jinja fills the places itself, also ``num``.
    return i18n.ngettext_form(singular, plural, number)


def full_moment(at: datetime) -> str:
    return f"{i18n.format_date(at)} {i18n.format_time(at, milliseconds=True)}"


def as_of() -> str:
    return i18n.format_time(utc_now(), seconds=True)


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:_FINGERPRINT_LETTERS]


def asset(name: str) -> str:
    """Give the address of a static file; it changes when the file does."""
    return url_for("static", filename=name, v=_fingerprint(name))


def here(**changes: Any) -> str:
    """Give this page's address with some of its query changed; None takes a part away."""
    # A live part of a page is sent again by itself; what its links lead to is the page.
    return _with_query(request.endpoint or "", {**request.args, "fragment": None, **changes})


def same_list(endpoint: str) -> str:
    """Give another form of this list, such as its file: the same search, filters and order."""
    return _with_query(endpoint, {**request.args, "fragment": None, "cursor": None})


def _with_query(endpoint: str, query: Mapping[str, Any]) -> str:
    # Never as arguments of url_for: what somebody typed could name one of its own.
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    address = url_for(endpoint, **(request.view_args or {}))
    return f"{address}?{urlencode(kept)}" if kept else address


def fragment(template: str, **values: Any) -> Response:
    """Answer with a live part of a page, or 304 when it is what the page shows already."""
    body = render_template(template, **values)
    answer = make_response(body)
    answer.set_etag(hashlib.sha256(body.encode()).hexdigest()[:32])
    answer.headers["X-As-Of"] = as_of()
    answer.headers["Cache-Control"] = "no-store"
    answer.make_conditional(request)
    return answer
