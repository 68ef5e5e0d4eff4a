"""What a station shows, who stands there, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from edge_agent.identity.reader import CardRead
from shared import cards
from shared.i18n import gettext as _
from shared.i18n import ngettext
from shared.ids import CardId, ReaderId, UserId
from shared.messages.calls import Authenticated, Released, WaitingJob
from shared.messages.records import ReaderRecord


class Screen(Enum):
    """What the terminal shows."""

    IDLE = "idle"
    SESSION = "session"
    REFUSED = "refused"
    PRINTING = "printing"
    PIN = "pin"
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands there."""

    user_id: UserId
    display_name: str
    language: str
    card_id: CardId | None = None
    reader_id: ReaderId | None = None


@dataclass(slots=True)
class Shown:
    """What a station shows now."""

    screen: Screen = Screen.IDLE
    message: str = ""
    person: Person | None = None
    jobs: tuple[WaitingJob, ...] = ()
    ends_at: float | None = None  # Clock.monotonic()
    language: str = ""
    # The card that waits for its PIN, or for somebody who signs in beside it.
    waiting_card: tuple[CardRead, ReaderRecord] | None = field(default=None, repr=False)


def person_of(answer: Authenticated, reader: ReaderRecord | None) -> Person:
    assert answer.user_id is not None
    reader_id = reader.id if reader else None
    return Person(answer.user_id, answer.display_name, answer.language, answer.card_id, reader_id)


def what_prints(released: Released) -> str:
    count = len(released.released)
    refused = next(iter(released.refused.values()), "")
    if count:
        says = ngettext("%(num)s document is printing.", "%(num)s documents are printing.", count)
        return f"{says} {refused}".strip()
    return refused or _("Nothing is waiting for you.")


def last4_of(number: str) -> str:
    try:
        return cards.canonical(number).last4
    except ValueError:
        return ""
