"""What a printer says it can do, and which of a job's wishes that covers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.ipp import Attribute, DecodeError, Group, Operation, Tag, decode_groups
from shared.ipp import values as v

ASKED: Final = (
    "operations-supported",
    "multiple-document-jobs-supported",
    "job-creation-attributes-supported",
    "job-template",
)

# Never sent on. A job that was released must not be held again where nobody looks for it; the
# others speak of our queue, not of paper.
KEPT_BACK: Final = frozenset(
    {
        "job-hold-until",
        "job-hold-until-time",
        "job-delay-output-until",
        "job-delay-output-until-time",
        "job-release-action",
        "job-storage",
        "job-password",
        "job-password-encryption",
        "job-priority",
        "job-retain-until",
        "job-retain-until-time",
        "job-account-id",
        "job-accounting-user-id",
    }
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """A printer's answer to Get-Printer-Attributes, as far as a delivery needs it."""

    version: tuple[int, int]
    printer: Group
    operations: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def of(cls, version: tuple[int, int], printer: Group) -> Capabilities:
        operations = frozenset(printer.list_integers("operations-supported"))
        return cls(version, printer, operations)

    @property
    def creates_jobs(self) -> bool:
        """Whether it gives a job its number before it takes the document."""
        return {Operation.CREATE_JOB, Operation.SEND_DOCUMENT} <= self.operations

    @property
    def takes_many_documents(self) -> bool:
        several = self.printer.find_boolean("multiple-document-jobs-supported")
        return self.creates_jobs and several is True

    def choose(self, ticket_ipp: bytes) -> tuple[Group | None, list[str]]:
        """Split a job's template attributes into what it can do, and names of what it cannot."""
        wanted = _wishes(ticket_ipp)
        sent = [wish for wish in wanted if self._supports(wish)]
        left_out = [str(wish) for wish in wanted if wish not in sent]
        return (Group(Tag.JOB, tuple(sent)) if sent else None), left_out

    def _supports(self, wish: Attribute) -> bool:
        supported = self.printer.find(f"{wish.name}-supported")
        if supported is None:
            creation = self.printer.list_words("job-creation-attributes-supported")
            return wish.name in creation
        return all(_covers(supported.values, value) for value in wish.values)


def _wishes(ticket_ipp: bytes) -> list[Attribute]:
    try:
        groups = decode_groups(ticket_ipp)
    except DecodeError:
        return []
    wishes = [wish for group in groups for wish in group]
    return [wish for wish in wishes if wish.name not in KEPT_BACK]


def _covers(supported: Sequence[v.Value], wanted: v.Value) -> bool:
    """Whether a value is among the supported ones (RFC 8011 section 5.2: by its own rule)."""
    if any(_is_switch(able, wanted) for able in supported):
        return True
    cover = _RULES.get(type(wanted))
    return wanted in supported if cover is None else cover(supported, wanted)


def _is_switch(able: v.Value, wanted: v.Value) -> bool:
    """``page-ranges-supported`` and its like say only yes."""
    return isinstance(able, v.Boolean) and able.value and not isinstance(wanted, v.Boolean)


def _number(supported: Sequence[v.Value], wanted: v.Integer) -> bool:
    return any(
        (isinstance(able, v.RangeOfInteger) and wanted.value in able)
        or (isinstance(able, v.Integer) and able.value == wanted.value)
        for able in supported
    )


def _range(supported: Sequence[v.Value], wanted: v.RangeOfInteger) -> bool:
    ranges = [able for able in supported if isinstance(able, v.RangeOfInteger)]
    return any(able.lower <= wanted.lower and wanted.upper <= able.upper for able in ranges)


def _word(supported: Sequence[v.Value], wanted: v.Keyword | v.Name) -> bool:
    words = {able.value for able in supported if isinstance(able, v.Keyword | v.Name)}
    return wanted.value in words


def _collection(supported: Sequence[v.Value], wanted: v.Collection) -> bool:
    """``media-col-supported`` lists the members it knows."""
    members = {able.value for able in supported if isinstance(able, v.Keyword)}
    return {member.name for member in wanted.members} <= members


_RULES: Final[dict[type, Callable[[Sequence[v.Value], v.Value], bool]]] = {
    v.Integer: _number,  # type: ignore[dict-item]
    v.RangeOfInteger: _range,  # type: ignore[dict-item]
    v.Keyword: _word,  # type: ignore[dict-item]
    v.Name: _word,  # type: ignore[dict-item]
    v.Collection: _collection,  # type: ignore[dict-item]
}
