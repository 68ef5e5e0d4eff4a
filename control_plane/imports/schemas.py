from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from control_plane.imports import service as imports
from control_plane.imports.models import PeopleImport
from control_plane.schemas import Body, View, Words
from control_plane.users.csv_file import MAX_BYTES, Problem


class NewPeopleImport(Body):
    """A CSV file of people, in the columns of the page that imports them."""

    csv: Annotated[str, Field(max_length=MAX_BYTES)]
    file_name: Words = "people.csv"


class ProblemView(View):
    """Why a line is left out; ``number`` 1 is the file's heading."""

    number: int
    username: str
    column: str
    says: str


class PeopleImportView(View):
    """A file of people on its way in: checking, checked, importing, done or failed."""

    id: str
    file_name: str
    created_at: datetime
    state: str
    is_interrupted: bool  # whoever worked on it was not heard of for a minute
    lines: int
    lines_done: int
    created: int
    changed: int
    same: int
    refused: int
    problems: list[ProblemView]  # the first 500

    @classmethod
    def of(cls, found: PeopleImport) -> PeopleImportView:
        kinds = ("created", "changed", "same", "refused")
        return cls(
            id=found.id,
            file_name=found.file_name,
            created_at=found.created_at,
            state=found.state,
            is_interrupted=imports.is_interrupted(found),
            lines=found.lines,
            lines_done=found.lines_done,
            problems=[_problem(item) for item in found.problems.get("items", [])],
            **{kind: int(found.counts.get(kind, 0)) for kind in kinds},
        )


def _problem(item: dict[str, Any]) -> ProblemView:
    return ProblemView(
        number=item["number"],
        username=item["username"],
        column=item["column"],
        says=str(Problem(item["text"], item["values"])),
    )
