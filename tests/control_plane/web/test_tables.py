from __future__ import annotations

import pytest
from flask import Flask

from control_plane.web.tables import cell, csv_response


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "%00"])
def test_text_that_a_spreadsheet_would_run_stays_text(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_numbers_and_plain_text_are_left_alone() -> None:
    assert [cell(value) for value in ("Plan 7", 12, None, -3)] == ["Plan 7", "12", "", "-3"]


def test_a_table_is_a_file_that_spreadsheets_read_as_utf8() -> None:
    with Flask(__name__).test_request_context():
        answer = csv_response("jobs", ["Title"], [["Größe, klein"], ["=1"]])
        assert answer.get_data() == '\ufeffTitle\r\n"Größe, klein"\r\n\'=1\r\n'.encode()
        assert answer.headers["Content-Disposition"] == 'attachment; filename="jobs.csv"'
