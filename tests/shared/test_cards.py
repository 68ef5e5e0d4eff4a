from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import cards, wiegand
from shared.cards import Card, CardError, apply, canonical, card_hash


@pytest.mark.parametrize(
    ("text", "transform", "expected"),
    [
        ("946EBD28", ["hex2dec"], "2490285352"),
        ("2490285352", ["dec2hex"], "946EBD28"),
        ("3934364542443238", ["hex2ascii"], "946EBD28"),
        ("946EBD28", ["ascii2hex"], "3934364542443238"),
        ("1234AB", ["reverse_bytes"], "AB3412"),
        ("1000AB", ["hex2dec"], "1048747"),
        ("1a2b3c4d", ["lpad:[3,0] + slice:[2,6]"], "1a2b3c4d2b3c"),
        ("0B3E3636", ["reverse_bytes"], "36363E0B"),
        ("0B3E3636", ["reverse_bytes", "hex2dec", "lpad:[10,0]"], "0909524491"),
        ("0B3E3636", ["facility_number"], "06213878"),
        ("00000101000000100101001001", ["wiegand:H10301"], "1001188"),
        ("0605025240", ["hex2dec"], "25853841984"),
        ("0605025240", ["drop_unused_bits"], "00000101000000100101001001"),
        ("0605025240", ["drop_unused_bits", "wiegand:H10301", "lpad:[8,0]"], "01001188"),
        ("9d3a7b", ["reverse_bytes", "wiegand:H10301"], "12315005"),
        ("F6753A", ["hex2bin", "lpad:[26,0]", "wiegand:H10301"], "12315005"),
        ("04A1B2C3D4E580", ["hex2dec"], "1303689068602752"),
        ("04A1B2C3D4E580", ["reverse_bytes", "hex2dec"], "36281498998055172"),
        ("1a2b3c4d", ["slice:[2];hex2dec;lpad:[3,0] + slice:[2,6];hex2dec"], "283348511068"),
        ("946EBD28", ["hex2dec", "slice:[-8]"], "90285352"),
        ("0012345678=9", ["regex:^0*([1-9]\\d+)"], "12345678"),
        (";0012345", ["regex:^;?0?(\\d{5,20})", "strip_zeros"], "12345"),
        ("000", ["strip_zeros"], "0"),
        ("abcdef", ["ltrim:1", "rtrim:1", "left:3", "right:2", "upper"], "CD"),
        ("12", ["prepend:A", "append:B", "lower"], "a12b"),
        ("5", ["dec2bin"], "101"),
        ("101", ["bin2dec"], "5"),
        ("00000101", ["bin2hex"], "05"),
        ("0F", ["hex2bin"], "00001111"),
    ],
)
def test_operations_give_what_the_makers_document(
    text: str, transform: list[str], expected: str
) -> None:
    cards.check_transform(transform)
    assert apply(transform, text) == expected


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("12G4", "hex2dec"),
        ("", "hex2dec"),
        ("1_0", "dec2hex"),
        ("-1", "dec2hex"),
        ("٣", "dec2hex"),
        ("123", "reverse_bytes"),
        ("12", "hex2ascii"),
        ("1", "hex2ascii"),
        ("ä", "ascii2hex"),
        ("12", "lpad:[3]"),
        ("12", "lpad:[999,0]"),
        ("12", "slice:[a]"),
        ("12", "left:x"),
        ("12", "regex:([A-Z])"),
        ("12", "regex:("),
        ("12", "wiegand:H99999"),
        ("0" * 25 + "G", "wiegand:H10301"),
        ("00000101000000100101001000", "wiegand:H10301"),
        ("FFFFFFFF", "wiegand:H10301"),
        ("ff01", "drop_unused_bits"),
        ("12", "explode"),
        ("12", "upper:now"),
        ("x" * 100, "append:" + "y" * 100),
    ],
)
def test_an_operation_that_cannot_be_done_says_so(text: str, operation: str) -> None:
    with pytest.raises(CardError):
        apply([operation], text)


