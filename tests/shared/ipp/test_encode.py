from __future__ import annotations

import pytest

from shared.ipp import EncodeError, Group, Message, Tag, attribute, encode_message
from shared.ipp import values as v
from shared.ipp.message import Attribute


def encode(value: v.Value, name: str = "a") -> bytes:
    group = Group(Tag.OPERATION, (attribute(name, value),))
    return encode_message(Message((2, 0), 2, 1, (group,)))


def test_a_message_is_its_header_its_groups_and_an_end() -> None:
    assert encode(v.Integer(5)).hex() == "0200000200000001" + "01" + "21000161000400000005" + "03"


@pytest.mark.parametrize(
    "value",
    [
        v.Integer(2**31),
        v.Enum(-(2**31) - 1),
        v.RangeOfInteger(0, 2**40),
        v.Resolution(600, 600, 256),
        v.Text("x" * 32768),
        v.Text("\ud800"),
        v.DateTime(b"short"),
        v.OctetString(b"x" * 32768),
        v.TextWithLanguage("x" * 70_000, ""),
        v.Unknown(256, b""),
        v.Collection((Attribute("m", ()),)),
        v.Collection((attribute("", v.Integer(1)),)),
    ],
)
def test_what_cannot_be_said_in_ipp_is_an_error_that_names_the_attribute(value: v.Value) -> None:
    with pytest.raises(EncodeError, match=r"^broken: "):
        encode(value, "broken")


@pytest.mark.parametrize("name", ["", "n" * 256])
def test_a_name_has_1_to_255_octets(name: str) -> None:
    with pytest.raises(EncodeError, match=f"a name of {len(name)} octets"):
        encode(v.Integer(1), name)


@pytest.mark.parametrize(
    "message",
    [
        Message((2, 0), 0x1_0000, 1),
        Message((2, 0), 2, 2**31),
        Message((2, 0), 2, 1, (Group(Tag.END),)),
        Message((2, 0), 2, 1, (Group(0x21),)),
        Message((2, 0), 2, 1, (Group(1, (Attribute("a", ()),)),)),
    ],
)
def test_a_message_that_cannot_be_said_is_an_error(message: Message) -> None:
    with pytest.raises(EncodeError):
        encode_message(message)
