"""The words for looking at jobs and the audit."""

from __future__ import annotations

from typing import Any

from control_plane.cli.parser.options import noun, of_account, owned, paged, verb
from shared.i18n import gettext

_ = gettext


def add(nouns: Any) -> None:
    job = noun(nouns, "job", _("what people print"))
    found = verb(job, "list", "looking.list_jobs", _("list jobs, newest first"))
    of_account(found)
    paged(found)
    found.add_argument("--text")
    found.add_argument("--job-state", action="append", metavar="STATE", help=_("pending-held, ..."))
    for name, run, says in (
        ("cancel", "looking.cancel_job", _("ask for a job and its documents to be deleted")),
        ("release", "looking.release_job", _("ask for a held job to be printed")),
    ):
        leaf = verb(job, name, run, says)
        leaf.add_argument("id")
        of_account(leaf)
        if name == "release":
            leaf.add_argument("--printer", required=True, metavar="NAME")
    show = verb(job, "show", "looking.show_job", _("show a job with its timeline"))
    show.add_argument("id")
    of_account(show)

    audit = noun(nouns, "audit", _("who did what"))
    found = verb(audit, "list", "looking.list_audit", _("list the audit, newest first"))
    owned(found)
    paged(found)
    found.add_argument("--event", metavar="PREFIX", help=_("such as card."))
    verify = verb(audit, "verify", "looking.verify_audit", _("prove that no row was touched"))
    verify.add_argument("file", nargs="?", help=_("an export of the API; none: the database"))
