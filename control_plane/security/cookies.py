"""The session's cookie, put into and taken from an answer."""

from __future__ import annotations

from typing import TypeVar

from werkzeug.wrappers import Response

from control_plane.security.sessions import COOKIE, LIFETIME

R = TypeVar("R", bound=Response)


def give(response: R, token: str) -> R:
    """Let the browser keep the session; for this host alone, over TLS, out of scripts' reach."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return response


def take(response: R) -> R:
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return response
