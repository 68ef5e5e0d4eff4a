"""A gateway in sentences: how it is, what it would do alone, and the way it came here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from control_plane.gateways.models import Gateway, GatewayState
from control_plane.jobs.timeline import Hop
from shared.i18n import (
    format_duration,
    format_moment,
    format_time,
    gettext,
    mark,
    ngettext,
)

_ = gettext
# Older than a few heartbeats: it is not a hiccup of the line.
SILENT_AFTER: Final = timedelta(seconds=150)
SERVICES: Final[Mapping[str, str]] = {
    "ipp": mark("printing by IPP"),
    "storage": mark("waiting documents"),
    "authentication": mark("cards and passwords"),
    "document-output": mark("output to printers"),
    "card-readers": mark("card readers"),
    "terminal-client": mark("terminals"),
    "health": mark("health page"),
    "lpd": mark("printing by LPD"),
    "raw": mark("raw printing"),
    "api": mark("uploads by programs"),
}


@dataclass(frozen=True, slots=True)
class ServiceLine:
    name: str
    tone: str
    says: str


@dataclass(frozen=True, slots=True)
class GatewayView:
    """What the pages show of a gateway."""

    id: str
    name: str
    is_enrolled: bool
    is_own: bool
    tone: str
    says: str
    if_cut: str
    errors: Sequence[tuple[str, str]]
    hops: Sequence[Hop]
    services: Sequence[ServiceLine]
    alone: Sequence[ServiceLine] = ()  # what would go on, as the gateway itself works it out
    rehearses: bool = False


def view(
    gateway: Gateway,
    state: GatewayState | None,
    now: datetime,
    *,
    people: int,
    is_own: bool,
    rehearses_until: datetime | None = None,
    account_id: str | None = None,
) -> GatewayView:
    tone, says = how(gateway, state, now)
    if rehearses_until is not None:
        tone = "warn"
        says = _(
            "rehearses that its line is cut, until %(moment)s", moment=format_time(rehearses_until)
        )
    return GatewayView(
        id=gateway.id,
        name=gateway.name,
        is_enrolled=gateway.enrolled_at is not None,
        is_own=is_own,
        tone=tone,
        says=says,
        if_cut=_if_cut(gateway, state, people),
        alone=alone(state, account_id),
        rehearses=rehearses_until is not None,
        errors=_errors(state) if is_own else (),
        hops=_hops(gateway, state),
        services=_services(gateway, state, is_heard=tone != "bad", is_own=is_own),
    )


def how(gateway: Gateway, state: GatewayState | None, now: datetime) -> tuple[str, str]:
    """The dot's tone, and how it is as of when."""
    if gateway.revoked_at:
        moment = format_moment(gateway.revoked_at, now)
        return "off", _("revoked %(moment)s: nothing of it is believed any more", moment=moment)
    if gateway.enrolled_at is None:
        return "warn", _("not enrolled yet: make a code and run one command on its machine")
    heard = state.last_seen_at if state else None
    if heard is None:
        return "bad", _("enrolled, and never heard since")
    age = now - heard
    if state is not None and state.presence == "here" and age < SILENT_AFTER:
        return (
            ("warn", _("here, and some of its settings do not run"))
            if _errors(state)
            else (
                "ok",
                _("here, heard %(moment)s", moment=format_moment(heard, now)),
            )
        )
    return "bad", _("not heard for %(age)s", age=format_duration(age.total_seconds()))


def _errors(state: GatewayState | None) -> Sequence[tuple[str, str]]:
    running = (state.running if state else None) or {}
    errors = running.get("errors") or {}
    return [(section_name(str(section)), str(what)) for section, what in sorted(errors.items())]


def section_name(section: str) -> str:
    """Name a part of a gateway's configuration as people do."""
    return _(SERVICES[section]) if section in SERVICES else section