def test_a_transform_is_checked_before_a_card_meets_it() -> None:
    with pytest.raises(CardError, match="'fold' is no operation"):
        cards.check_transform(["upper", "lower;fold + upper"])


@pytest.mark.parametrize(
    ("text", "form", "number"),
    [
        ("04:a1:b2:c3:d4:e5:80", "hex", "04A1B2C3D4E580"),
        ("04-A1 B2.C3", "hex", "04A1B2C3"),
        ("0909524491", "hex", "0909524491"),
        ("2490285352", "dec", "946EBD28"),
        ("5", "dec", "05"),
        ("946EBD28", "ascii", "3934364542443238"),
        ("00001111", "bits", "0F"),
    ],
)
def test_a_card_has_one_canonical_form(text: str, form: str, number: str) -> None:
    card = canonical(text, form=form)
    assert card == Card(number)
    assert card.last4 == number[-4:]


@pytest.mark.parametrize(
    ("text", "form"),
    [("", "hex"), ("xyz", "hex"), ("١٢", "dec"), ("2", "bits"), ("1" * 129, "hex"), ("1", "runes")],
)
def test_what_is_no_card_number_is_refused(text: str, form: str) -> None:
    with pytest.raises(CardError):
        canonical(text, form=form)


def test_the_hash_is_keyed_and_bound_to_its_purpose() -> None:
    card = canonical("04a1b2c3d4e580")
    stored = "a73760dd1fa164e35b0b5c81d50219a12632e9ef6d52f61be4bc561d1c196efa"
    assert card_hash(b"k" * 32, card) == stored
    assert card_hash(b"k" * 32, card) != card_hash(b"l" * 32, card)
    assert card_hash(b"k" * 32, card) != card_hash(b"k" * 32, canonical("04a1b2c3d4e581"))


@pytest.mark.parametrize("uid", ["08A1B2C3", "08000000"])
def test_a_number_that_changes_with_each_tap_is_not_enrolled(uid: str) -> None:
    with pytest.raises(CardError, match="changes with each tap"):
        cards.check_may_enrol(canonical(uid))


@pytest.mark.parametrize("uid", ["0408A1B2", "08A1B2C3D4E580", "08A1B2"])
def test_other_numbers_are_enrolled(uid: str) -> None:
    cards.check_may_enrol(canonical(uid))


def test_the_26_bit_vector_of_pcprox() -> None:
    bits = wiegand.encode(wiegand.FORMATS["H10301"], 123, 15005)
    assert int(bits, 2) == 0xF6753A


@given(st.sampled_from(sorted(wiegand.FORMATS)), st.data())
def test_a_credential_survives_its_bits(name: str, data: st.DataObject) -> None:
    layout = wiegand.FORMATS[name]
    number = data.draw(st.integers(0, (1 << layout.number[1] - layout.number[0]) - 1))
    facility = None
    if layout.facility is not None:
        facility = data.draw(st.integers(0, (1 << layout.facility[1] - layout.facility[0]) - 1))
    bits = wiegand.encode(layout, facility, number)
    assert wiegand.decode(layout, bits) == wiegand.Credential(facility, number)


@given(st.sampled_from(["H10301", "H10304", "H10306"]), st.data())
def test_one_wrong_bit_is_noticed(name: str, data: st.DataObject) -> None:
    layout = wiegand.FORMATS[name]
    bits = wiegand.encode(layout, 1, data.draw(st.integers(0, 65535)))
    position = data.draw(st.sampled_from([at for at in range(layout.length) if at != 18]))
    flipped = "1" if bits[position] == "0" else "0"
    with pytest.raises(wiegand.WiegandError, match="parity"):
        wiegand.decode(layout, bits[:position] + flipped + bits[position + 1 :])


@given(st.lists(st.sampled_from(sorted(cards._PLAIN)), max_size=4), st.text(max_size=40))
def test_whatever_a_reader_sends_ends_as_text_or_as_a_card_error(
    transform: list[str], text: str
) -> None:
    try:
        card = canonical(apply(transform, text))
    except CardError:
        return
    assert canonical(card.hex) == card
