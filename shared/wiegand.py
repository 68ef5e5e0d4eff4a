"""Wiegand card formats: facility code and card number in bits, guarded by parity.

Bit 0 is the first on the wire. Parity is checked where the layout of its masks is public; a
length alone does not tell the format, so nobody guesses one from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class WiegandError(ValueError):
    """The bits are not of this format."""


@dataclass(frozen=True, slots=True)
class Parity:
    """One parity bit over a range of bits that includes it."""

    first: int
    end: int
    odd: bool


@dataclass(frozen=True, slots=True)
class Format:
    """Where facility code (``None`` where there is none) and card number stand."""

    name: str
    length: int
    facility: tuple[int, int] | None
    number: tuple[int, int]
    parity: tuple[Parity, ...] = ()

    @property
    def number_digits(self) -> int:
        """Decimal digits that hold the largest card number."""
        first, end = self.number
        return len(str((1 << end - first) - 1))


@dataclass(frozen=True, slots=True)
class Credential:
    facility: int | None
    number: int

    def digits(self, layout: Format) -> str:
        """Facility code, then the card number in its full width: ``62`` + ``13878``."""
        facility = "" if self.facility is None else str(self.facility)
        return f"{facility}{self.number:0{layout.number_digits}d}"


FORMATS: Final[Mapping[str, Format]] = {
    layout.name: layout
    for layout in (
        Format("H10301", 26, (1, 9), (9, 25), (Parity(0, 13, odd=False), Parity(13, 26, odd=True))),
        # The middle bit belongs to both halves.
        Format(
            "H10304", 37, (1, 17), (17, 36), (Parity(0, 19, odd=False), Parity(18, 37, odd=True))
        ),
        Format("H10302", 37, None, (1, 36)),
        Format(
            "H10306", 34, (1, 17), (17, 33), (Parity(0, 17, odd=False), Parity(17, 34, odd=True))
        ),
        Format("C1000-35", 35, (2, 14), (14, 34)),
        Format("C1000-48", 48, (2, 24), (24, 47)),
    )
}


def get_format(name: str) -> Format:
    """Look a format up by its usual name.

    Raises:
        WiegandError: We know none of that name.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise WiegandError(f"{name!r} is no Wiegand format that we know") from None


def decode(layout: Format, bits: str) -> Credential:
    """Read all bits of a card, as text of 0 and 1.

    Raises:
        WiegandError: Wrong length, or wrong parity: a misread card.
    """
    if len(bits) != layout.length or set(bits) - set("01"):
        raise WiegandError(f"{layout.name} has {layout.length} bits")
    for parity in layout.parity:
        if bits[parity.first : parity.end].count("1") % 2 != int(parity.odd):
            raise WiegandError(f"the parity of {layout.name} is wrong")
    return _fields(layout, bits)


def decode_without_parity(layout: Format, bits: str) -> Credential:
    """Read facility and number alone, as readers send them that strip parity (pcProx).

    Raises:
        WiegandError: Wrong length.
    """
    first = layout.facility[0] if layout.facility else layout.number[0]
    wanted = layout.number[1] - first
    if len(bits) < wanted or "1" in bits[: len(bits) - wanted]:
        raise WiegandError(f"{layout.name} has {wanted} bits without parity")
    after = layout.length - layout.number[1]
    return _fields(layout, "0" * first + bits[len(bits) - wanted :] + "0" * after)


def encode(layout: Format, facility: int | None, number: int) -> str:
    """Write all bits of a card; parity bits as far as their masks are known.

    Raises:
        WiegandError: A number that does not fit.
    """
    bits = ["0"] * layout.length
    _put(bits, layout.number, number)
    if layout.facility is not None:
        _put(bits, layout.facility, facility or 0)
    for parity in layout.parity:
        position = parity.first if parity.first == 0 else parity.end - 1
        wrong = bits[parity.first : parity.end].count("1") % 2 != int(parity.odd)
        bits[position] = "1" if wrong else "0"
    return "".join(bits)


def _fields(layout: Format, bits: str) -> Credential:
    facility = layout.facility
    return Credential(
        int(bits[facility[0] : facility[1]], 2) if facility else None,
        int(bits[layout.number[0] : layout.number[1]], 2),
    )


def _put(bits: list[str], field: tuple[int, int], number: int) -> None:
    first, end = field
    if not 0 <= number < 1 << end - first:
        raise WiegandError(f"{number} does not fit into {end - first} bits")
    bits[first:end] = f"{number:0{end - first}b}"
