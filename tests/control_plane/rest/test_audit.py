"""The audit as programs read it, and that every change is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from control_plane.audit import export as audit_export
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.feed.models import FeedRow
from tests.support.houses import Town

Ask = Callable[..., Any]


def test_every_change_is_audited_and_published(ask: Ask, database: Database, town: Town) -> None:
    ask("POST", "/printers", {"name": "Loft", "uri": "ipp://192.0.2.4/ipp/print"})
    with database.reading() as session:
        newest = session.scalars(
            select(AuditEvent).order_by(AuditEvent.recorded_at.desc(), AuditEvent.seq.desc())
        ).first()
        published = session.scalars(
            select(FeedRow.data).where(
                FeedRow.stream == f"account:{town.alder.account.id}", FeedRow.kind == "printer"
            )
        ).all()
    assert newest is not None
    assert (newest.event, newest.actor_kind) == ("printer.created", "api-key")
    assert "Loft" in {data["name"] for data in published}


def test_the_audit_is_taken_along_in_the_order_of_its_chain_and_proved(
    ask: Ask, tmp_path: Path
) -> None:
    for name in ("One", "Two", "Three"):
        ask("POST", "/sites", {"name": name})
    rows: list[Any] = []
    after = 0
    while after is not None:
        page = ask("GET", f"/audit/export?after={after}&limit=2").json
        rows += page["items"]
        after = page["next_after"]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert ask("GET", f"/audit/{rows[0]['id']}").json == rows[0]
    file = tmp_path / "audit.json"
    file.write_text(json.dumps({"tenant": page["tenant"], "items": rows}))
    assert audit_export.verify(file) == (len(rows), None)
    for broken, says in (
        ([*rows[:1], *rows[2:]], "is missing"),
        ([{**rows[0], "outcome": "refused"}, *rows[1:]], "was changed"),
        ([{**rows[0], "previous": "x"}, *rows[1:]], "does not follow"),
    ):
        file.write_text(json.dumps({"tenant": page["tenant"], "items": broken}))
        found = audit_export.verify(file)[1]
        assert found is not None
        assert says in found


def test_the_audit_is_asked_for_a_span_of_time(ask: Ask) -> None:
    ask("POST", "/sites", {"name": "One"})
    now = datetime.now(UTC)
    for query, is_there in (
        ({"since": now - timedelta(hours=1), "until": now + timedelta(hours=1)}, True),
        ({"since": now + timedelta(hours=1)}, False),
        ({"until": now - timedelta(hours=1)}, False),
    ):
        said = urlencode({name: value.isoformat() for name, value in query.items()})
        assert bool(ask("GET", f"/audit?{said}").json["items"]) is is_there
