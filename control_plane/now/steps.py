"""The first steps of an account: from nothing to the first printed document, one button each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from control_plane.now.service import Now
from shared.i18n import gettext

_ = gettext
Link = Callable[..., str]  # url_for, or a stand-in


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; the first that is not done is the one to do next."""

    title: str
    says: str
    href: str
    label: str
    is_done: bool
    is_next: bool = False


def first_steps(now: Now, link: Link) -> Sequence[Step]:
    """Write the steps; none where a document has been here, since then all of them were taken."""
    if now.jobs:
        return ()
    steps = list(_steps(now, link))
    following = next((n for n, step in enumerate(steps) if not step.is_done), None)
    return [
        Step(step.title, step.says, step.href, step.label, step.is_done, n == following)
        for n, step in enumerate(steps)
    ]


def _steps(now: Now, link: Link) -> Sequence[Step]:
    to_enrol = next((gateway for gateway in now.gateways if not gateway.is_enrolled), None)
    return (
        Step(
            _("Add a site"),
            _("A place with printers: an office, a school, a warehouse."),
            link("sites.list_sites"),
            _("Add a site"),
            bool(now.sites),
        ),
        Step(
            _("Enrol a gateway there"),
            _("A small computer near the printers. It keeps documents and prints, also without"
              " its line to here. You run one command on it."),
            link("gateways.show_gateway", gateway_id=to_enrol.id) if to_enrol
            else link("sites.list_sites"),
            _("Enrol it") if to_enrol else _("Add a gateway"),
            any(gateway.is_enrolled for gateway in now.gateways),
        ),
        Step(
            _("Add a printer"),
            _("A name, and its address on the network."),
            link("printers.new_printer"),
            _("Add a printer"),
            now.printers_in_all > 0,
        ),
        Step(
            _("Add a queue"),
            _("What people choose in their print dialog. Most houses need one that holds until"
              " its owner taps a card, called Follow me."),
            link("queues.new_queue"),
            _("Add a queue"),
            now.queues > 0,
        ),
        Step(
            _("Add people and their cards"),
            _("One by one, or all of them from a table."),
            link("users.list_users"),
            _("To the people"),
            now.people > 1,
        ),
        Step(
            _("Print the first document"),
            _("The queue's page shows its address and how to set it up."),
            link("queues.list_queues"),
            _("See how to print"),
            False,  # noqa: FBT003 - the steps go when it is done
        ),
    )  # fmt: skip
