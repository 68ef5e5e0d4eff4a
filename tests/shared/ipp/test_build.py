from __future__ import annotations

from shared.ipp import Group, Operation, Status, Tag, attribute, each, request, response
from shared.ipp import values as v


def test_a_request_begins_with_charset_language_and_target() -> None:
    asked = request(Operation.CANCEL_JOB, "ipp://h/ipp/print", job_id=7, user="ada", request_id=3)
    assert (asked.version, asked.code, asked.request_id) == ((2, 0), 8, 3)
    assert [item.name for item in asked.operation] == [
        "attributes-charset",
        "attributes-natural-language",
        "printer-uri",
        "job-id",
        "requesting-user-name",
    ]


def test_a_response_answers_its_request_in_its_version() -> None:
    asked = request(Operation.PRINT_JOB, "ipp://h/", request_id=9, version=(1, 1))
    job = Group(Tag.JOB, (attribute("job-id", v.Integer(1)),))
    answer = response(Status.SUCCESSFUL_OK, asked, groups=[job])
    assert (answer.version, answer.code, answer.request_id) == ((1, 1), 0, 9)
    assert answer.groups[1] == job


def test_a_status_message_is_cut_between_characters() -> None:
    answer = response(Status.CLIENT_ERROR_BAD_REQUEST, None, message="a" + "ä" * 200)
    assert answer.operation.get_text("status-message") == "a" + "ä" * 127
    assert answer.request_id == 0


def test_each_makes_one_value_of_each_item() -> None:
    sides = each("sides-supported", v.Keyword, ["one-sided", "two-sided-long-edge"])
    assert sides.values == (v.Keyword("one-sided"), v.Keyword("two-sided-long-edge"))
