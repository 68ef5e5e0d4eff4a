"""What was asked of a gateway, in sentences: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from control_plane.commands.models import Command
from control_plane.jobs.timeline import Hop
from control_plane.printers.words import state_words, supplies_of
from control_plane.web.forms import sentence
from shared.i18n import format_bytes, format_duration, format_number, format_time, gettext, mark
from shared.messages.commands import CommandKind, CommandState

_ = gettext
TITLES: Final[Mapping[str, str]] = {
    CommandKind.RELEASE_JOB.value: mark("Print a job"),
    CommandKind.CANCEL_JOB.value: mark("Delete a job"),
    CommandKind.REASSIGN_JOB.value: mark("Give a job to its person"),
    CommandKind.IDENTIFY_PRINTER.value: mark("Let the printer make itself known"),
    CommandKind.DIAGNOSE_PRINTER.value: mark("Look at the printer"),
    CommandKind.DIAGNOSE.value: mark("Look for what is wrong"),
    CommandKind.REHEARSE.value: mark("Rehearsal: as if the line were cut"),
    CommandKind.END_REHEARSAL.value: mark("End the rehearsal"),
}
_STATES: Final[Mapping[str, tuple[str, str, str]]] = {
    CommandState.QUEUED.value: (
        "wait",
        mark("On its way"),
        mark("The gateway has not answered yet."),
    ),
    CommandState.IN_PROGRESS.value: ("wait", mark("Under way"), mark("The gateway is at it.")),
    CommandState.SUCCEEDED.value: ("done", mark("Done"), ""),
    CommandState.FAILED.value: ("bad", mark("It could not be done"), ""),
    CommandState.REJECTED.value: (
        "bad",
        mark("Refused by the gateway"),
        mark("Nothing was done there."),
    ),
    CommandState.TIMED_OUT.value: (
        "bad",
        mark("No answer in time"),
        mark("It is void now: whatever the gateway hears later, it does not do."),
    ),
}
# What gateways say of themselves; here for the catalogues.
_SAID: Final = (
    mark("it came too late"),
    mark("it is for another gateway"),
    mark("it was asked before a backup was restored"),
    mark("this gateway does not know this command"),
    mark("this gateway does not know the printer"),
    mark("this gateway does not know the person"),
    mark("the gateway did not answer in time"),
    mark("the gateway was restarted in the middle of it"),
    mark("it took too long"),
    mark("there is no such job here"),
)
_FINDINGS: Final[Mapping[str, str]] = {
    "enrolment": mark("Enrolment"),
    "clock": mark("Clock"),
    "certificate": mark("Certificate"),
    "room": mark("Room on the disk"),
    "agent": mark("Program"),
    "primary": mark("Way to the primary"),
    "broker": mark("Way to the broker"),
    "configuration": mark("Configuration"),
    "line": mark("Line"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, with the cure where it is not well."""

    name: str
    tone: str
    says: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class CommandPage:
    title: str
    tone: str
    state: str
    is_over: bool
    hops: Sequence[Hop]
    findings: Sequence[Finding]


def page(command: Command, asked_by: str, gateway: str) -> CommandPage:
    tone, state, _says = _STATES.get(command.state, ("wait", command.state, ""))
    return CommandPage(
        title=_(TITLES.get(command.kind, command.kind)),
        tone={"done": "ok", "bad": "bad"}.get(tone, "warn"),
        state=_(state),
        is_over=CommandState(command.state).is_final,
        hops=list(_hops(command, asked_by, gateway)),
        findings=list(_findings(command)),
    )


def _hops(command: Command, asked_by: str, gateway: str) -> Iterator[Hop]:
    yield Hop(command.issued_at, "", "done", _("Asked"), _("by %(name)s", name=asked_by))
    tone, title, says = _STATES.get(command.state, ("wait", command.state, ""))
    if command.state == CommandState.QUEUED.value:
        below = _("Void if it is not taken up within two minutes.")
        sent = _("Sent to %(gateway)s", gateway=gateway)
        yield Hop(None, "", "wait", sent, "", f"{_(says)} {below}")
        return
    if command.kind == CommandKind.REHEARSE.value and not CommandState(command.state).is_final:
        ends = command.changed_at + timedelta(seconds=int(command.body.get("seconds") or 0))
        says = _("It uses the line for nothing until %(moment)s, and then tells.",
                 moment=format_time(ends))  # fmt: skip
        yield Hop(command.changed_at, "", "wait", _("The rehearsal goes on"), "", says)
        return
    told = [sentence(command.message)] if command.message else []
    below = " ".join([*told, *([_(says)] if says else [])])
    yield Hop(command.changed_at, "", tone, _(title), "", below)


