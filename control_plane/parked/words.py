"""What waits for a person, in sentences that can be read at three in the morning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from control_plane.ingest import parking
from control_plane.ingest.models import GatewayBoot
from control_plane.parked.service import ParkedThing
from shared.i18n import format_moment, format_number, gettext

_ = gettext
_NEWER: Final = "UnknownFactError"
_FOREIGN: Final = ("NotServedError", "ForeignJobError", "ForeignSpeakerError")
_SHOWN: Final = 8  # letters of a box's start: enough to tell two apart


@dataclass(frozen=True, slots=True)
class ThingLine:
    """One parked thing: about what, why, and what helps."""

    entity: str
    about: str
    job_id: str
    why: str
    helps: str
    detail: str
    rows: int
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class BoxLine:
    """One of the boxes that claim to be the gateway."""

    boot_id: str
    short: str
    version: str
    clock: str
    rows: str
    seen_at: datetime
    is_last: bool
    has_told_most: bool


def thing_line(thing: ParkedThing) -> ThingLine:
    kind, _colon, thing_id = thing.entity.partition(":")
    why, helps = _reason(thing.reason)
    return ThingLine(
        entity=thing.entity,
        about=_about(kind),
        job_id=thing_id if kind == "job" else "",
        why=why,
        helps=helps,
        detail=thing.reason,
        rows=thing.rows,
        parked_at=thing.parked_at,
    )


def _about(kind: str) -> str:
    return {
        "job": _("About a job"),
        "jobs": _("About which jobs it has"),
        "audit": _("About who tried what there"),
        "terminal": _("About a terminal that was paired"),
        "account": _("About an account that it forgot"),
        "command": _("About something that was asked of it"),
    }.get(kind, _("About something that this version does not know"))


def _reason(reason: str) -> tuple[str, str]:
    error = reason.partition(":")[0]
    if error == _NEWER:
        return (
            _("The gateway is newer than this primary and says something it does not know."),
            _("Update the primary. After that it is tried again by itself."),
        )
    if error in _FOREIGN:
        return (
            _("It speaks of an account that this gateway never served."),
            _("See whether the gateway was moved to this account, then try again."),
        )
    if reason == parking.WAITS:
        return _("It waits behind an earlier line about the same thing."), _("Try again.")
    return (
        _("The primary could not take it in."),
        _("Mend the cause if the small print names one, then try again."),
    )


def box_lines(boots: Sequence[GatewayBoot], now: datetime) -> Sequence[BoxLine]:
    """The boxes, the last heard first; more than two where they were started again since."""
    rows = {boot.boot_id: boot.said.get("rows", 0) for boot in boots}
    most = max(rows.values(), default=0)
    return [
        BoxLine(
            boot_id=boot.boot_id,
            short=boot.boot_id[:_SHOWN],
            version=str(boot.said.get("version") or _("not said")),
            clock=_clock(str(boot.said.get("clock") or ""), now),
            rows=format_number(rows[boot.boot_id]),
            seen_at=boot.seen_at,
            is_last=n == 0,
            has_told_most=rows[boot.boot_id] == most and most > 0,
        )
        for n, boot in enumerate(boots)
    ]


def _clock(text: str, now: datetime) -> str:
    try:
        return format_moment(datetime.fromisoformat(text), now)
    except ValueError:
        return _("not said")
