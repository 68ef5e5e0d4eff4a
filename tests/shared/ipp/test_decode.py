from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.ipp import DecodeError, Decoder, Group, Message, Tag, attribute, decode_message
from shared.ipp import values as v

HEADER = bytes.fromhex("0200000b00000001")
OPERATION = b"\x01"
END = b"\x03"


def one(tag: int, name: bytes, value: bytes) -> bytes:
    lengths = (len(name).to_bytes(2, "big"), len(value).to_bytes(2, "big"))
    return bytes([tag]) + lengths[0] + name + lengths[1] + value


def decode(*attributes: bytes) -> Group:
    return decode_message(HEADER + OPERATION + b"".join(attributes) + END)[0].operation


# RFC 8010 appendix A.1, Print-Job request, octet by octet.
PRINT_JOB = (
    bytes.fromhex("0101 0002 00000001 01".replace(" ", ""))
    + one(0x47, b"attributes-charset", b"utf-8")
    + one(0x48, b"attributes-natural-language", b"en-us")
    + one(0x45, b"printer-uri", b"ipp://printer.example.com/ipp/print/pinetree")
    + one(0x42, b"job-name", b"foobar")
    + one(0x22, b"ipp-attribute-fidelity", b"\x01")
    + b"\x02"
    + one(0x21, b"copies", bytes.fromhex("00000014"))
    + one(0x44, b"sides", b"two-sided-long-edge")
    + END
)

# RFC 8010 appendix A.7: media-col with two members, one of them a collection.
MEDIA_COL = (
    one(0x34, b"media-col", b"")
    + one(0x4A, b"", b"media-color")
    + one(0x44, b"", b"blue")
    + one(0x4A, b"", b"media-size")
    + one(0x34, b"", b"")
    + one(0x4A, b"", b"x-dimension")
    + one(0x21, b"", (21000).to_bytes(4, "big"))
    + one(0x4A, b"", b"y-dimension")
    + one(0x21, b"", (29700).to_bytes(4, "big"))
    + one(0x37, b"", b"")
    + one(0x37, b"", b"")
)


def test_the_print_job_request_of_the_standard() -> None:
    message, end = decode_message(PRINT_JOB + b"%!...")
    assert end == len(PRINT_JOB)
    assert (message.version, message.code, message.request_id) == ((1, 1), 2, 1)
    assert message.operation.get_uri("printer-uri").endswith("/pinetree")
    assert message.operation.find_boolean("ipp-attribute-fidelity") is True
    assert message.job == Group(
        Tag.JOB,
        (
            attribute("copies", v.Integer(20)),
            attribute("sides", v.Keyword("two-sided-long-edge")),
        ),
    )


def test_the_collection_of_the_standard() -> None:
    found = decode(MEDIA_COL).find_collection("media-col")
    assert found is not None
    size = found.find("media-size")
    assert size is not None
    assert size.value == v.Collection(
        (attribute("x-dimension", v.Integer(21000)), attribute("y-dimension", v.Integer(29700)))
    )
    assert str(found) == "{media-color=blue media-size={x-dimension=21000 y-dimension=29700}}"


def test_further_values_join_the_attribute_before_them_and_keep_their_own_tags() -> None:
    group = decode(one(0x44, b"media", b"iso_a4_210x297mm"), one(0x42, b"", b"Letterhead"))
    assert group.get("media").values == (v.Keyword("iso_a4_210x297mm"), v.Name("Letterhead"))


@pytest.mark.parametrize(
    ("tag", "octets", "value"),
    [
        (0x21, "ffffffff", v.Integer(-1)),
        (0x22, "00", v.Boolean(value=False)),
        (0x23, "00000004", v.Enum(4)),
        (0x30, "00ff", v.OctetString(b"\x00\xff")),
        (0x31, "07ea0b160a291f022b0100", v.DateTime(bytes.fromhex("07ea0b160a291f022b0100"))),
        (0x32, "000002580000025803", v.Resolution(600, 600, 3)),
        (0x33, "0000000100000063", v.RangeOfInteger(1, 99)),
        (0x35, "000264650003466f6f", v.TextWithLanguage("de", "Foo")),
        (0x36, "000264650003466f6f", v.NameWithLanguage("de", "Foo")),
        (0x41, "c3a4", v.Text("ä")),
        (0x46, "697070", v.UriScheme("ipp")),
        (0x10, "", v.UNSUPPORTED),
        (0x12, "", v.UNKNOWN),
        (0x13, "", v.NO_VALUE),
        (0x15, "", v.OutOfBand(Tag.NOT_SETTABLE)),
        (0x16, "", v.OutOfBand(Tag.DELETE_ATTRIBUTE)),
        (0x17, "", v.OutOfBand(Tag.ADMIN_DEFINE)),
        (0x13, "6162", v.OutOfBand(0x13, b"ab")),
        (0x5F, "0102", v.Unknown(0x5F, b"\x01\x02")),
        (0x7F, "4000000101", v.Unknown(0x7F, bytes.fromhex("4000000101"))),
    ],
)
def test_each_syntax_has_its_class(tag: int, octets: str, value: v.Value) -> None:
    assert decode(one(tag, b"a", bytes.fromhex(octets))).get("a").value == value


def test_an_extension_tells_its_tag() -> None:
    assert v.Unknown(0x7F, bytes.fromhex("4000000101")).extended_tag == 0x40000001
    assert v.Unknown(0x5F, b"1234").extended_tag is None


