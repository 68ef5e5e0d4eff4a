"""The topic tree, in both directions; topics are built and read here alone.

``sh/1/gw/<gateway id>/up/<what>`` and ``sh/1/gw/<gateway id>/down/<what>``. The tenant is never
in a topic: it is looked up by gateway id.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from shared.ids import GatewayId, is_id

ROOT: Final = "sh/1/gw"


class Up(Enum):
    """Gateway to primary."""

    HELLO = "hello"
    FACTS = "facts"
    TELEMETRY = "telemetry"
    PRESENCE = "presence"
    FEED = "feed"  # asks for pages of a stream


class Down(Enum):
    """Primary to gateway."""

    HELLO = "hello"  # the answer: marks per lane
    ACK = "ack"
    FEED = "feed"
    COMMAND = "command"


def up(gateway_id: GatewayId, what: Up) -> str:
    return f"{ROOT}/{gateway_id}/up/{what.value}"


def down(gateway_id: GatewayId, what: Down) -> str:
    return f"{ROOT}/{gateway_id}/down/{what.value}"


def every_up(share_group: str) -> str:
    """The primary's subscription to all gateways, shared among primaries."""
    return f"$share/{share_group}/{ROOT}/+/up/+"


def every_down(gateway_id: GatewayId) -> str:
    return f"{ROOT}/{gateway_id}/down/+"


def read_up(topic: str) -> tuple[GatewayId, Up] | None:
    """Read an upward topic; None where it is none of ours."""
    parts = topic.split("/")
    if len(parts) != 6 or "/".join(parts[:3]) != ROOT or parts[4] != "up":  # noqa: PLR2004
        return None
    if not is_id(parts[3]) or parts[5] not in {item.value for item in Up}:
        return None
    return GatewayId(parts[3]), Up(parts[5])
