"""Card numbers: from what a reader sends to one canonical form, and its keyed hash.

A reader's profile names a *transform*, a list of operations. Each takes text and gives text::

    reverse_bytes     1234AB -> AB3412
    hex2dec dec2hex hex2bin bin2hex dec2bin bin2dec ascii2hex hex2ascii
    upper lower strip_zeros
    ltrim:n rtrim:n   without the first, the last n characters
    left:n right:n    only those
    slice:[a,b]       from a to before b, counted from 0; negative from the end; b may be absent
    lpad:[len,ch]     ch before it until it has len characters
    prepend:s append:s
    regex:p           the first group of the first match, or the whole match
    drop_unused_bits  hex with a leading count of unused bits -> bits (OMNIKEY PACS output)
    wiegand:F         bits with parity, or hex without -> facility and number in decimal
    facility_number   the last three bytes of hex -> 3 + 5 decimal digits ("Wiegand 26 style")
    A;B + C;D         both branches on the same text, concatenated

The canonical form (FORM_VERSION 1) is upper-case hexadecimal, most significant first, without
separators, leading zeros kept. Numbers are Python integers throughout: a 7-byte UID has more
digits than a float can carry.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shared import wiegand
from shared.i18n import mark

FORM_VERSION: Final = 1
MAX_CHARACTERS: Final = 128  # of a card number, before, between and after the operations

_HASH_CONTEXT: Final = b"spoolhouse-card-1\0"
_SEPARATORS: Final = re.compile(r"[\s:.\-]")
_HEX: Final = re.compile(r"[0-9A-F]+")
_RANDOM_UID: Final = re.compile(r"08[0-9A-F]{6}")


class CardError(ValueError):
    """This is no card number, or not one that we take; the sentence is for an administrator."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card number in canonical form."""

    hex: str

    @property
    def last4(self) -> str:
        """What is shown of it."""
        return self.hex[-4:]

    @property
    def is_random(self) -> bool:
        """Whether it changes with each tap (ISO 14443-3: four bytes that begin with 08)."""
        return _RANDOM_UID.fullmatch(self.hex) is not None


def canonical(text: str, *, form: str = "hex") -> Card:
    """Bring a card number into the canonical form.

    Args:
        text: As the reader gave it, after its profile's transform.
        form: ``hex``, ``dec``, ``ascii`` or ``bits``.

    Raises:
        CardError: It is not a number of that form.
    """
    bare = text.strip() if form == "ascii" else _SEPARATORS.sub("", text).upper()
    number = _to_hex(form)(bare).upper()
    if not _HEX.fullmatch(number) or len(number) > MAX_CHARACTERS:
        raise CardError(mark("a card number has 1 to 128 hexadecimal digits"))
    return Card(number)


def check_may_enrol(card: Card) -> None:
    """Refuse what cannot identify anybody tomorrow.

    Raises:
        CardError: The number is made up anew at each tap: a phone, a passport.
    """
    if card.is_random:
        raise CardError(
            mark(
                "this number begins with 08 and changes with each tap (a phone or a passport): "
                "it cannot be used as a card"
            )
        )


def card_hash(key: bytes, card: Card) -> str:
    """Key the number with an account's secret: what gateways compare (hex HMAC-SHA256)."""
    return hmac.new(key, _HASH_CONTEXT + card.hex.encode(), hashlib.sha256).hexdigest()


def apply(transform: Sequence[str], text: str) -> str:
    """Run a profile's operations over what a reader sent.

    Raises:
        CardError: An operation does not know the text, or is none of ours.
    """
    for operation in transform:
        text = _apply_one(operation, text)
        if len(text) > MAX_CHARACTERS:
            raise CardError(f"{operation} makes more than {MAX_CHARACTERS} characters")
    return text


def check_transform(transform: Sequence[str]) -> None:
    """Refuse operations that are none of ours, before a card meets them.

    Raises:
        CardError: It names the first of them.
    """
    for operation in transform:
        for branch in _branches(operation):
            for step in branch:
                _find(step)


def _branches(operation: str) -> list[list[str]]:
    """Take an operation of a profile apart; a regular expression is left whole."""
    if operation.startswith("regex:"):
        return [[operation]]
    return [branch.split(";") for branch in operation.split(" + ")]


def _apply_one(operation: str, text: str) -> str:
    return "".join(_apply_branch(branch, text) for branch in _branches(operation))


def _apply_branch(steps: Sequence[str], text: str) -> str:
    for step in steps:
        run, argument = _find(step)
        try:
            text = run(text, argument)
        except CardError:
            raise
        except (ValueError, IndexError) as error:
            raise CardError(f"{step.strip()}: {error}") from None
    return text


def _find(operation: str) -> tuple[Operation, str]:
    name, colon, argument = operation.strip().partition(":")
    run = _WITH_ARGUMENT.get(name) if colon else _PLAIN.get(name)
    if run is None:
        raise CardError(f"{operation.strip()!r} is no operation on card numbers")
    return run, argument


