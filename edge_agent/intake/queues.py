"""What changes about a queue while the gateway runs, and its attributes ready to be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_agent.intake import attributes as a
from edge_agent.intake import subscriptions
from edge_agent.intake.access import closed_words, must_sign_in, no_printer_words
from edge_agent.intake.capabilities import GENERIC, Capabilities
from edge_agent.intake.job_attributes import seconds
from edge_agent.intake.printer_attributes import PrinterAttributes, QueueFace
from edge_agent.intake.queue_status import QueueStatus, StatusBoard
from edge_agent.intake.targets import Target
from edge_agent.intake.templates import SETTABLE as SETTABLE_OF_A_JOB
from edge_agent.jobs import incoming
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.ids import QueueId
from shared.ipp.enums import Operation
from shared.ipp.message import Attribute

_MOST_REMEMBERED: Final = 256

MORE: Final = (
    a.keyword("job-settable-attributes-supported", *SETTABLE_OF_A_JOB),
    a.keyword("document-settable-attributes-supported", "document-name"),
    a.keyword("printer-settable-attributes-supported", "printer-message-from-operator"),
    a.integer("ippget-event-life", subscriptions.EVENT_LIFE_SECONDS),
    a.keyword("notify-events-default", *subscriptions.DEFAULT_EVENTS),
    a.keyword("notify-events-supported", *subscriptions.EVENTS),
    a.integer("notify-lease-duration-default", subscriptions.DEFAULT_LEASE_SECONDS),
    a.ranges("notify-lease-duration-supported", (0, subscriptions.LONGEST_LEASE_SECONDS)),
    a.integer("notify-max-events-supported", subscriptions.MOST_EVENTS),
    a.keyword("notify-pull-method-supported", "ippget"),
)


class Queues:
    """The queues' states and faces."""

    def __init__(
        self,
        clock: Clock,
        operations: Sequence[Operation],
        *,
        has_tls: bool,
        board: StatusBoard,
        time_out_seconds: int = incoming.DEFAULT_SECONDS,
        capabilities: Mapping[QueueId, Capabilities] | None = None,
    ) -> None:
        self._clock = clock
        self.operations = tuple(operations)
        self._has_tls = has_tls
        self._capabilities = capabilities or {}
        self._board = board
        self._more = (*MORE, a.integer("multiple-operation-time-out", time_out_seconds))
        self._faces: dict[tuple[str, str, bool, bool], tuple[Target, PrinterAttributes]] = {}

    def capabilities(self, target: Target) -> Capabilities:
        return self._capabilities.get(target.queue.id, GENERIC)

    def status(self, queue_id: QueueId) -> QueueStatus:
        return self._board.status(queue_id)

    async def change(self, queue_id: QueueId, **changes: Any) -> QueueStatus:
        """Change how a queue is; on disk when this returns."""
        return await self._board.change(queue_id, **changes)

    def attributes(
        self, target: Target, authority: str, *, secure: bool, loopback: bool
    ) -> PrinterAttributes:
        """Give the constant attributes, made anew when the queue's record has changed."""
        if target.token is not None:  # Nothing that knows a token is remembered.
            return PrinterAttributes(
                self._face(target, authority, secure=secure, loopback=loopback), self._more
            )
        key = (target.path, authority, secure, loopback)
        known = self._faces.get(key)
        if known is not None and known[0] is target:
            return known[1]
        if len(self._faces) >= _MOST_REMEMBERED:
            self._faces.clear()
        face = self._face(target, authority, secure=secure, loopback=loopback)
        made = PrinterAttributes(face, self._more)
        self._faces[key] = (target, made)
        return made

    def live(
        self, target: Target, queued: int, *, is_printing: bool, has_room: bool
    ) -> list[Attribute]:
        """Give the attributes that change by themselves."""
        now = self._clock.now()
        status = self.status(target.queue.id)
        state = status.state(is_printing=is_printing)
        accepting = status.is_accepting and has_room and not target.account.is_closed
        accepting = accepting and not target.lacks_printer
        reasons = [
            *(["shutdown"] if status.is_shut_down else []),
            *(["paused"] if status.is_paused else []),
            *([] if has_room else ["spool-area-full-warning"]),
            *(["hold-new-jobs"] if status.holds_new_jobs else []),
        ]
        return [
            a.enum("printer-state", state),
            a.keyword("printer-state-reasons", *(reasons or ["none"])),
            a.text("printer-state-message", _says(target, status, has_room=has_room)),
            a.boolean("printer-is-accepting-jobs", value=accepting),
            a.integer("printer-up-time", seconds(now) or 1),
            a.date_time("printer-current-time", now),
            a.integer("queued-job-count", queued),
            a.integer("printer-state-change-time", seconds(status.changed_at) or 0),
            a.date_time("printer-state-change-date-time", status.changed_at),
            a.integer("printer-config-change-time", seconds(status.configured_at) or 0),
            a.date_time("printer-config-change-date-time", status.configured_at),
            a.octets("printer-alert", "code=unknown;severity=other;group=generalPrinter"),
            a.text("printer-alert-description", _("No alert")),
            a.text("printer-message-from-operator", status.operator_message),
        ]

    def _face(self, target: Target, authority: str, *, secure: bool, loopback: bool) -> QueueFace:
        queue, account, printer = target.queue, target.account, target.printer
        plain = (
            ("basic" if loopback else "none")
            if must_sign_in(account, queue, secure=False)
            else ("requesting-user-name")
        )
        over_tls = "basic" if must_sign_in(account, queue, secure=True) else "requesting-user-name"
        if target.token is not None:  # The path says who it is; nobody is asked for a password.
            plain = "none" if plain == "none" else "requesting-user-name"
            over_tls = "requesting-user-name"
        uris = []
        if plain != "none":
            uris.append((f"ipp://{authority}{target.named_path}", "none", plain))
        if self._has_tls or not uris:
            uris.append((f"ipps://{authority}{target.named_path}", "tls", over_tls))
        return QueueFace(
            name=queue.path,
            info=queue.name,
            location=printer.location if printer else "",
            organization=account.name,
            organizational_unit="",
            uuid=queue.id,
            uris=tuple(sorted(uris, key=lambda item: (item[1] == "tls") is not secure)),
            web=f"{'https' if secure else 'http'}://{authority}",
            language=account.language,
            operations=self.operations,
            capabilities=self.capabilities(target),
            defaults=queue.ticket_defaults,
        )


def _says(target: Target, status: QueueStatus, *, has_room: bool) -> str:
    if target.account.is_closed:
        return closed_words()
    if not has_room:
        return _("There is no room for more jobs just now; waiting jobs can be printed.")
    if target.lacks_printer:
        return no_printer_words()
    return _operator_says(status)


def _operator_says(status: QueueStatus) -> str:
    if status.is_shut_down:
        return _("The operator has shut this queue down.")
    if status.is_paused:
        return _("The operator has paused this queue.")
    if not status.is_accepting:
        return _("This queue takes no jobs just now.")
    return ""
