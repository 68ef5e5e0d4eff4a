from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.ipp import Group, Message, MissingAttributeError, Operation, Status, Tag, attribute
from shared.ipp import values as v
from shared.ipp.enums import is_successful, status_keyword
from shared.ipp.tags import tag_name

GROUP = Group(
    Tag.PRINTER,
    (
        attribute("copies", v.Integer(2)),
        attribute("print-quality", v.Enum(4)),
        attribute("sides", v.Keyword("one-sided"), v.Name("mine"), v.NO_VALUE),
        attribute("job-name", v.NameWithLanguage("de", "Bericht")),
        attribute("uri", v.Uri("ipp://h/")),
        attribute("color", v.Boolean(value=True)),
        attribute("numbers", v.Integer(1), v.Enum(2), v.Keyword("x")),
        attribute("time-at-completed", v.NO_VALUE),
    ),
)


def test_a_value_is_found_by_name_and_syntax() -> None:
    assert GROUP.find_integer("copies") == 2
    assert GROUP.find_integer("print-quality") == 4
    assert GROUP.find_keyword("sides") == "one-sided"
    assert GROUP.find_text("job-name") == "Bericht"
    assert GROUP.find_uri("uri") == "ipp://h/"
    assert GROUP.find_boolean("color") is True
    assert GROUP.list_integers("numbers") == (1, 2)
    assert GROUP.list_keywords("sides") == ("one-sided",)
    assert GROUP.list_words("sides") == ("one-sided", "mine")
    assert "copies" in GROUP


def test_an_attribute_of_another_syntax_is_not_found() -> None:
    assert GROUP.find_integer("sides") is None
    assert GROUP.find_text("copies") is None
    assert GROUP.find_integer("time-at-completed") is None
    assert GROUP.find_keyword("absent") is None
    assert GROUP.list_words("absent") == ()


@pytest.mark.parametrize("name", ["absent", "sides"])
def test_what_must_be_there_is_missed_by_name(name: str) -> None:
    with pytest.raises(MissingAttributeError, match=name):
        GROUP.get_integer(name)


def test_a_message_without_a_group_has_an_empty_one() -> None:
    message = Message((2, 0), 0x000B, 1, (GROUP,))
    assert message.printer is GROUP
    assert message.job == Group(Tag.JOB)
    assert message.known_operation is Operation.GET_PRINTER_ATTRIBUTES
    assert Message((2, 0), 0x3FFF, 1).known_operation is None


def test_numbers_have_the_names_of_the_standards() -> None:
    assert Operation.PRINT_URI.title == "Print-URI"
    assert Operation.GET_PRINTER_ATTRIBUTES.title == "Get-Printer-Attributes"
    assert int(Operation.IDENTIFY_PRINTER) == 0x003C
    assert int(Operation.GET_USER_PRINTER_ATTRIBUTES) == 0x0066
    assert int(Operation.ALLOCATE_PRINTER_RESOURCES) == 0x004B
    assert int(Operation.REGISTER_OUTPUT_DEVICE) == 0x005F
    assert int(Status.SERVER_ERROR_BUSY) == 0x0507
    assert int(Status.CLIENT_ERROR_ACCOUNT_AUTHORIZATION_FAILED) == 0x041F
    assert status_keyword(0x0406) == "client-error-not-found"
    assert status_keyword(0x05FE) == "0x05fe"
    assert (tag_name(0x44), tag_name(0x5F)) == ("keyword", "0x5f")
    assert is_successful(0x0001)
    assert not is_successful(0x0400)


@given(
    st.datetimes(
        timezones=st.just(timezone(timedelta(hours=2))),
    )
)
def test_a_moment_survives_as_a_date_time_to_a_tenth_of_a_second(moment: datetime) -> None:
    tenth = moment.replace(microsecond=moment.microsecond // 100_000 * 100_000)
    assume(1 < moment.year < 9999)
    assert v.DateTime.of(moment).find_moment() == tenth


@pytest.mark.parametrize(
    ("octets", "moment"),
    [
        ("07ea0b160a291f022b0100", datetime(2026, 11, 22, 9, 41, 31, 200_000, UTC)),
        ("07ea0b160a291f022d011e", datetime(2026, 11, 22, 12, 11, 31, 200_000, UTC)),
        ("07ea0c1f173b3c002b0000", datetime(2026, 12, 31, 23, 59, 59, 0, UTC)),
        ("0000000000000000000000", None),
        ("07ea0b160a291f022bff00", None),
        ("ffffffffffffffffffffff", None),
    ],
)
def test_a_date_time_that_is_no_date_has_no_moment(octets: str, moment: datetime | None) -> None:
    assert v.DateTime(bytes.fromhex(octets)).find_moment() == moment
