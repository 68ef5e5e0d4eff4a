"""Pages of a PDF by PDFium; only ever called in the limited child process.

The page tree's own count is a claim: a file of one page may say a million. Each page that is
counted has been found.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any, Final

import pypdfium2.raw as pdfium

MAX_PAGES: Final = 50_000
COLOR_SECONDS: Final = 1.5  # of processor time; what is not looked at by then is not known
LONG_SIDE: Final = 400  # pixels of the picture in which colour is looked for
TOLERANCE: Final = 16  # of 255 between red, green and blue of what is still gray

_ERROR_PASSWORD: Final = 4


class ProtectedError(Exception):
    """The document cannot be opened without a password."""


class Document:
    """An open PDF; the octets must live as long as it does."""

    def __init__(self, data: bytes) -> None:
        """Open it.

        Raises:
            ProtectedError: It needs a password.
            ValueError: PDFium cannot read it.
        """
        pdfium.FPDF_InitLibrary()
        self._data = data
        self._handle: Any = pdfium.FPDF_LoadMemDocument64(data, len(data), None)
        if not self._handle:
            if pdfium.FPDF_GetLastError() == _ERROR_PASSWORD:
                raise ProtectedError
            raise ValueError("no PDF that PDFium can read")

    def count(self) -> int:
        """Count the pages that are there.

        Raises:
            ValueError: A page that the document claims to have is not there.
        """
        claimed: int = pdfium.FPDF_GetPageCount(self._handle)
        if not 0 < claimed <= MAX_PAGES:
            raise ValueError(f"{claimed} pages")
        for index in range(claimed):
            self._size(index)
        return claimed

    def count_color(self, pages: int) -> int | None:
        """Count the pages with colour on them; None where that takes too long."""
        started = time.process_time()
        found = 0
        for index in range(pages):
            found += self._has_color(index)
            if time.process_time() - started > COLOR_SECONDS:
                return None
        return found

    def _size(self, index: int) -> tuple[float, float]:
        size = pdfium.FS_SIZEF()
        if not pdfium.FPDF_GetPageSizeByIndexF(self._handle, index, ctypes.byref(size)):
            raise ValueError(f"page {index + 1} is not there")
        return size.width, size.height

    def _has_color(self, index: int) -> bool:
        width, height = self._size(index)
        scale = LONG_SIDE / max(width, height, 1.0)
        columns, rows = max(1, int(width * scale)), max(1, int(height * scale))
        buffer = (ctypes.c_ubyte * (columns * rows * 4))()
        bitmap = pdfium.FPDFBitmap_CreateEx(
            columns, rows, pdfium.FPDFBitmap_BGRx, buffer, columns * 4
        )
        page = pdfium.FPDF_LoadPage(self._handle, index)
        if not page or not bitmap:
            raise ValueError(f"page {index + 1} cannot be drawn")
        pdfium.FPDFBitmap_FillRect(bitmap, 0, 0, columns, rows, 0xFFFFFFFF)
        pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, columns, rows, 0, pdfium.FPDF_ANNOT)
        pdfium.FPDF_ClosePage(page)
        pdfium.FPDFBitmap_Destroy(bitmap)
        return _is_colored(bytes(buffer))


def _is_colored(picture: bytes) -> bool:
    blue, green, red = picture[0::4], picture[1::4], picture[2::4]
    if blue == green == red:
        return False
    pixels = set(zip(blue, green, red, strict=True))
    return any(max(pixel) - min(pixel) > TOLERANCE for pixel in pixels)
