"""A printer in words: how it last said that it is, what it has left, and as of when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from control_plane.gateways.things import ThingState
from shared.i18n import format_moment, gettext, mark

_ = gettext
_LOW: Final = 10
_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "idle": ("ok", mark("ready")),
    "processing": ("ok", mark("printing")),
    "stopped": ("bad", mark("stopped")),
    "unreachable": ("bad", mark("does not answer")),
    "untrusted": ("bad", mark("its certificate is not trusted")),
    "not-ipp": ("bad", mark("does not speak IPP")),
    "unknown": ("warn", mark("says nothing we know")),
}
# Keywords of printer-state-reasons without their severity (RFC 8011 section 5.4.12).
_REASONS: Final[Mapping[str, str]] = {
    "media-jam": mark("paper is jammed"),
    "media-empty": mark("out of paper"),
    "media-low": mark("little paper left"),
    "media-needed": mark("needs other paper"),
    "cover-open": mark("a cover is open"),
    "door-open": mark("a door is open"),
    "interlock-open": mark("a cover is open"),
    "input-tray-missing": mark("a tray is missing"),
    "output-tray-missing": mark("the output tray is missing"),
    "output-area-full": mark("the output tray is full"),
    "output-area-almost-full": mark("the output tray is almost full"),
    "toner-empty": mark("out of toner"),
    "toner-low": mark("little toner left"),
    "marker-supply-empty": mark("out of toner or ink"),
    "marker-supply-low": mark("little toner or ink left"),
    "marker-waste-full": mark("the waste box is full"),
    "marker-waste-almost-full": mark("the waste box is almost full"),
    "paused": mark("paused"),
    "moving-to-paused": mark("paused"),
    "shutdown": mark("switched off"),
    "offline": mark("offline"),
    "spool-area-full": mark("its memory is full"),
    "connecting-to-device": mark("is being called"),
    "timed-out": mark("did not answer in time"),
    "other": mark("asks for somebody; its panel says why"),
}
_SEVERITIES: Final = frozenset({"error", "warning", "report"})


@dataclass(frozen=True, slots=True)
class Supply:
    name: str
    level: int | None
    tone: str
    says: str


@dataclass(frozen=True, slots=True)
class PrinterHow:
    """How a printer is, as of when; ``needs_somebody`` for the page "Now"."""

    tone: str
    says: str
    as_of: str
    supplies: tuple[Supply, ...] = ()
    needs_somebody: bool = False
    model: str = ""


def how(state: ThingState | None, now: datetime, *, enabled: bool = True) -> PrinterHow:
    if not enabled:
        return PrinterHow("off", _("switched off here"), "")
    if state is None:
        return PrinterHow("off", _("not known yet"), _("No gateway has asked it."))
    tone, says = state_words(state.told)
    moment = format_moment(state.as_of, now)
    supplies = tuple(supplies_of(state.told))
    model = str(state.told.get("model") or "")[:80]
    if state.is_old:
        was = _("was: %(state)s", state=says)
        said = _("as of %(moment)s; its gateway is silent", moment=moment)
        return PrinterHow("off", was, said, supplies, model=model)
    is_low = any(supply.tone != "ok" for supply in supplies)
    if tone == "ok" and is_low:
        tone = "warn"
    said = _("as of %(moment)s", moment=moment)
    return PrinterHow(tone, says, said, supplies, tone in ("bad", "warn"), model)


def state_words(told: Mapping[str, Any]) -> tuple[str, str]:
    """The dot's tone, and the state with its reasons; what came is a stranger's."""
    tone, state = _STATES.get(str(told.get("state")), _STATES["unknown"])
    reasons = list(dict.fromkeys(_reason(word) for word in _words(told.get("reasons"))))
    if not reasons:
        return tone, _(state)
    between = ", " if tone == "ok" else ": "
    return "warn" if tone == "ok" else tone, f"{_(state)}{between}{', '.join(reasons)}"


def supplies_of(told: Mapping[str, Any]) -> Iterator[Supply]:
    found = told.get("supplies")
    for supply in found if isinstance(found, list) else ():
        if not isinstance(supply, Mapping):
            continue
        level = supply.get("level")
        known = level if isinstance(level, int) and 0 <= level <= 100 else None  # noqa: PLR2004
        says = _("%(percent)s %%", percent=known) if known is not None else _("some left")
        tone = "warn" if known is not None and known <= _LOW else "ok"
        yield Supply(str(supply.get("name") or "?")[:80], known, tone, says)


def _words(found: Any) -> Iterator[str]:
    for word in found if isinstance(found, list) else ():
        yield str(word)[:80]


def _reason(word: str) -> str:
    stem, _dash, severity = word.rpartition("-")
    bare = stem if severity in _SEVERITIES else word
    return _(_REASONS[bare]) if bare in _REASONS else bare
