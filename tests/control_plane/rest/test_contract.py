"""What the OpenAPI document promises is what comes back, whatever is sent (schemathesis)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from control_plane import schema
from control_plane.database import sqlite_url
from control_plane.rest import api
from control_plane.security.permissions import ACCOUNT_ROLES, VENDOR_ROLES
from control_plane.vault import Vault
from tests.support.counts import count, progress, seed
from tests.support.web import an_app
from tests.support.worlds import Holding, UndoneDatabase, a_world, bodies

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {
    f"{rest.name}.{operation.endpoint}": operation
    for rest in api.RESTS
    for operation in rest.operations
}


@dataclass
class Town:
    """The application, whose every change is taken back, and the world that it shows."""

    world: Mapping[str, Holding]
    document: OpenApiSchema
    seen: Counter[int] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder: Path = tmp_path_factory.mktemp("contract")
    database = UndoneDatabase(sqlite_url(folder / "x.db"))
    schema.migrate(database)
    vault = Vault(b"k" * 32)
    world = a_world(database, vault)
    app = an_app(folder, database, vault, pages=())
    database.undoes = True
    # Read once: schemathesis gathers the application's constants and compiles every schema anew
    # for each document that it is given.
    document = schemathesis.openapi.from_dict(api.describe())
    document.app = app
    yield Town(world, document)
    database.close()


def break_in(town: Town, name: str, about: Holding, key: str | None, examples: int) -> list[str]:
    """Send one operation everything that fits its description, and what does not."""
    operation = town.document.find_operation_by_id(name)
    good = bodies(about).get(getattr(OPERATIONS[name].body, "__name__", ""))
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )
    wrong: list[str] = []

    @hypothesis.seed(seed())
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_about_ours=st.integers(0, 3), is_good=st.integers(0, 3))
    def send(case: Any, is_about_ours: int, is_good: int) -> None:
        # Made-up ids end at 404; things that are there let a request come further.
        if is_about_ours:
            for parameter in case.path_parameters or {}:
                case.path_parameters[parameter] = about.things.get(parameter, "x")
        if good is not None and isinstance(case.body, dict):
            case.body = {**good, **case.body} if is_good > 1 else good if is_good else case.body
        said = {"Authorization": f"Bearer {key}"} if key else {}
        answer = case.call(base_url="https://localhost", headers=said)
        town.seen[answer.status_code] += 1
        try:
            case.validate_response(answer, CHECKS)
        except FailureGroup as error:
            wrong.append(f"{name}: {error}")

    send()
    return wrong[:1]


@pytest.mark.timeout(3600)
def test_an_administrators_program_gets_only_the_answers_that_are_documented(
    town: Town, proof: Callable[[str], None]
) -> None:
    alder = town.world["alder"]
    wrong = [
        finding
        for name in OPERATIONS
        for finding in break_in(town, name, alder, alder.keys["administrator"], count(20, 200))
    ]
    assert "\n".join(wrong) == ""
    assert {200, 201, 204, 404, 422} <= set(town.seen)
    proof(f"{len(OPERATIONS)} operations, {town.seen.total()} requests, {dict(town.seen)}")


# Who asks; a stranger has no key at all.
ROLES = [
    *(("alder", role) for role in ACCOUNT_ROLES),
    *(("vic", role) for role in VENDOR_ROLES),
    ("nobody", ""),
]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("house", "role"), ROLES)
def test_every_role_gets_only_the_answers_that_are_documented(
    town: Town, house: str, role: str, proof: Callable[[str], None]
) -> None:
    town.seen.clear()
    alder = town.world["alder"]
    key = town.world[house].keys[role] if role else None
    wrong = []
    for done, name in enumerate(OPERATIONS):
        progress(done, len(OPERATIONS), "operations")
        wrong += break_in(town, name, alder, key, 50)
    assert "\n".join(wrong) == ""
    assert role or set(town.seen) == {401}
    proof(f"{len(OPERATIONS)} operations, {town.seen.total()} requests, {dict(town.seen)}")
