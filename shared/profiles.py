"""PrinterProfile and CardReaderProfile: what is particular to a model is data, not code.

A profile is ``firmware_profiles/printers/<make>/<model>.toml`` or
``firmware_profiles/card_readers/<make>/<model>.toml`` and goes by the name ``<make>/<model>``.
The README of that folder explains each field. Fields that a release does not know are skipped,
so that newer profiles serve older gateways; the tests refuse them in our own files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from shared import cards
from shared.cards import Card, CardError
from shared.toml_tables import ProfileError, Table

FOLDER: Final = Path(__file__).resolve().parents[1] / "firmware_profiles"
PRINTERS: Final = "printers"
CARD_READERS: Final = "card_readers"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*")
_TRUST: Final = ("verified", "documented", "guess")
_SERVICES: Final = ("ipp", "ipps", "raw", "lpr")
_SIGNALS: Final = ("ipp-job-state", "pjl-ustatus-end", "snmp-idle-after-printing", "counter-delta")
_MOST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Origin:
    """What every profile says of itself."""

    name: str
    title: str
    trust: str  # verified: seen by us; documented: read in the maker's papers; guess
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    """Numbers that are no card's."""

    pattern: re.Pattern[str]
    reason: str


@dataclass(frozen=True, slots=True)
class CardReaderProfile:
    """How a reader's lines arrive and become card numbers."""

    origin: Origin
    driver: str
    role: str  # client: the gateway connects; server: the reader does
    port: int | None
    delimiters: tuple[bytes, ...]
    idle_ms: int  # a pause that ends a line for readers that send no delimiter; 0: none does
    max_length: int
    charset: str
    form: str  # of the number after its transform; see shared.cards.canonical
    transform: tuple[str, ...]
    rejects: tuple[Reject, ...]
    dedupe_ms: int  # the same card within this time is one tap

    def read(self, line: str) -> Card:
        """Turn a line of the reader into a card.

        Raises:
            CardError: It is none.
        """
        number = cards.apply(self.transform, line)
        for reject in self.rejects:
            if reject.pattern.search(number):
                raise CardError(reject.reason)
        return cards.canonical(number, form=self.form)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One way to send documents to a printer."""

    via: str
    port: int
    path: str
    queue: str


@dataclass(frozen=True, slots=True)
class Quirk:
    """Where a model differs from its standard, why we believe it, and where it was seen."""

    name: str
    reason: str
    seen: str


@dataclass(frozen=True, slots=True)
class PrinterProfile:
    """What a model can do, and its quirks."""

    origin: Origin
    make_and_model: re.Pattern[str] | None  # matches printer-make-and-model
    deliveries: tuple[Delivery, ...]  # the preferred one first
    formats: tuple[str, ...]
    color: bool
    duplex: bool
    completion: tuple[str, ...]
    settle_ms: int
    quirks: tuple[Quirk, ...]


@cache
def card_reader_profile(name: str, folder: Path = FOLDER) -> CardReaderProfile:
    """Load a card reader's profile, once.

    Raises:
        ProfileError: There is none of that name, or it cannot be used.
    """
    return read_card_reader(_load(folder, CARD_READERS, name), name)


@cache
def printer_profile(name: str, folder: Path = FOLDER) -> PrinterProfile:
    """Load a printer's profile, once.

    Raises:
        ProfileError: There is none of that name, or it cannot be used.
    """
    return read_printer(_load(folder, PRINTERS, name), name)


def list_profiles(kind: str, folder: Path = FOLDER) -> Iterator[str]:
    """Name all profiles of a kind, in order."""
    for path in sorted((folder / kind).glob("*/*.toml")):
        yield f"{path.parent.name}/{path.stem}"


def _load(folder: Path, kind: str, name: str) -> Table:
    # The name comes from configuration: it must never become a path of its own making.
    if not _NAME.fullmatch(name):
        raise ProfileError(name[:100], "", "a profile is named make/model")
    return Table.load(folder / kind / f"{name}.toml", f"{kind}/{name}.toml")


def read_card_reader(file: Table, name: str) -> CardReaderProfile:
    origin = _origin(file, name, "card_reader")
    reader = file.table("card_reader", needed=True)
    transport, read = reader.table("transport"), reader.table("read")
    transform = reader.texts("transform")
    try:
        cards.check_transform(transform)
    except CardError as error:
        raise reader.error("transform", str(error)) from None
    return CardReaderProfile(
        origin=origin,
        driver=reader.choice("driver", ("tcp-line",)),
        role=transport.choice("role", ("client", "server"), "client"),
        port=transport.number("port", 0, least=0, most=_MOST_PORT) or None,
        delimiters=_delimiters(read),
        idle_ms=read.number("idle_ms", 0, least=0, most=10_000),
        max_length=read.number("max_length", 128, least=4, most=1024),
        charset=read.choice("charset", ("ascii", "utf-8"), "ascii"),
        form=reader.choice("form", ("hex", "dec", "ascii", "bits"), "hex"),
        transform=transform,
        rejects=tuple(
            Reject(reject.pattern("pattern"), reject.get("reason", str))
            for reject in reader.tables("reject")
        ),
        dedupe_ms=reader.number("dedupe_ms", 1500, least=0, most=60_000),
    )


def read_printer(file: Table, name: str) -> PrinterProfile:
    origin = _origin(file, name, "printer")
    printer = file.table("printer", needed=True)
    match, documents = printer.table("match"), printer.table("documents")
    completion = printer.table("completion")
    deliveries = tuple(_delivery(table) for table in printer.tables("delivery"))
    if not deliveries:
        raise printer.error("delivery", "is missing")
    signals = completion.texts("signals")
    for signal in signals:
        if signal not in _SIGNALS:
            raise completion.error("signals", f"{signal!r} is none of {', '.join(_SIGNALS)}")
    has_match = match.find("make_and_model", str, "") != ""
    return PrinterProfile(
        origin=origin,
        make_and_model=match.pattern("make_and_model") if has_match else None,
        deliveries=deliveries,
        formats=documents.texts("formats"),
        color=documents.find("color", bool, default=False),
        duplex=documents.find("duplex", bool, default=False),
        completion=signals,
        settle_ms=completion.number("settle_ms", 0, least=0, most=600_000),
        quirks=tuple(
            Quirk(quirk.get("name", str), quirk.get("reason", str), quirk.get("seen", str))
            for quirk in printer.tables("quirk")
        ),
    )


def _origin(file: Table, name: str, kind: str) -> Origin:
    profile = file.table("profile", needed=True)
    profile.choice("kind", (kind,))
    return Origin(
        name=name,
        title=profile.get("title", str),
        trust=profile.choice("trust", _TRUST),
        sources=profile.texts("sources"),
    )


def _delimiters(read: Table) -> tuple[bytes, ...]:
    found = read.texts("delimiters") or ("\r", "\n")
    for delimiter in found:
        if len(delimiter) != 1 or not delimiter.isascii():
            raise read.error("delimiters", f"{delimiter!r} is not one ASCII character")
    return tuple(delimiter.encode("ascii") for delimiter in found)


def _delivery(table: Table) -> Delivery:
    via = table.choice("via", _SERVICES)
    usual = {"ipp": 631, "ipps": 631, "raw": 9100, "lpr": 515}
    return Delivery(
        via=via,
        port=table.number("port", usual[via], least=1, most=_MOST_PORT),
        path=table.find("path", str, "/ipp/print"),
        queue=table.find("queue", str, "lp"),
    )
