"""What a program brings for a domain: its logo and its certificate."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.domains import brand
from control_plane.domains import service as domains
from control_plane.vault import Vault
from tests.support.brought import chained
from tests.support.houses import Town
from tests.support.web import a_program, an_app, give_domains

Ask = Callable[..., Any]
HOST = "alder.localhost"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
def as_program(tmp_path: Path, database: Database, vault: Vault) -> Callable[..., Ask]:
    """Ask as a program of a house, with the key of a role."""
    return functools.partial(a_program, an_app(tmp_path, database, vault, pages=()), database)


@pytest.fixture
def path(database: Database, town: Town) -> str:
    give_domains(database, town)
    with database.reading() as session:
        domain = domains.find_verified(session, HOST)
    assert domain is not None
    return f"/domains/{domain.id}"


def in_base64(data: bytes) -> dict[str, str]:
    return {"logo": base64.b64encode(data).decode()}


def test_a_logo_is_put_and_taken_away(
    as_program: Callable[..., Ask], path: str, town: Town, database: Database
) -> None:
    ask = as_program(town.alder)
    stamp = ask("PUT", f"{path}/logo", in_base64(PNG)).json["logo_stamp"]
    assert stamp
    assert ask("GET", path).json["logo_stamp"] == stamp
    assert ask("DELETE", f"{path}/logo").status_code == 204
    assert ask("GET", path).json["logo_stamp"] == ""
    with database.reading() as session:
        told = session.scalars(select(AuditEvent).where(AuditEvent.event == "domain.changed")).all()
    assert len(told) == 2


@pytest.mark.parametrize(
    "body",
    [
        in_base64(b"<svg onload=alert(1)>"),
        in_base64(PNG + b"x" * brand.MAX_BYTES),
        {"logo": "not base64!"},
        {"logo": ""},
    ],
    ids=["svg", "too-large", "no-base64", "empty"],
)
def test_what_is_no_logo_is_refused(
    as_program: Callable[..., Ask], path: str, town: Town, body: dict[str, str]
) -> None:
    ask = as_program(town.alder)
    refused = ask("PUT", f"{path}/logo", body)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == "logo"
    assert ask("GET", path).json["logo_stamp"] == ""


def test_a_certificate_is_put_shown_without_its_key_and_taken_away(
    as_program: Callable[..., Ask], path: str, town: Town
) -> None:
    ask = as_program(town.alder)
    assert ask("GET", f"{path}/certificate").status_code == 404
    chain, key = chained(HOST)
    put = ask("PUT", f"{path}/certificate", {"chain": chain, "key": key})
    assert put.status_code == 200
    assert "PRIVATE" not in put.text
    shown = ask("GET", f"{path}/certificate").json
    assert shown == put.json
    assert (shown["chain"], shown["issuer"]) == (chain, "Some Authority")
    assert ask("DELETE", f"{path}/certificate").status_code == 204
    assert ask("GET", f"{path}/certificate").status_code == 404


def test_a_certificate_of_another_name_or_key_is_refused(
    as_program: Callable[..., Ask], path: str, town: Town
) -> None:
    ask = as_program(town.alder)
    chain, key = chained(HOST)
    elsewhere, its_key = chained("cedar.localhost")
    for field, body in (
        ("chain", {"chain": elsewhere, "key": its_key}),
        ("key", {"chain": chain, "key": its_key}),
        ("key", {"chain": chain, "key": ""}),
        ("chain", {"chain": "x" * 65_537, "key": key}),
    ):
        refused = ask("PUT", f"{path}/certificate", body)
        assert refused.status_code == 422
        assert refused.json["errors"][0]["field"] == field
        assert "PRIVATE KEY-" not in refused.text
    assert ask("GET", f"{path}/certificate").status_code == 404


def test_nobody_else_brings_anything_for_a_domain(
    as_program: Callable[..., Ask], path: str, town: Town
) -> None:
    chain, key = chained(HOST)
    for method, what, body in (
        ("PUT", "logo", in_base64(PNG)),
        ("DELETE", "logo", None),
        ("PUT", "certificate", {"chain": chain, "key": key}),
        ("GET", "certificate", None),
        ("DELETE", "certificate", None),
    ):
        assert as_program(town.cedar, "owner")(method, f"{path}/{what}", body).status_code == 404
        assert as_program(town.alder, "user")(method, f"{path}/{what}", body).status_code == 403
