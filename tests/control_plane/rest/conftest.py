"""Programs that ask the REST API: one of Alder's and one of its vendor's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from control_plane import tenants
from control_plane.database import Database
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES, VENDOR_ROLES
from control_plane.vault import Vault
from tests.support.houses import TESTER, Town
from tests.support.web import an_app, give_domains

Ask = Callable[..., Any]


@pytest.fixture
def app(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Flask:
    give_domains(database, town)
    return an_app(tmp_path, database, vault, pages=())


@pytest.fixture
def key(database: Database, town: Town) -> str:
    new = NewApiKey(name="x", permissions=tuple(ACCOUNT_ROLES["administrator"]))
    with database.writing() as session:
        return api_keys.create(session, tenants.account(town.alder.account.id), new, TESTER)[1]


@pytest.fixture
def ask(app: Flask, key: str) -> Ask:
    """Ask as a program of Alder's."""
    client = app.test_client(use_cookies=False)

    def asked(method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {key}"
        return client.open(
            f"/api/v1{path}", method=method, json=body, headers=sent, base_url="https://localhost"
        )

    return asked


@pytest.fixture
def vendor(app: Flask, database: Database, town: Town) -> Ask:
    """Ask as a program of Vic's."""
    new = NewApiKey(name="x", permissions=tuple(VENDOR_ROLES["administrator"]))
    with database.writing() as session:
        _, key = api_keys.create(session, tenants.vendor(town.vendor.id), new, TESTER)

    def asked(method: str, path: str, body: Any = None, key: str = key) -> Any:
        return app.test_client(use_cookies=False).open(
            f"/api/v1{path}", method=method, json=body, base_url="https://localhost",
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip

    return asked