def _to_hex(form: str) -> Callable[[str], str]:
    forms: dict[str, Callable[[str], str]] = {
        "hex": str,
        "dec": _dec_to_hex,
        "ascii": _ascii_to_hex,
        "bits": _bin_to_hex,
    }
    try:
        return forms[form]
    except KeyError:
        raise CardError(f"{form!r} is no form of a card number") from None


def _dec_to_hex(text: str) -> str:
    digits = f"{_number(text, 10):X}"
    return digits.zfill(len(digits) + len(digits) % 2)


def _ascii_to_hex(text: str) -> str:
    if not text.isascii():
        raise CardError(mark("a card number has no letters beyond ASCII"))
    return text.encode().hex().upper()


def _bin_to_hex(text: str) -> str:
    return f"{_number(text, 2):0{(len(text) + 3) // 4}X}"


def _hex_to_bin(text: str) -> str:
    return f"{_number(text, 16):0{len(text) * 4}b}"


def _hex_to_ascii(text: str) -> str:
    data = bytes.fromhex(text)
    if not all(0x20 <= octet < 0x7F for octet in data):  # noqa: PLR2004
        raise CardError("these bytes are not readable characters")
    return data.decode("ascii")


def _number(text: str, base: int) -> int:
    # int() alone would also take signs, underscores, blanks and digits of every script.
    digits = "0123456789abcdef"[:base]
    if not text or len(text) > MAX_CHARACTERS * 4 or set(text.lower()) - set(digits):
        raise CardError(f"{text[:40]!r} is no number in base {base}")
    return int(text, base)


def _reverse_bytes(text: str) -> str:
    if len(text) % 2:
        raise CardError("reverse_bytes needs whole bytes, two digits each")
    pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
    return "".join(reversed(pairs))


def _drop_unused_bits(text: str) -> str:
    unused, bits = _number(text[:2], 16), _hex_to_bin(text[2:])
    if unused >= len(bits):
        raise CardError("more unused bits than bits")
    return bits[: len(bits) - unused]


def _facility_number(text: str) -> str:
    number = _number(text[-6:], 16)
    return f"{number >> 16:03d}{number & 0xFFFF:05d}"


def _slice(text: str, argument: str) -> str:
    bounds = [int(part) for part in argument.strip("[]").split(",")]
    if len(bounds) not in (1, 2):
        raise CardError("slice has one or two bounds")
    return text[slice(bounds[0], bounds[1] if len(bounds) > 1 else None)]


def _lpad(text: str, argument: str) -> str:
    length, _, filler = argument.strip("[]").partition(",")
    if len(filler) != 1 or int(length) > MAX_CHARACTERS:
        raise CardError("lpad has a length and one character")
    return text.rjust(int(length), filler)


def _regex(text: str, pattern: str) -> str:
    try:
        match = re.search(pattern, text)
    except re.error as error:
        raise CardError(f"{pattern!r} is no regular expression: {error}") from None
    if match is None:
        raise CardError(f"does not match {pattern!r}")
    return match[1] if match.re.groups else match[0]


def _wiegand(text: str, name: str) -> str:
    layout = wiegand.get_format(name)
    is_bits = len(text) == layout.length and not set(text) - set("01")
    read = wiegand.decode if is_bits else wiegand.decode_without_parity
    return read(layout, text if is_bits else _hex_to_bin(text)).digits(layout)


Operation = Callable[[str, str], str]

_PLAIN: Final[dict[str, Operation]] = {
    "reverse_bytes": lambda text, _: _reverse_bytes(text),
    "hex2dec": lambda text, _: str(_number(text, 16)),
    "dec2hex": lambda text, _: f"{_number(text, 10):X}",
    "hex2bin": lambda text, _: _hex_to_bin(text),
    "bin2hex": lambda text, _: _bin_to_hex(text),
    "dec2bin": lambda text, _: f"{_number(text, 10):b}",
    "bin2dec": lambda text, _: str(_number(text, 2)),
    "ascii2hex": lambda text, _: _ascii_to_hex(text),
    "hex2ascii": lambda text, _: _hex_to_ascii(text),
    "upper": lambda text, _: text.upper(),
    "lower": lambda text, _: text.lower(),
    "strip_zeros": lambda text, _: text.lstrip("0") or text[-1:],
    "drop_unused_bits": lambda text, _: _drop_unused_bits(text),
    "facility_number": lambda text, _: _facility_number(text),
}
_WITH_ARGUMENT: Final[dict[str, Operation]] = {
    "ltrim": lambda text, n: text[int(n) :],
    "rtrim": lambda text, n: text[: max(0, len(text) - int(n))],
    "left": lambda text, n: text[: int(n)],
    "right": lambda text, n: text[max(0, len(text) - int(n)) :],
    "slice": _slice,
    "lpad": _lpad,
    "prepend": lambda text, more: more + text,
    "append": lambda text, more: text + more,
    "regex": _regex,
    "wiegand": _wiegand,
}
