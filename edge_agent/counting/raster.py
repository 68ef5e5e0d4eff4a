r"""Pages of PWG raster (PWG 5102.4) and Apple raster (URF), found by walking their lines.

Both are pages of a header and run-length packed lines::

    PWG:  "RaS2"           then per page 1796 octets of header
    URF:  "UNIRAST\0" N     then per page 32 octets of header; N may be 0 for unknown

    line: repeat - 1 (1)   then runs until the line is full
    run:  0..127           the next pixel, n + 1 times
          128              URF: the rest of the line is white
          129..255         257 - n pixels as they are

A declared number of pages is not believed. Broken data raises ValueError.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

PWG_MAGIC: Final = b"RaS2"
URF_MAGIC: Final = b"UNIRAST\0"
MAX_LINE_OCTETS: Final = 10_000_000
MAX_LINES: Final = 1_000_000

_PWG_HEADER_OCTETS: Final = 1796
_URF_HEADER_OCTETS: Final = 32
_WHITE_TO_END: Final = 128
_PWG_GRAY: Final = frozenset({0, 3, 18})  # W, K, sGray
_URF_GRAY: Final = frozenset({0, 4})  # sGray, device gray


class Pages(NamedTuple):
    """``color`` is 0 where every page is gray, None where some may have colour."""

    impressions: int
    color: int | None


class _Page(NamedTuple):
    line_octets: int
    lines: int
    pixel_octets: int
    is_gray: bool


def count_pwg(data: bytes) -> Pages:
    if not data.startswith(PWG_MAGIC):
        raise ValueError("no PWG raster")
    position, gray = len(PWG_MAGIC), []
    while position < len(data):
        page = _pwg_page(data, position)
        position = _skip_lines(data, position + _PWG_HEADER_OCTETS, page)
        gray.append(page.is_gray)
    return _pages(gray)


def count_urf(data: bytes) -> Pages:
    if not data.startswith(URF_MAGIC):
        raise ValueError("no URF")
    position, gray = len(URF_MAGIC) + 4, []
    while position < len(data):
        page = _urf_page(data, position)
        position = _skip_lines(data, position + _URF_HEADER_OCTETS, page)
        gray.append(page.is_gray)
    return _pages(gray)


def _pages(gray: list[bool]) -> Pages:
    if not gray:
        raise ValueError("no page")
    return Pages(len(gray), 0 if all(gray) else None)


def _pwg_page(data: bytes, at: int) -> _Page:
    if at + _PWG_HEADER_OCTETS > len(data):
        raise ValueError("half a page header")
    lines, _, _, pixel_bits, line_octets, _, color_space = struct.unpack_from(">7I", data, at + 376)
    return _checked(_Page(line_octets, lines, (pixel_bits + 7) // 8, color_space in _PWG_GRAY))


def _urf_page(data: bytes, at: int) -> _Page:
    if at + _URF_HEADER_OCTETS > len(data):
        raise ValueError("half a page header")
    pixel_bits, color_space = data[at], data[at + 1]
    width, lines = struct.unpack_from(">II", data, at + 12)
    pixel_octets = (pixel_bits + 7) // 8
    return _checked(_Page(width * pixel_octets, lines, pixel_octets, color_space in _URF_GRAY))


def _checked(page: _Page) -> _Page:
    sizes_are_sane = (
        0 < page.line_octets <= MAX_LINE_OCTETS
        and 0 < page.lines <= MAX_LINES
        and 0 < page.pixel_octets <= 64  # noqa: PLR2004
    )
    if not sizes_are_sane:
        raise ValueError("a page without lines, or far too large")
    return page


def _skip_lines(data: bytes, position: int, page: _Page) -> int:
    """Go over all lines of a page; the offset behind them."""
    line_octets, left, pixel_octets, _ = page
    try:
        while left > 0:
            left -= data[position] + 1
            position += 1
            filled = 0
            while filled < line_octets:
                run = data[position]
                position += 1
                if run < _WHITE_TO_END:
                    position += pixel_octets
                    filled += (run + 1) * pixel_octets
                elif run == _WHITE_TO_END:
                    break
                else:
                    position += (257 - run) * pixel_octets
                    filled += (257 - run) * pixel_octets
    except IndexError:
        raise ValueError("half a page") from None
    if position > len(data):
        raise ValueError("half a page")
    return position