INTEGER = one(0x21, b"a", b"\0\0\0\1")
BEGIN, CLOSE = one(0x34, b"", b""), one(0x37, b"", b"")
MEMBER = one(0x4A, b"", b"m")
DEEP = one(0x34, b"c", b"") + (MEMBER + BEGIN) * 8 + CLOSE * 9


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (HEADER[:7], "the message ends early at octet 7"),
        (HEADER, "the message ends early at octet 8"),
        (HEADER + INTEGER + END, "an attribute before any group at octet 8"),
        (HEADER + b"\x01" + one(0x21, b"", b"\0\0\0\1") + END, "an additional value of nothing"),
        (HEADER + b"\x01" + INTEGER + b"\x02" + one(0x21, b"", bytes(4)) + END, "value of nothing"),
        (HEADER + b"\x01" + one(0x21, b"a", b"\0\1") + END, "2 octets where 4 belong at octet 15"),
        (HEADER + b"\x01" + one(0x23, b"a", b"") + END, "0 octets where 4 belong"),
        (HEADER + b"\x01" + one(0x22, b"a", b"\2") + END, "neither 0 nor 1"),
        (HEADER + b"\x01" + one(0x31, b"a", b"\2") + END, "1 octets where 11 belong"),
        (HEADER + b"\x01" + one(0x32, b"a", b"\2") + END, "1 octets where 9 belong"),
        (HEADER + b"\x01" + one(0x33, b"a", b"\2") + END, "1 octets where 8 belong"),
        (HEADER + b"\x01" + one(0x35, b"a", b"\0\5en\0\1a") + END, "do not add up"),
        (HEADER + b"\x01" + one(0x36, b"a", b"\0") + END, "do not add up"),
        (HEADER + b"\x01" + one(0x41, b"a", b"\xe4") + END, "text that is not UTF-8 at octet 15"),
        (HEADER + b"\x01" + one(0x44, b"\xe4", b"a") + END, "a name that is not UTF-8 at octet 12"),
        (HEADER + b"\x01" + one(0x7F, b"a", b"abc") + END, "an extension without its tag"),
        (HEADER + b"\x01" + one(0x44, b"a" * 256, b"b") + END, "a name"),
        (HEADER + b"\x01" + one(0x44, b"a", b"b" * 32768) + END, "value"),
        (HEADER + b"\x01" + one(0x4A, b"a", b"b") + END, "a member outside a collection"),
        (HEADER + b"\x01" + one(0x37, b"a", b"") + END, "a member outside a collection"),
        (HEADER + b"\x01" + one(0x34, b"c", b"x") + CLOSE + END, "with a value of its own"),
        (HEADER + b"\x01" + one(0x34, b"c", b"") + END, "a collection that does not end"),
        (HEADER + b"\x01" + one(0x34, b"c", b"") + MEMBER + CLOSE + END, "member without a value"),
        (HEADER + b"\x01" + one(0x34, b"c", b"") + INTEGER + CLOSE + END, "where a collection has"),
        (HEADER + b"\x01" + one(0x34, b"c", b"") + BEGIN + CLOSE + CLOSE + END, "without a name"),
        (HEADER + b"\x01" + one(0x34, b"c", b"") + one(0x4A, b"", b"") + END, "a name of 0 octets"),
        (HEADER + b"\x01" + one(0x34, b"c", b"") + one(0x37, b"", b"x") + END, "with a value"),
        (HEADER + b"\x01" + DEEP + END, "collections more than 8 deep"),
    ],
)
def test_what_the_standard_forbids_is_refused_with_its_place(octets: bytes, what: str) -> None:
    for attempt in (lambda: decode_message(octets), lambda: whole(octets)):
        with pytest.raises(DecodeError, match=what):
            attempt()


def whole(octets: bytes) -> Message:
    decoder = Decoder()
    decoder.feed(octets)
    return decoder.close()


def test_eight_collections_in_each_other_are_fine() -> None:
    eight = one(0x34, b"c", b"") + (MEMBER + BEGIN) * 7 + CLOSE * 8
    assert decode(eight).find_collection("c") is not None


def test_an_error_carries_the_header_so_that_the_answer_can_name_its_request() -> None:
    with pytest.raises(DecodeError) as error:
        decode_message(HEADER[:-1] + b"\x2a" + INTEGER)
    assert error.value.header is not None
    assert error.value.header.request_id == 42


SENDERS: list[Callable[[bytes], object]] = [
    lambda data: decode_message(data, max_octets=1000),
    lambda data: Decoder(max_octets=1000).feed(data),
    lambda data: (
        [decoder.feed(data[i : i + 10]) for i in range(0, len(data), 10)]
        if (decoder := Decoder(max_octets=1000))
        else None
    ),
]


@pytest.mark.parametrize("send", SENDERS)
@pytest.mark.parametrize(
    "attributes",
    [one(0x44, b"a", b"b" * 2000), one(0x44, b"a", b"b") * 200, b"\x02" * 2000],
    ids=["one large", "many small", "many groups"],
)
def test_attributes_over_the_limit_are_refused_and_document_data_is_not(
    send: Callable[[bytes], object], attributes: bytes
) -> None:
    with pytest.raises(DecodeError, match="more attributes than we take"):
        send(HEADER + b"\x01" + attributes + END)
    assert send(HEADER + b"\x01" + INTEGER + END + b"d" * 2000)


def test_an_announced_length_over_the_limit_is_refused_before_it_arrives() -> None:
    with pytest.raises(DecodeError, match="more attributes than we take"):
        Decoder(max_octets=100).feed(HEADER + b"\x01\x44\x00\x01a\x7f\xff")


def test_what_follows_a_whole_message_is_document_data() -> None:
    decoder = Decoder()
    assert decoder.feed(PRINT_JOB + b"%P") is not None
    decoder.feed(b"DF")
    assert decoder.rest == b"%PDF"
    assert decoder.close().code == 2
