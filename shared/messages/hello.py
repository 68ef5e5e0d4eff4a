"""How the two sides of the link begin, and how they keep telling where they are.

A gateway says ``Hello`` on ``up/hello`` at every connect (plain JSON). The primary answers on
``down/hello`` with ``HelloAnswer``, and acknowledges rows on ``down/ack`` with ``Ack``; what it
says is signed (shared/crypto/signing.py). ``Presence`` on ``up/presence`` is birth, heartbeat and
will; ``FeedAsk`` is in shared/messages/feed.py.

What the answer asks of a lane::

    continue    send what comes after the mark
    resend      the primary is behind what it once acknowledged (a restored backup): the same
    new-epoch   the primary is ahead, or the chains differ: this database is an old copy. Begin a
                new epoch, hold what is in ``known_released``, say Hello again
    parked      two boxes live under this identity: send nothing until a person has chosen
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from shared.messages.envelope import Lane

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an epoch: the chain after row ``seq`` (hex)."""

    epoch: str
    seq: int
    chain: str


@dataclass(frozen=True, slots=True)
class LaneHello:
    """Where a lane stands at the gateway."""

    epoch: str
    next_seq: int
    chain: str  # hex, after next_seq - 1
    floor: int  # the lowest seq of this epoch that can still be sent
    previous: Position | None = None  # the epoch before, and where this database left it
    why: str = "born"  # why this epoch began: born | identity | behind | forked | pruned
    # The gateway cannot go on from the mark it was given: forked (the chain there is another one)
    # or pruned (the rows after it are not kept any more). It asks to be told new-epoch.
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class StreamCursor:
    """How much of a feed stream the gateway has."""

    feed_epoch: str
    changed_seq: int


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, which may be less than what was received; errors by section."""

    received: StreamCursor | None = None  # of the gateway's own stream
    running: StreamCursor | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hello:
    """The first thing a gateway says."""

    v: int
    hello_id: str  # echoed in the answer, so that an old answer is nothing
    boot_id: str  # made anew at each start of the agent
    agent_version: str
    time: datetime  # the gateway's clock, for the page; never for order
    lanes: Mapping[str, LaneHello]
    streams: Mapping[str, StreamCursor] = field(default_factory=dict)
    running: Running = field(default_factory=Running)
    # The Hello of this start whose answer asked to say it anew; empty: none did. Only who is there
    # knows it: without it an old Hello is one that is heard late. None: an agent before this.
    anew: str | None = None


class LaneAction(Enum):
    CONTINUE = "continue"
    RESEND = "resend"
    NEW_EPOCH = "new-epoch"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class LaneMark:
    """What the primary has of a lane; ``epoch`` may be an earlier one that it wants the rest of."""

    action: LaneAction
    epoch: str
    upto_seq: int
    chain: str | None  # hex, after upto_seq; None where it cannot tell
    says: str = ""
    # With action new-epoch: what jobs of this box now count from. Given to one box once, so two
    # boxes of one disk never speak of a job under the same number. 0 where there is none.
    home_epoch: int = 0


@dataclass(frozen=True, slots=True)
class HelloAnswer:
    """What the primary answers."""

    v: int
    hello_id: str
    time: datetime  # the primary's clock: a box without one takes it
    primary_epoch: int  # raised by each restore; commands of an earlier one are void
    lanes: Mapping[str, LaneMark]
    streams: Mapping[str, StreamCursor] = field(default_factory=dict)  # what there is to have
    known_released: tuple[str, ...] = ()  # job ids, with action new-epoch
    signing_keys: tuple[bytes, ...] = ()  # those to trust from now on; empty: no change
    says: str = ""  # for the health page


@dataclass(frozen=True, slots=True)
class Ack:
    """Everything of the lane up to ``upto_seq`` is committed; ``want`` asks for what is missing."""

    v: int
    lane: Lane
    epoch: str
    upto_seq: int
    want: int | None = None


class PresenceState(Enum):
    HERE = "here"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Presence:
    """Birth, heartbeat and will. A will of an earlier boot says nothing about this one."""

    v: int
    state: PresenceState
    boot_id: str
    at: datetime | None = None  # a will is written before its time and has none
    running: Running = field(default_factory=Running)
    health: Mapping[str, Any] = field(default_factory=dict)
