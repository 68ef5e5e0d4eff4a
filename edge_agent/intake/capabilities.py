"""What a queue can do with a document: the one table behind what is advertised and checked.

A pull queue does not know its printer yet: it passes on what the printers of IPP Everywhere have
in common, and the printer that is released to says in its answer what it left out. A direct queue
has the table of its printer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PDF, POSTSCRIPT = "application/pdf", "application/postscript"
JPEG, PWG_RASTER, URF = "image/jpeg", "image/pwg-raster", "image/urf"
ANY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class MediaSize:
    """A sheet by its PWG 5101.1 self-describing name, in hundredths of a millimetre."""

    name: str
    x: int
    y: int
    margin: int = 423

    @property
    def is_landscape(self) -> bool:
        return self.x > self.y


MEDIA: Final = (
    MediaSize("iso_a4_210x297mm", 21000, 29700),
    MediaSize("na_letter_8.5x11in", 21590, 27940),
    MediaSize("na_legal_8.5x14in", 21590, 35560),
    MediaSize("iso_a3_297x420mm", 29700, 42000),
    MediaSize("iso_a5_148x210mm", 14800, 21000),
    MediaSize("iso_a6_105x148mm", 10500, 14800),
    MediaSize("na_ledger_11x17in", 27940, 43180),
    MediaSize("na_index-4x6_4x6in", 10160, 15240, margin=0),
    MediaSize("iso_dl_110x220mm", 11000, 22000),
    MediaSize("na_number-10_4.125x9.5in", 10478, 24130),
)


@dataclass(frozen=True, slots=True, eq=False)
class Capabilities:
    """Values are the standard's keywords and numbers; the first of each is the default.

    Compared by identity: a table is looked up with every job.
    """

    formats: tuple[str, ...] = (PDF, POSTSCRIPT, JPEG, PWG_RASTER, URF, ANY)
    media: tuple[MediaSize, ...] = MEDIA
    media_ready: tuple[str, ...] = ("iso_a4_210x297mm", "na_letter_8.5x11in")
    media_sources: tuple[str, ...] = ("auto", "main", "manual", "by-pass-tray")
    media_types: tuple[str, ...] = (
        "stationery",
        "auto",
        "cardstock",
        "envelope",
        "labels",
        "stationery-letterhead",
        "transparency",
    )
    sides: tuple[str, ...] = ("one-sided", "two-sided-long-edge", "two-sided-short-edge")
    color_modes: tuple[str, ...] = ("auto", "color", "monochrome")
    content_optimize: tuple[str, ...] = ("auto",)
    rendering_intents: tuple[str, ...] = ("auto",)
    qualities: tuple[int, ...] = (4, 3, 5)
    orientations: tuple[int, ...] = (3, 4, 5, 6)
    resolutions_dpi: tuple[int, ...] = (600, 300)
    raster_resolutions_dpi: tuple[int, ...] = (150, 180, 300, 360, 600, 720)
    raster_types: tuple[str, ...] = ("black_1", "cmyk_8", "sgray_8", "srgb_8", "srgb_16")
    urf: tuple[str, ...] = (
        "V1.4", "W8", "SRGB24", "CP1", "IS1-4-5-19", "MT1-2-3-4-5-6", "RS300-600", "DM1", "OB10",
    )  # fmt: skip
    finishings: tuple[int, ...] = (3,)
    output_bins: tuple[str, ...] = ("face-down",)
    number_up: tuple[int, ...] = (1,)
    job_sheets: tuple[str, ...] = ("none",)
    copies: int = 999
    pages_per_minute: int = 30
    make_and_model: str = "Spoolhouse queue"

    @property
    def has_color(self) -> bool:
        return "color" in self.color_modes

    @property
    def media_names(self) -> tuple[str, ...]:
        return tuple(size.name for size in self.media)

    def find_media(self, name: str) -> MediaSize | None:
        return next((size for size in self.media if size.name == name), None)


GENERIC: Final = Capabilities()
