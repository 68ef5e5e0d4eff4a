"""What the audit holds, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from control_plane.audit.models import AuditEvent
from shared.i18n import gettext, mark

_ = gettext

# ``%(who)s`` did something; ``%(what)s`` is the name or last digits where the row has one.
_SENTENCES: Final[Mapping[tuple[str, str], str]] = {
    ("sign-in.ok", "ok"): mark("%(who)s signed in"),
    ("sign-in.refused", "refused"): mark("A sign-in as %(who)s was refused"),
    ("sign-out", "ok"): mark("%(who)s signed out"),
    ("card.unknown", "refused"): mark("A card nobody knows was tapped"),
    ("card.tapped", "ok"): mark("%(whom)s tapped a card"),
    ("card.tapped", "refused"): mark("A card was tapped and refused"),
    ("card.enrolled", "ok"): mark("%(whom)s made the card %(what)s theirs at a terminal"),
    ("card.enrolment-refused", "refused"): mark(
        "%(whom)s wanted the card %(what)s to be theirs and was refused"
    ),
    ("card.added", "ok"): mark("%(who)s added a card %(what)s for %(whom)s"),
    ("card.revoked", "ok"): mark("%(who)s revoked a card %(what)s of %(whom)s"),
    ("token.added", "ok"): mark("%(who)s made the print token %(what)s for %(whom)s"),
    ("token.revoked", "ok"): mark("%(who)s revoked the print token %(what)s of %(whom)s"),
    ("token.used", "ok"): mark("A print client came with the print token %(what)s of %(whom)s"),
    ("token.refused", "refused"): mark("A print client came with a print token that does not work"),
    ("user.created", "ok"): mark("%(who)s added the person %(what)s"),
    ("user.changed", "ok"): mark("%(who)s changed the person %(what)s"),
    ("user.link-made", "ok"): mark("%(who)s made a link by which %(what)s sets a password"),
    ("user.code-made", "ok"): mark("%(who)s made a one-time code for %(what)s"),
    ("user.code-used", "ok"): mark("%(whom)s signed in at a printer by a one-time code"),
    ("user.session-ended", "ok"): mark("%(who)s ended a session of %(what)s"),
    ("user.password-refused", "refused"): mark("%(who)s gave a wrong password when changing it"),
    ("upload.allowed", "ok"): mark("%(who)s let a document be brought to a gateway"),
    ("upload.refused", "refused"): mark("A document was brought to a gateway and refused"),
    ("user.imported", "ok"): mark("%(who)s imported people from a file"),
    ("user.deleted", "ok"): mark("%(who)s removed the person %(what)s"),
    ("group.created", "ok"): mark("%(who)s made the group %(what)s"),
    ("group.changed", "ok"): mark("%(who)s changed the group %(what)s"),
    ("group.deleted", "ok"): mark("%(who)s removed the group %(what)s"),
    ("printer.created", "ok"): mark("%(who)s added the printer %(what)s"),
    ("printer.changed", "ok"): mark("%(who)s changed the printer %(what)s"),
    ("printer.deleted", "ok"): mark("%(who)s removed the printer %(what)s"),
    ("queue.created", "ok"): mark("%(who)s added the queue %(what)s"),
    ("queue.changed", "ok"): mark("%(who)s changed the queue %(what)s"),
    ("queue.deleted", "ok"): mark("%(who)s removed the queue %(what)s"),
    ("site.created", "ok"): mark("%(who)s added the site %(what)s"),
    ("site.changed", "ok"): mark("%(who)s changed the site %(what)s"),
    ("site.deleted", "ok"): mark("%(who)s removed the site %(what)s"),
    ("reader.created", "ok"): mark("%(who)s added the card reader %(what)s"),
    ("reader.changed", "ok"): mark("%(who)s changed the card reader %(what)s"),
    ("reader.deleted", "ok"): mark("%(who)s removed the card reader %(what)s"),
    ("reader.refused", "refused"): mark("A stranger connected to a card reader's port"),
    ("gateway.created", "ok"): mark("%(who)s added the gateway %(what)s"),
    ("gateway.changed", "ok"): mark("%(who)s changed the gateway %(what)s"),
    ("gateway.code-created", "ok"): mark("%(who)s made an enrolment code for the gateway %(what)s"),
    ("gateway.enrolment-refused", "refused"): mark("A machine tried to enrol and was refused"),
    ("gateway.box-waits", "ok"): mark("A machine waits to become the gateway %(what)s"),
    ("gateway.box-approved", "ok"): mark("%(who)s approved the machine of the gateway %(what)s"),
    ("gateway.box-refused", "ok"): mark(
        "%(who)s refused a machine that wanted to be the gateway %(what)s"
    ),
    ("gateway.renewed", "ok"): mark("A gateway renewed its certificate"),
    ("gateway.rolled-back", "refused"): mark("A gateway was set back to an earlier time"),
    ("gateway.jobs-lost", "refused"): mark("Jobs are no longer on the gateway %(what)s"),
    ("gateway.jobs-found", "ok"): mark("Jobs that were lost are on the gateway %(what)s again"),
    ("gateway.new-epoch", "ok"): mark("A gateway began a new count of what it tells"),
    ("gateway.facts-missing", "refused"): mark("A gateway no longer keeps all that was asked for"),
    ("gateway.parked", "refused"): mark("Two boxes use one gateway's identity; both are parked"),
    ("gateway.unparked", "ok"): mark("%(who)s chose the box that is the gateway"),
    ("gateway.rows-retried", "ok"): mark("%(who)s let what %(what)s said be taken in again"),
    ("gateway.rows-retried", "refused"): mark(
        "%(who)s tried again what %(what)s said; it could not be taken in"
    ),
    ("gateway.rows-given-up", "ok"): mark("%(who)s gave up something that %(what)s said"),
    ("link.refused", "refused"): mark("A gateway got a message that the primary did not sign"),
    ("command.refused", "refused"): mark("A gateway got a command that it does not believe"),
    ("gateway.serves", "ok"): mark("The gateway %(what)s serves this account from now on"),
    ("gateway.stops-serving", "ok"): mark("The gateway %(what)s no longer serves this account"),
    ("gateway.let-serve", "ok"): mark("%(who)s let a gateway serve the account %(what)s"),
    ("gateway.made-forget", "ok"): mark("%(who)s let a gateway forget the account %(what)s"),
    ("gateway.forgot-account", "ok"): mark("A gateway wiped everything of this account"),
    ("command.asked", "ok"): mark("%(who)s asked a gateway to %(what)s"),
    ("command.succeeded", "ok"): mark("A gateway was asked to %(what)s, and did"),
    ("command.failed", "refused"): mark("A gateway was asked to %(what)s, and could not"),
    ("command.rejected", "refused"): mark("A gateway was asked to %(what)s, and refused"),
    ("command.timed-out", "refused"): mark(
        "A gateway was asked to %(what)s, and did not answer in time"
    ),
    ("gateway.enrolled", "ok"): mark("The gateway %(what)s was enrolled"),
    ("gateway.revoked", "ok"): mark("%(who)s revoked the gateway %(what)s"),
    ("terminal.code-made", "ok"): mark("%(who)s made a pairing code for a terminal"),
    ("terminal.paired", "ok"): mark("A terminal was paired with its printer"),
    ("terminal.refused", "refused"): mark("An unpaired terminal asked for data and got none"),
    ("terminal.revoked", "ok"): mark("%(who)s revoked a terminal"),
    ("ipp.refused", "refused"): mark("A print client was refused: %(what)s"),
    ("account.created", "ok"): mark("%(who)s made the account %(what)s"),
    ("account.changed", "ok"): mark("%(who)s changed the account"),
    ("card.key-changed", "ok"): mark("%(who)s changed the key of the card hashes"),
    ("account.closed", "ok"): mark("%(who)s closed the account %(what)s"),
    ("account.reopened", "ok"): mark("%(who)s opened the account %(what)s again"),
    ("account.deletion-began", "ok"): mark("%(who)s began to delete the account %(what)s"),
    ("account.deleted", "ok"): mark("The account %(what)s was erased with all that it had"),
    ("vendor.created", "ok"): mark("%(who)s made the vendor %(what)s"),
    ("vendor.changed", "ok"): mark("%(who)s changed the vendor"),
    ("vendor.deleted", "ok"): mark("%(who)s deleted the vendor %(what)s"),
    ("licence.extended", "ok"): mark("%(who)s extended the licence"),
    ("domain.claimed", "ok"): mark("%(who)s claimed the domain %(what)s"),
    ("domain.verified", "ok"): mark("The domain %(what)s was verified"),
    ("domain.changed", "ok"): mark("%(who)s changed the look of the domain %(what)s"),
    ("domain.deleted", "ok"): mark("%(who)s removed the domain %(what)s"),
    ("domain.lost", "ok"): mark("The domain %(what)s was taken over by who holds its DNS"),
    ("domain.certificate-brought", "ok"): mark("%(who)s brought a certificate for %(what)s"),
    ("domain.certificate-removed", "ok"): mark("%(who)s removed the certificate of %(what)s"),
    ("role.created", "ok"): mark("%(who)s made the role %(what)s"),
    ("grant.given", "ok"): mark("%(who)s let the vendor look in for a time"),
    ("grant.used", "ok"): mark("%(who)s of the vendor looked in"),
    ("grant.revoked", "ok"): mark("%(who)s ended the look of the vendor"),
    ("job.released", "ok"): mark("%(who)s released a job"),
    ("job.canceled", "ok"): mark("%(who)s deleted a job"),
}
_COMMANDS: Final[Mapping[str, str]] = {
    "job.release": mark("print a job"),
    "job.cancel": mark("delete a job"),
    "job.reassign": mark("give a job to its person"),
    "printer.identify": mark("let a printer make itself known"),
    "printer.diagnose": mark("look at a printer"),
    "gateway.diagnose": mark("tell how it is"),
    "gateway.rehearse": mark("rehearse that its line is cut"),
    "gateway.end-rehearsal": mark("end its rehearsal"),
}
_NOBODY: Final[Mapping[str, str]] = {}
_NAMES: Final = ("name", "display_name", "username", "last4", "kind", "operation", "reason", "path")


def sentence(event: AuditEvent, names: Mapping[str, str] = _NOBODY) -> str:
    """Say what happened; ``names`` of people by id. What has no sentence keeps its keyword."""
    words = _SENTENCES.get((event.event, event.outcome))
    if words is None:
        refused = _("refused") if event.outcome == "refused" else ""
        return " · ".join(part for part in (event.event, what(event), refused) if part)
    whom = names.get(str(event.detail.get("user_id", "")), _("somebody"))
    said = " ".join(_(words, who=who(event), what=what(event), whom=whom).split())
    return f"{said[:1].upper()}{said[1:]}"


def people(events: Iterable[AuditEvent]) -> set[str]:
    """List the ids of the people whom the events are about."""
    return {str(event.detail["user_id"]) for event in events if event.detail.get("user_id")}


def who(event: AuditEvent) -> str:
    if event.actor_name:
        return event.actor_name
    return {
        "cli": _("The command line"),
        "gateway": _("A gateway"),
        "system": "Spoolhouse",
    }.get(event.actor_kind, _("Somebody"))


def what(event: AuditEvent) -> str:
    for key in _NAMES:
        value = event.detail.get(key)
        if isinstance(value, list) and value:  # before and after
            value = value[-1]
        if value:
            return f"…{value}" if key == "last4" else _(_COMMANDS.get(value, str(value)))
    return ""