def _if_cut(gateway: Gateway, state: GatewayState | None, people: int) -> str:
    if gateway.enrolled_at is None:
        return _("Nothing prints there: it has not been enrolled.")
    if state is None or state.last_seen_at is None:
        return _("Nobody knows: it has not called since it was enrolled.")
    return ngettext(
        "Cards, passwords, waiting jobs and printing go on, for %(num)s person.",
        "Cards, passwords, waiting jobs and printing go on, for %(num)s people.",
        people,
    )


_ACTS: Final[Mapping[str, str]] = {
    "sending": mark("Sending documents"),
    "printing": mark("Printing"),
    "signing-in": mark("Signing in"),
}
_WHY: Final[Mapping[str, str]] = {
    "kept-here": mark("Yes: documents are kept there."),
    "reached-from-here": mark("Yes: printers are reached from there."),
    "no-limit": mark("Yes, without limit of time."),
    "disk-full": mark("No: its disk is full."),
    "no-door": mark("No: nothing takes jobs there."),
    "no-output": mark("No: printing does not run there."),
    "no-authentication": mark("No: sign-in does not run there."),
    "no-secrets": mark("No: the account's secrets have not come there yet."),
    "nobody-known": mark("No: the people are not known there yet."),
    "too-old": mark("No: what is known there is older than the account allows."),
}


def alone(state: GatewayState | None, account_id: str | None) -> Sequence[ServiceLine]:
    """What would work if the line were cut, in the gateway's own judgement; of one's own alone."""
    told = ((state.health if state else None) or {}).get("if_the_line_were_cut")
    lines = []
    for act in told.values() if isinstance(told, Mapping) else ():
        if not isinstance(act, Mapping) or act.get("what") not in _ACTS:
            continue
        if act.get("account_id") not in (None, account_id) and account_id is not None:
            continue
        lines.append(_act(act))
    return lines


def _act(act: Mapping[str, Any]) -> ServiceLine:
    seconds = act.get("seconds")
    if act.get("works") and isinstance(seconds, int):
        says = _("Yes, for %(time)s.", time=format_duration(seconds))
    else:
        says = _(_WHY.get(str(act.get("why")), "")) or str(act.get("says") or "")[:200]
    return ServiceLine(_(_ACTS[str(act["what"])]), "ok" if act.get("works") else "bad", says)


def _hops(gateway: Gateway, state: GatewayState | None) -> Sequence[Hop]:
    hops = [Hop(gateway.created_at, "", "done", _("Added here"))]
    if gateway.enrolled_at is None:
        coming = (_("Enrolled with a code"), _("Heard"), _("Knows people and cards"))
        return [*hops, Hop(None, "", "next", " · ".join(coming))]
    below = _("Its keys were made on it and never leave it.")
    hops.append(Hop(gateway.enrolled_at, "", "done", _("Enrolled"), "", below))
    if state is not None and state.last_seen_at:
        tone = "done" if state.presence == "here" else "wait"
        title = _("Last heard") if state.presence == "here" else _("Gone: last heard")
        hops.append(Hop(state.last_seen_at, "", tone, title))
    else:
        hops.append(Hop(None, "", "next", _("Heard")))
    return hops


def _services(
    gateway: Gateway, state: GatewayState | None, *, is_heard: bool, is_own: bool
) -> Sequence[ServiceLine]:
    told = ((state.health if state else None) or {}).get("services") or {}
    return [
        _service(name, setting, told.get(name), is_heard=is_heard, is_own=is_own)
        for name, setting in sorted(gateway.services.items())
    ]


def _service(name: str, setting: Any, told: Any, *, is_heard: bool, is_own: bool) -> ServiceLine:
    title = section_name(name)
    if not setting.get("enabled", True):
        return ServiceLine(title, "off", _("switched off"))
    if isinstance(told, Mapping) and is_heard:
        tone = "ok" if told.get("ok") else "warn"
        # What a vendor's gateway says may name other accounts' things.
        said = _(str(told.get("says") or ""))
        return ServiceLine(title, tone, said if is_own else "")
    port = setting.get("port")
    where = f"{setting.get('host', '')}:{port}" if port else ""
    return ServiceLine(title, "off", where or _("switched on"))
