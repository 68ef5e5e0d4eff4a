"""A job that only a lost disk knew, as its page tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.app import create_app
from tests.support.mishaps import let_things_happen
from tests.support.primary_site import a_site
from tests.support.web import signed_in


@pytest.mark.parametrize(
    ("which", "state"), [("lost", "Lost"), ("lost-on-its-way", "Outcome unknown")]
)
def test_the_way_of_a_lost_job_ends_with_its_disk(tmp_path: Path, which: str, state: str) -> None:
    with a_site(tmp_path) as site:
        things = let_things_happen(site)
        app = create_app(site.parts.settings, site.parts)
        cleo = signed_in(app, site.parts.database, "cedar.localhost", site.town.cleo)
        shown = cleo.get(f"/jobs/{things[which]}").text
        listed = cleo.get("/jobs?state=lost").text
    assert shown.count("No longer on its gateway") == 1
    assert state in shown
    assert f"/jobs/{things[which]}" in listed
