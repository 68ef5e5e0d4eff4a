"""Identifiers: a NewType each, so that they cannot be mixed up.

All are UUID version 7 (RFC 9562 section 5.7) as lower-case text: sortable by birth, safe in
paths, topics and JSON.
"""

from __future__ import annotations

import os
import re
import time
from typing import Final, NewType

VendorId = NewType("VendorId", str)
AccountId = NewType("AccountId", str)
UserId = NewType("UserId", str)
CardId = NewType("CardId", str)
GatewayId = NewType("GatewayId", str)
SiteId = NewType("SiteId", str)
PrinterId = NewType("PrinterId", str)
QueueId = NewType("QueueId", str)
JobId = NewType("JobId", str)
DocumentId = NewType("DocumentId", str)
ReaderId = NewType("ReaderId", str)
TerminalId = NewType("TerminalId", str)
CommandId = NewType("CommandId", str)
PrintTokenId = NewType("PrintTokenId", str)

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_id() -> str:
    """Make a UUID version 7; wrap it in the type it is for: ``JobId(new_id())``."""
    value = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether the text is a canonical identifier; nothing else may become a path or a topic."""
    return _UUID.fullmatch(text) is not None
