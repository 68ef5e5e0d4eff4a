"""What a document is, by its first bytes; names of files say nothing."""

from __future__ import annotations

from typing import Final

from edge_agent.intake.capabilities import ANY, JPEG, PDF, POSTSCRIPT, PWG_RASTER, URF

SNIFF_BYTES: Final = 1024
PJL = "application/vnd.hp-pjl"
PCL = "application/vnd.hp-pcl"
TEXT = "text/plain"

_MAGIC: Final = (
    (b"\xff\xd8\xff", JPEG),
    (b"RaS2", PWG_RASTER),
    (b"UNIRAST\0", URF),
    (b"\x1b%-12345X", PJL),
    (b"%!", POSTSCRIPT),
    (b"\x04%!", POSTSCRIPT),  # Windows' PostScript driver begins with an end of file
    (b"\x1bE", PCL),
)


def sniff(first: bytes) -> str:
    """Name the media type; ``application/octet-stream`` where the bytes do not tell."""
    for magic, media_type in _MAGIC:
        if first.startswith(magic):
            return media_type
    if b"%PDF-" in first[:SNIFF_BYTES]:  # readers take it anywhere in the first kilobyte
        return PDF
    if first and not any(byte < 0x20 and byte not in b"\t\n\f\r\x1b" for byte in first):  # noqa: PLR2004
        return TEXT
    return ANY
