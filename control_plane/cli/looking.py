"""``spoolhouse job|audit``: looking, and what is asked about a job."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from control_plane.accounts.models import Account
from control_plane.audit import export
from control_plane.audit import service as audit
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk, at_desk
from control_plane.cli.telling import CommandError
from control_plane.cli.verbs import of_account, of_tenant
from control_plane.commands.schemas import CommandView
from control_plane.jobs import requests
from control_plane.jobs import service as jobs
from control_plane.jobs.views import JobDetailView, JobView, views_of
from control_plane.tenants import Tenant
from shared.ids import JobId
from shared.job_states import JobState

Arguments = argparse.Namespace


@of_account
def list_jobs(desk: Desk, account: Account, arguments: Arguments) -> Any:
    page = jobs.list_jobs(
        desk.session,
        account.id,
        text=arguments.text,
        states=_states(arguments.job_state or ()),
        cursor=arguments.cursor,
        limit=arguments.limit,
    )
    return {"items": _views(desk, account, page.items), "next_cursor": page.next_cursor}


@of_account
def show_job(desk: Desk, account: Account, arguments: Arguments) -> Any:
    detail = jobs.get_job(desk.session, account.id, JobId(arguments.id))
    view = _views(desk, account, [detail.job])[0]
    return JobDetailView.of(view, detail)


@of_account
def cancel_job(desk: Desk, account: Account, arguments: Arguments) -> Any:
    """Ask its gateway; a running primary brings the question there."""
    asked = requests.cancel(desk.session, account.id, JobId(arguments.id), desk.by)
    return CommandView.model_validate(asked)


@of_account
def release_job(desk: Desk, account: Account, arguments: Arguments) -> Any:
    printer = desks.printer(desk, account.id, arguments.printer)
    asked = requests.release(desk.session, account.id, JobId(arguments.id), printer.id, desk.by)
    return CommandView.model_validate(asked)


@of_tenant
def list_audit(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    page = audit.list_events(
        desk.session,
        owner,
        event=arguments.event,
        cursor=arguments.cursor,
        limit=arguments.limit,
    )
    names = (
        "seq", "at", "event", "outcome", "actor_kind", "actor_name", "subject_kind",
        "subject_id", "source", "detail",
    )  # fmt: skip
    items = [{name: getattr(row, name) for name in names} for row in page.items]
    return {"items": items, "next_cursor": page.next_cursor}


def verify_audit(arguments: Arguments) -> Any:
    """Walk every chain, or the one of an export; a touched one makes the command fail."""
    if arguments.file:
        count, what = export.verify(Path(arguments.file))
        if what:
            raise CommandError(f"{arguments.file}: {what}")
        return {"file": arguments.file, "rows": count, "broken": None}
    with at_desk(arguments) as desk:
        rows = [
            {"tenant": tenant, "rows": length, "broken": broken.what if broken else None}
            for tenant, length, broken in audit.verify(desk.session)
        ]
    broken = [row for row in rows if row["broken"]]
    if broken:
        raise CommandError("; ".join(f"{row['tenant']}: {row['broken']}" for row in broken))
    return {"items": rows}


def _views(desk: Desk, account: Account, found: Any) -> list[JobView]:
    return views_of(desk.session, account.id, found)


def _states(keywords: Iterable[str]) -> list[JobState]:
    known = {state.keyword: state for state in JobState}
    for keyword in keywords:
        if keyword not in known:
            raise CommandError(f"--job-state is one of {', '.join(known)}")
    return [known[keyword] for keyword in keywords]
