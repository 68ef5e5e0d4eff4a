"""For load balancers: whether this process answers and reaches its database."""

from __future__ import annotations

from flask import Blueprint, Response
from sqlalchemy import text

from control_plane.request import reading

bp = Blueprint("health", __name__)


@bp.get("/health/live")
def live() -> Response:
    with reading() as session:
        session.execute(text("SELECT 1"))
    return Response("ok\n", mimetype="text/plain")
