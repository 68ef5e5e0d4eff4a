"""What the sender asks for: job template attributes (RFC 8011 sections 4.1.7 and 5.2).

They are checked, kept, and named in the answer where they cannot be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edge_agent.intake.capabilities import Capabilities
from edge_agent.intake.templates import OURS, can_do, checks, from_plain, to_plain
from shared.i18n import gettext as _
from shared.ipp.encode import encode_groups
from shared.ipp.message import Attribute, Group
from shared.ipp.tags import Tag
from shared.ipp.values import UNSUPPORTED

_MOST_NAMED: Final = 5
_LONGEST_NAME: Final = 40
# Operation attributes that some clients put into the job group, and that mean no harm there.
_NOT_TEMPLATE: Final = frozenset({"job-name", "ipp-attribute-fidelity", "document-format"})


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the job is to look like, and what cannot be done."""

    attributes: tuple[Attribute, ...] = ()
    unsupported: tuple[Attribute, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_held_by_sender(self) -> bool:
        return str(self.values.get("job-hold-until", "no-hold")) != "no-hold"

    def encoded(self) -> bytes:
        """The group that is sent on to the printer; empty when there is nothing to send."""
        sent = tuple(item for item in self.attributes if item.name not in OURS)
        return encode_groups((Group(Tag.JOB, sent),)) if sent else b""

    def describe_unsupported(self) -> str:
        """Say in words what was ignored, for the job's timeline; empty when nothing was."""
        if not self.unsupported:
            return ""
        names = self._names_unsupported()
        return _("This queue cannot do %(names)s as asked; it was left out.", names=names)

    def describe_refusal(self) -> str:
        """Say in words why a job was not taken, or not changed, at all."""
        return _("This queue cannot do %(names)s as asked.", names=self._names_unsupported())

    def _names_unsupported(self) -> str:
        """The first of them: a client may name thousands, and a person reads this."""
        names = [attribute.name[:_LONGEST_NAME] for attribute in self.unsupported[:_MOST_NAMED]]
        return ", ".join(names if len(self.unsupported) <= _MOST_NAMED else [*names, "\u2026"])


# A PIN that the sender chose guards nothing here, and the sender must hear of it.
_OF_THE_OPERATION: Final = OURS | {"job-password", "job-password-encryption"}

EMPTY: Final = Ticket()


def read_ticket(
    groups: Iterable[Group], capabilities: Capabilities, defaults: Mapping[str, Any]
) -> Ticket:
    """Read the template attributes of a request; the queue's defaults fill what is not named.

    ``job-hold-until`` and ``job-priority`` are also taken from the operation group, where
    clients of CUPS' age put them.
    """
    asked: dict[str, Attribute] = {}
    unsupported: list[Attribute] = []
    known = checks(capabilities)
    for attribute in _templates_in(groups):
        if attribute.name not in known:
            unsupported.append(Attribute(attribute.name, (UNSUPPORTED,)))
        elif not can_do(attribute, capabilities):
            unsupported.append(attribute)
        else:
            asked.setdefault(attribute.name, attribute)  # the first one counts (RFC 8010 4.1)
    if not asked and not unsupported and not defaults:
        return EMPTY
    for name, value in defaults.items():
        default = from_plain(name, value)
        if default is not None and name not in asked and can_do(default, capabilities):
            asked[name] = default
    return Ticket(
        tuple(asked.values()),
        tuple(unsupported),
        {name: to_plain(attribute) for name, attribute in asked.items()},
    )


def _templates_in(groups: Iterable[Group]) -> Iterator[Attribute]:
    for group in groups:
        if group.tag == Tag.OPERATION:
            yield from (item for item in group.attributes if item.name in _OF_THE_OPERATION)
        elif group.tag == Tag.JOB:
            yield from (item for item in group.attributes if item.name not in _NOT_TEMPLATE)
