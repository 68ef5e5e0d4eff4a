"""The options of a gateway's services: only what has one form on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from control_plane.gateways.schemas import Service
from shared.messages import codec


@pytest.mark.parametrize(
    "options",
    [
        {"tls": True, "multiple_operation_time_out": 60, "public_url": "https://gateway.example"},
        {"user_from": ["pjl", "title"], "sources": {"192.0.2.7": "ada"}, "none": None},
    ],
)
def test_options_arrive_as_they_were_given(options: dict[str, Any]) -> None:
    assert codec.to_plain(Service(options=options).options) == options


@pytest.mark.parametrize(
    "value",
    [1.5, [0.1], {"a": 2.0}, {"a": {"b": 1}}, [[1]], 2**60, "x" * 2001, ["x"] * 1001],
    ids=["float", "in a list", "in a map", "deep map", "deep list", "huge", "long", "many"],
)
def test_what_has_no_form_on_the_wire_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        Service(options={"it": value})
