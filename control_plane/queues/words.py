"""What a queue is set to, in words: who may send, how long it keeps, what its tickets ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy.orm import Session

from control_plane.accounts import service as accounts
from control_plane.gateways import service as gateways
from control_plane.gateways.addresses import door, host_of
from control_plane.queues.models import Queue
from shared.i18n import format_duration, gettext, mark

_ = gettext
_HOURS: Final = (1, 4, 8, 24, 72, 168)
# What a page offers of the ticket's defaults; whatever else was set through the API stays.
DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "sides": {
        "one-sided": mark("one-sided"),
        "two-sided-long-edge": mark("two-sided, turned like a book"),
        "two-sided-short-edge": mark("two-sided, turned like a calendar"),
    },
    "print-color-mode": {
        "auto": mark("as the document has it"),
        "monochrome": mark("black and white"),
        "color": mark("in colour"),
    },
}


def identities() -> dict[str, str]:
    return {
        "sign-in": _("people who sign in"),
        "sign-in-over-tls": _("people who sign in over TLS; others by the name they claim"),
        "claimed": _("anybody, by the name they claim"),
    }


def default_choices() -> dict[str, list[tuple[str, str]]]:
    return {
        name: [(value, _(text)) for value, text in known.items()]
        for name, known in DEFAULTS.items()
    }


def retentions(chosen: str) -> list[tuple[str, str]]:
    """The usual times, and the one that is set, however odd."""
    seconds = {hours * 3600 for hours in _HOURS}
    if chosen.isdecimal():
        seconds.add(int(chosen))
    return [(str(each), format_duration(each)) for each in sorted(seconds)]


def addresses(session: Session, queue: Queue) -> Iterator[dict[str, Any]]:
    """Where people print to: the addresses of the queue at each gateway that serves the account."""
    short_name = accounts.get_account(session, queue.account_id).short_name
    served = gateways.count_served(session, queue.account_id)
    for gateway in gateways.serving_gateways(session, queue.account_id):
        path = f"{short_name}/{queue.path}" if served[gateway.id] > 1 else queue.path
        unknown = _("gateway-address")
        uris = []
        if (ipp := door(gateway, "ipp")) and ipp.get("port"):
            uris.append(f"ipp://{host_of(gateway, ipp, unknown)}:{ipp['port']}/ipp/print/{path}")
        if (lpd := door(gateway, "lpd")) and lpd.get("port"):
            uris.append(f"lpd://{host_of(gateway, lpd, unknown)}:{lpd['port']}/{path}")
        if (raw := door(gateway, "raw")) and queue.raw_port:
            uris.append(f"socket://{host_of(gateway, raw, unknown)}:{queue.raw_port}")
        if uris:
            yield {"gateway": gateway.name, "uris": uris}
