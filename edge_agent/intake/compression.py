"""``compression`` of a document: none, gzip, deflate; a bomb is caught as it unfolds."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Final

from edge_agent.intake.limits import IntakeLimits

SUPPORTED: Final = ("none", "deflate", "gzip")
_PIECE: Final = 1 << 18
_FREE_BYTES: Final = 1 << 20  # a short document may be as empty as it likes
_WINDOW_BITS: Final = {"gzip": zlib.MAX_WBITS | 16}


class CompressionError(Exception):
    """The data is not what its compression says, or it unfolds beyond the limits."""


async def expand(
    chunks: AsyncIterator[bytes], compression: str, limits: IntakeLimits
) -> AsyncIterator[bytes]:
    """Undo the compression piece by piece.

    'deflate' is taken with and without the zlib header, since clients send both (RFC 1951 is
    what IPP means, RFC 1950 is what HTTP means by the word).

    Raises:
        CompressionError: As its name says.
    """
    meter = _Meter(limits)
    engine: zlib._Decompress | None = None
    async for chunk in chunks:
        if not chunk:
            continue
        if engine is None:
            engine = zlib.decompressobj(_window_bits(compression, chunk))
        meter.came(len(chunk))
        waiting = chunk
        while waiting:
            try:
                piece = engine.decompress(waiting, _PIECE)
            except zlib.error as error:
                raise CompressionError(f"the document is not {compression}: {error}") from None
            if piece:
                meter.went(len(piece))
                yield piece
            if engine.eof and engine.unused_data:
                raise CompressionError(f"something follows the {compression} data")
            waiting = engine.unconsumed_tail
    if engine is None or not engine.eof:
        raise CompressionError(f"the {compression} data ends too early")


class _Meter:
    """Compares what came with what it became."""

    def __init__(self, limits: IntakeLimits) -> None:
        self._limits = limits
        self._came = self._went = 0

    def came(self, size: int) -> None:
        self._came += size

    def went(self, size: int) -> None:
        self._went += size
        if self._went > self._limits.expanded_bytes:
            raise CompressionError("the document is too large when it is expanded")
        if self._went > _FREE_BYTES and self._went > self._came * self._limits.expanded_ratio:
            raise CompressionError("the document expands too much to be one")


def _window_bits(compression: str, first: bytes) -> int:
    if compression in _WINDOW_BITS:
        return _WINDOW_BITS[compression]
    has_zlib_header = (
        len(first) > 1 and first[0] & 0x0F == zlib.DEFLATED and (first[0] << 8 | first[1]) % 31 == 0
    )
    return zlib.MAX_WBITS if has_zlib_header else -zlib.MAX_WBITS
