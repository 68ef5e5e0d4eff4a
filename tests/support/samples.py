"""Sample documents that CUPS' test files ask for and Debian does not ship; made here, all small.

``write_samples(folder)`` writes PDF, PostScript and JPEG; ``write_rasters(folder)`` writes the 180
PWG rasters of ipp-everywhere.test, each a real page of its size that compresses to nothing.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

A4_POINTS, LETTER_POINTS = (595, 842), (612, 792)

# One grey and one red picture of 16 by 16, baseline JPEG.
_GRAY_JPEG: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVt"
    "VkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/wAALCAAQABABAREA/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcI"
    "CQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcY"
    "GRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKj"
    "pKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/9oACAEBAAA/AH0U"
    "UV//2Q=="
)
_COLOR_JPEG: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVt"
    "VkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8"
    "fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAQABADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAA"
    "AAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAk"
    "M2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKT"
    "lJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QA"
    "HwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdh"
    "cRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hp"
    "anN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk"
    "5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwCvRRRXmn1B/9k="
)

_DPI: Final = (150, 180, 300, 360, 600, 720)
_PICTURES: Final = {
    "color.jpg-4x6": (4.0, 6.0, 1),
    "gray.jpg-4x6": (4.0, 6.0, 1),
    "document-a4": (8.27, 11.69, 2),
    "document-letter": (8.5, 11.0, 2),
    "onepage-a4": (8.27, 11.69, 1),
    "onepage-letter": (8.5, 11.0, 1),
}
# bits per colour, bits per pixel, colours, colour space (PWG 5102.4 table 9), white
_TYPES: Final = {
    "black-1": (1, 1, 1, 3, b"\x00"),
    "cmyk-8": (8, 32, 4, 6, b"\0\0\0\0"),
    "sgray-8": (8, 8, 1, 18, b"\xff"),
    "srgb-8": (8, 24, 3, 19, b"\xff\xff\xff"),
    "srgb-16": (16, 48, 3, 19, b"\xff" * 6),
}


def a_pdf(pages: int = 3, size: tuple[int, int] = A4_POINTS) -> bytes:
    """Make a PDF with some words on each page and a right cross-reference table."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(pages))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {pages}/Kids[{kids}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number in range(1, pages + 1):
        words = f"BT /F1 24 Tf 72 72 Td (Page {number} of {pages}) Tj ET"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {size[0]} {size[1]}]"
            f"/Resources<</Font<</F1 3 0 R>>>>/Contents {4 + 2 * number - 1} 0 R>>"
        )
        objects.append(f"<</Length {len(words)}>>stream\n{words}\nendstream")
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    trailer = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
    return out + trailer.encode()


def a_postscript(pages: int = 2) -> bytes:
    body = "".join(
        f"%%Page: {n} {n}\n/Helvetica findfont 24 scalefont setfont 72 72 moveto"
        f" (Page {n}) show showpage\n"
        for n in range(1, pages + 1)
    )
    return f"%!PS-Adobe-3.0\n%%Pages: {pages}\n%%EndComments\n{body}%%EOF\n".encode()


def a_raster(kind: str, dpi: int, inches: tuple[float, float], pages: int = 1) -> bytes:
    """Make blank pages of PWG raster (PWG 5102.4)."""
    bits_per_color, bits_per_pixel, colors, space, white = _TYPES[kind]
    width, height = round(inches[0] * dpi), round(inches[1] * dpi)
    per_line = (width * bits_per_pixel + 7) // 8
    header = bytearray(1796)
    header[0:9] = b"PwgRaster"
    struct.pack_into(">II", header, 276, dpi, dpi)
    points = round(inches[0] * 72), round(inches[1] * 72)
    struct.pack_into(">II", header, 352, *points)
    struct.pack_into(">II", header, 372, width, height)
    struct.pack_into(">IIII", header, 384, bits_per_color, bits_per_pixel, per_line, 0)
    struct.pack_into(">I", header, 400, space)
    struct.pack_into(">I", header, 420, colors)
    struct.pack_into(">I", header, 452, pages)
    units = per_line // len(white)
    line = b"".join(bytes([run - 1]) + white for run in _runs(units, 128))
    page = b"".join(bytes([run - 1]) + line for run in _runs(height, 256))
    return b"RaS2" + (bytes(header) + page) * pages


def _runs(total: int, most: int) -> Iterator[int]:
    while total > 0:
        yield min(total, most)
        total -= most


def write_samples(folder: Path) -> None:
    """Write the documents that ipp-1.1.test names."""
    files = {
        "document-a4.pdf": a_pdf(4),
        "document-letter.pdf": a_pdf(4, LETTER_POINTS),
        "document-a4.ps": a_postscript(),
        "document-letter.ps": a_postscript(),
        "color.jpg": _COLOR_JPEG,
        "gray.jpg": _GRAY_JPEG,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


def write_rasters(folder: Path) -> int:
    """Write every raster that ipp-everywhere.test may name; tells how many."""
    count = 0
    for dpi in _DPI:
        for kind in _TYPES:
            place = folder / f"pwg-raster-samples-{dpi}dpi" / kind
            place.mkdir(parents=True, exist_ok=True)
            for name, (width, height, pages) in _PICTURES.items():
                raster = a_raster(kind, dpi, (width, height), pages)
                (place / f"{name}-{kind}-{dpi}dpi.pwg").write_bytes(raster)
                count += 1
    return count
