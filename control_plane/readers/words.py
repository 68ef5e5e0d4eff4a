"""A card reader in words: what a tap does, who calls whom, and how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from control_plane.gateways.things import ThingState
from control_plane.readers.models import Reader
from shared.i18n import format_moment, gettext, mark

_ = gettext
MODES: Final[Mapping[str, str]] = {
    "print-all": mark("prints everything that waits"),
    "choose": mark("the person chooses at the terminal"),
}
ROLES: Final[Mapping[str, str]] = {
    "client": mark("the gateway calls the reader"),
    "server": mark("the reader calls the gateway"),
}


@dataclass(frozen=True, slots=True)
class ReaderLine:
    """One reader, as a list shows it."""

    id: str
    name: str
    printer: str
    printer_id: str
    gateway: str
    gateway_id: str
    mode: str
    role: str
    where: str
    tone: str
    state: str
    below: str


def line(
    reader: Reader, names: Mapping[str, str], state: ThingState | None, now: datetime
) -> ReaderLine:
    tone, says, below = how(state, now)
    return ReaderLine(
        id=reader.id,
        name=reader.name,
        printer=names.get(reader.printer_id, ""),
        printer_id=reader.printer_id,
        gateway=names.get(reader.gateway_id, _("a gateway that is gone")),
        gateway_id=reader.gateway_id,
        mode=_(MODES[reader.mode]),
        role=_(ROLES[reader.role]),
        where=f"{reader.address}:{reader.port}",
        tone=tone,
        state=says,
        below=below,
    )


def how(state: ThingState | None, now: datetime) -> tuple[str, str, str]:
    """The dot's tone, the state in a word, and the small print: as of when, and the cause."""
    if state is None:
        return "off", _("not known yet"), _("Its gateway has not spoken of it.")
    moment = format_moment(state.as_of, now)
    if state.is_old:
        was = _("was connected") if state.ok else _("was not connected")
        return "off", was, _("Its gateway was last heard %(moment)s.", moment=moment)
    if state.ok:
        return "ok", _("connected"), _("as of %(moment)s", moment=moment)
    return (
        "warn",
        _("not connected"),
        " · ".join((state.says, _("as of %(moment)s", moment=moment))),
    )
