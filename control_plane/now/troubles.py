"""What needs a person, in sentences for the page "Now"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from control_plane.gateways.words import section_name
from control_plane.now.service import GatewayNow, Now
from shared.i18n import (
    format_date,
    format_duration,
    format_moment,
    format_time,
    gettext,
    ngettext,
)
from shared.job_states import Hold

_ = gettext
Link = Callable[..., str]  # url_for, or a stand-in

LICENCE_WARNING: Final = timedelta(days=14)
MOST_PRINTERS: Final = 5


@dataclass(frozen=True, slots=True)
class Trouble:
    """Its cause, what goes on regardless, and one button that helps."""

    tone: str
    title: str
    says: str
    href: str
    label: str


def troubles_of(now: Now, link: Link) -> Iterator[Trouble]:
    """Write everything that needs a person, what is broken first."""
    yield from _parked(now, link)
    for gateway in now.gateways:
        if not gateway.is_enrolled:
            yield _not_enrolled(gateway, link)
        elif gateway.rehearses_until is not None:
            yield _rehearsing(gateway, link)
        elif not gateway.is_here:
            yield _silent(gateway, now, link)
        elif gateway.errors:
            yield _half_configured(gateway, link)
    yield from _asking_printers(now, link)
    uncertain = now.held_for.get(Hold.UNCERTAIN, 0)
    if uncertain:
        yield Trouble(
            "warn",
            ngettext(
                "%(num)s job may or may not have printed",
                "%(num)s jobs may or may not have printed",
                uncertain,
            ),
            _("The printer could not tell. Held, so that nothing prints twice by itself."),
            link("jobs.list_jobs", state="uncertain"),
            _("Look"),
        )
    yield from _lost(now, link)
    unknown = now.held_for.get(Hold.QUARANTINE, 0)
    if unknown:
        yield Trouble(
            "off",
            ngettext(
                "%(num)s job came without a known user",
                "%(num)s jobs came without a known user",
                unknown,
            ),
            _("Kept until the time is over; nobody can collect what is nobody's."),
            link("jobs.list_jobs", state="quarantine"),
            _("Look"),
        )
    yield from _licence(now)
    yield from _certificates(now, link)


def _lost(now: Now, link: Link) -> Iterator[Trouble]:
    if now.lost_jobs:
        yield Trouble(
            "warn",
            ngettext(
                "%(num)s job was lost with a gateway's disk",
                "%(num)s jobs were lost with a gateway's disk",
                now.lost_jobs,
            ),
            _(
                "A gateway was set back to an older state, or got another disk. Nothing of it is "
                "charged; what was on its way to a printer may have printed."
            ),
            link("jobs.list_jobs", state="lost"),
            _("Look"),
        )


def _parked(now: Now, link: Link) -> Iterator[Trouble]:
    names = {gateway.id: gateway.name for gateway in now.gateways}
    for waiting in now.waiting_links[:MOST_PRINTERS]:
        name = names.get(waiting.gateway_id, _("a gateway that is gone"))
        href = link("parked.show_parked", gateway_id=waiting.gateway_id)
        if waiting.halted_at is not None:
            yield Trouble(
                "bad",
                _("Two boxes claim to be gateway %(name)s", name=name),
                _("Both go on printing. What they say is taken in when you have chosen one."),
                href,
                _("Choose"),
            )
        else:
            yield Trouble(
                "warn",
                ngettext(
                    "%(num)s line of gateway %(name)s could not be taken in",
                    "%(num)s lines of gateway %(name)s could not be taken in",
                    waiting.rows,
                    name=name,
                ),
                _("Nothing is lost: it is kept in order, and everything else goes on."),
                href,
                _("Look"),
            )


def _asking_printers(now: Now, link: Link) -> Iterator[Trouble]:
    for printer in now.printers[:MOST_PRINTERS]:
        yield Trouble(
            "bad" if printer.how.tone == "bad" else "warn",
            _("%(printer)s: %(state)s", printer=printer.name, state=printer.how.says),
            _(
                "%(as_of)s. What waits for it stays; other printers go on.",
                as_of=_capital(printer.how.as_of),
            ),
            link("printers.show_printer", printer_id=printer.id),
            _("Show"),
        )
    more = len(now.printers) - MOST_PRINTERS
    if more > 0:
        yield Trouble(
            "warn",
            ngettext(
                "%(num)s more printer asks for somebody",
                "%(num)s more printers ask for somebody",
                more,
            ),
            _("All of them stand in the list of printers, with what they say."),
            link("printers.list_printers"),
            _("Show"),
        )


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _not_enrolled(gateway: GatewayNow, link: Link) -> Trouble:
    return Trouble(
        "warn",
        _("Gateway %(name)s is not enrolled yet", name=gateway.name),
        _("Make a code here and run one command on its machine."),
        link("gateways.show_gateway", gateway_id=gateway.id),
        _("Enrol it"),
    )


def _rehearsing(gateway: GatewayNow, link: Link) -> Trouble:
    assert gateway.rehearses_until is not None
    return Trouble(
        "off",
        _("Gateway %(name)s rehearses that its line is cut", name=gateway.name),
        _(
            "No outage: it prints, and tells at %(moment)s what happened.",
            moment=format_time(gateway.rehearses_until),
        ),
        link("gateways.show_gateway", gateway_id=gateway.id),
        _("Show"),
    )


def _silent(gateway: GatewayNow, now: Now, link: Link) -> Trouble:
    if gateway.heard_at is None:
        title = _("Gateway %(name)s has never been heard", name=gateway.name)
        known = _("It was enrolled, and has not called since.")
    else:
        age = format_duration((now.at - gateway.heard_at).total_seconds())
        title = _("Gateway %(name)s has not been heard for %(age)s", name=gateway.name, age=age)
        known = _(
            "Its site goes on by itself, with people and cards known up to %(moment)s.",
            moment=format_moment(gateway.heard_at, now.at),
        )
    waiting = _waiting_there(gateway.waiting)
    return Trouble(
        "bad",
        title,
        f"{known} {waiting}".strip(),
        link("gateways.show_gateway", gateway_id=gateway.id),
        _("Diagnose"),
    )


def _waiting_there(count: int) -> str:
    if not count:
        return ""
    return ngettext("%(num)s job is waiting there.", "%(num)s jobs are waiting there.", count)


def _half_configured(gateway: GatewayNow, link: Link) -> Trouble:
    section, what = next(iter(sorted(gateway.errors.items())))
    return Trouble(
        "warn",
        _("Gateway %(name)s does not run all of its settings", name=gateway.name),
        _(
            "%(section)s: %(what)s. Its last good settings stay in force.",
            section=section_name(section),
            what=str(what).rstrip("."),
        ),
        link("gateways.show_gateway", gateway_id=gateway.id),
        _("Show"),
    )


def _licence(now: Now) -> Iterator[Trouble]:
    expires = now.licence_expires_at
    if expires is None or expires - now.at > LICENCE_WARNING:
        return
    day = format_date(expires)
    title = (
        _("The licence ended on %(day)s", day=day)
        if expires <= now.at
        else _("The licence ends on %(day)s", day=day)
    )
    says = _("Printing goes on; no printers can be added then. Your vendor extends it.")
    yield Trouble("warn", title, says, "", "")


def _certificates(now: Now, link: Link) -> Iterator[Trouble]:
    for domain_id, ends_at in now.certificates[:MOST_PRINTERS]:
        moment = format_moment(ends_at, now.at)
        yield Trouble(
            "bad" if ends_at <= now.at else "warn",
            _("A certificate of your pages ended: %(moment)s", moment=moment)
            if ends_at <= now.at
            else _("A certificate of your pages ends: %(moment)s", moment=moment),
            _("Then browsers warn everybody who comes. Printing does not need it."),
            link("domains.show_domain", domain_id=domain_id),
            _("Renew"),
        )