def _findings(command: Command) -> Iterator[Finding]:
    if command.state != CommandState.SUCCEEDED.value:
        return
    if command.kind == CommandKind.DIAGNOSE.value:
        yield from _of_gateway(command.result)
    elif command.kind == CommandKind.REHEARSE.value:
        yield from _of_rehearsal(command.result)
    elif command.kind == CommandKind.DIAGNOSE_PRINTER.value:
        yield from _of_printer(command.result)
    elif command.kind == CommandKind.IDENTIFY_PRINTER.value:
        yield Finding(_("Printer"), "ok", _("It sounds, flashes or shows it on its display now."))


def _of_gateway(result: Mapping[str, Any]) -> Iterator[Finding]:
    says = str(result.get("says") or "")
    if says:
        yield Finding(_("In a word"), "ok" if result.get("ok") else "warn", _(says))
    for found in result.get("findings") or ():
        if isinstance(found, Mapping):
            name = str(found.get("what") or "")
            yield Finding(
                _(_FINDINGS[name]) if name in _FINDINGS else name,
                "ok" if found.get("ok") else "bad",
                _in_words(found, "says", "text"),
                _in_words(found, "cure", "cure_text"),
            )
    free = result.get("free_bytes")
    if isinstance(free, int):
        yield Finding(_("Free for documents"), "ok", format_bytes(free))


def _in_words(found: Mapping[str, Any], said: str, text: str) -> str:
    """Say it in the reader's language where its gateway told what the sentence is made of."""
    template, values = found.get(text), found.get("values")
    ours = _(template) if isinstance(template, str) else ""
    # A gateway's words are a stranger's: only a sentence of our catalogue is filled in.
    if ours != template and isinstance(values, Mapping):
        with suppress(KeyError, TypeError, ValueError):
            return ours % {str(name): str(value) for name, value in values.items()}
    return str(found.get(said) or "")


_ENDED: Final[Mapping[str, str]] = {
    "time": mark("Its time was over."),
    "gateway": mark("Somebody ended it at the gateway."),
    "primary": mark("Somebody ended it here."),
}
_WITH: Final[Mapping[str, str]] = {
    "card": mark("by card"),
    "password": mark("by password"),
    "pin": mark("by PIN"),
}


def _of_rehearsal(result: Mapping[str, Any]) -> Iterator[Finding]:
    """What happened while the gateway behaved as cut."""
    why = str(result.get("why_ended") or "")
    yield Finding(_("Ended"), "ok", _(_ENDED[why]) if why in _ENDED else why)
    for name, label in (
        ("jobs_received", _("Jobs taken")),
        ("jobs_released", _("Jobs released")),
        ("jobs_printed", _("Jobs printed")),
    ):
        yield Finding(label, "ok", format_number(_count(result.get(name))))
    sign_ins = _counts(result.get("sign_ins"))
    said = [f"{_(_WITH.get(name, name))}: {format_number(n)}" for name, n in sign_ins.items()]
    yield Finding(_("Signed in"), "ok", ", ".join(said) or _("nobody"))
    refused = _counts(result.get("refused"))
    said = [f"{name}: {format_number(n)}" for name, n in refused.items()]
    yield Finding(_("Refused"), "warn" if refused else "ok", ", ".join(said) or _("nothing"))
    age = result.get("knowledge_seconds")
    if isinstance(age, int):
        yield Finding(
            _("Its knowledge was at most"), "ok", _("%(age)s old", age=format_duration(age))
        )
    if restarts := _count(result.get("restarts")):
        yield Finding(_("Started again meanwhile"), "ok", format_number(restarts))


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _counts(value: Any) -> Mapping[str, int]:
    found = value if isinstance(value, Mapping) else {}
    return {str(name)[:60]: _count(n) for name, n in list(found.items())[:20]}


def _of_printer(result: Mapping[str, Any]) -> Iterator[Finding]:
    tone, says = state_words(result)
    yield Finding(_("State"), tone, says)
    if result.get("model"):
        yield Finding(_("Model"), "ok", str(result["model"]))
    queued = result.get("queued")
    if isinstance(queued, int):
        yield Finding(_("Jobs in the printer"), "ok", str(queued))
    for supply in supplies_of(result):
        yield Finding(supply.name, supply.tone, supply.says)
    if result.get("took_ms"):
        ms = _("%(ms)s ms", ms=result["took_ms"])
        yield Finding(_("Time to answer"), "ok", ms)
