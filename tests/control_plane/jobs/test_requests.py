from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from control_plane import tenants
from control_plane.commands import service as commands
from control_plane.database import Database
from control_plane.jobs import service as jobs
from control_plane.security import api_keys
from control_plane.security.api_keys import NewApiKey
from control_plane.security.permissions import ACCOUNT_ROLES
from control_plane.vault import Vault
from shared.ids import CommandId, JobId, UserId, new_id
from shared.job_states import Hold, JobState
from shared.messages.events import CommandReported, JobChanged, JobReceived, Source
from tests.support.houses import TESTER, Town
from tests.support.web import an_app, give_domains

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Program:
    """A program of Alder's with the administrator's permissions."""

    def __init__(self, app: Flask, key: str) -> None:
        self.client, self.key = app.test_client(use_cookies=False), key

    def ask(self, method: str, path: str, body: Any = None) -> TestResponse:
        return self.client.open(
            f"/api/v1{path}", method=method, json=body, base_url="https://localhost",
            headers={"Authorization": f"Bearer {self.key}"},
        )  # fmt: skip


@pytest.fixture
def program(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Program:
    give_domains(database, town)
    new = NewApiKey(name="x", permissions=tuple(ACCOUNT_ROLES["administrator"]))
    with database.writing() as session:
        _, key = api_keys.create(session, tenants.account(town.alder.account.id), new, TESTER)
    return Program(an_app(tmp_path, database, vault, pages=()), key)


def a_job(
    database: Database, town: Town, owner_id: UserId | None, hold: Hold = Hold.OWNER
) -> JobId:
    fact = JobReceived(
        job_id=JobId(new_id()), account_id=town.alder.account.id, queue_id=town.alder.pull.id,
        number=1, title="Report", state=JobState.PENDING_HELD, reasons=(hold.value,),
        identity="verified", owner_id=owner_id, claimed_name=None,
        source=Source("ipps", "192.0.2.9"), document_format="application/pdf", size_bytes=1,
        sha256="0" * 64, received_ms=1, kept_until=NOON + timedelta(days=1), at=NOON,
    )  # fmt: skip
    with database.writing() as session:
        jobs.on_facts(session, town.alder.gateway.id, [fact])
    return fact.job_id


def test_a_held_job_is_released_by_its_gateway_and_the_asker_reads_what_became_of_it(
    program: Program, database: Database, town: Town
) -> None:
    job_id = a_job(database, town, town.ben.id)
    asked = program.ask("POST", f"/jobs/{job_id}/release", {"printer_id": town.alder.printer.id})
    assert (asked.status_code, asked.json and asked.json["state"]) == (202, "queued")
    with database.writing() as session:
        (said,) = commands.list_pending(session, town.alder.gateway.id)
        assert said.body["owner_id"] == town.ben.id
        report = CommandReported(CommandId(said.id), "succeeded", NOON, {})
        commands.on_reported(session, town.alder.gateway.id, [report])
    listed = program.ask("GET", f"/jobs/{job_id}/commands")
    assert [row["state"] for row in (listed.json or {})["items"]] == ["succeeded"]


def test_a_job_that_has_ended_is_neither_printed_nor_deleted(
    program: Program, database: Database, town: Town
) -> None:
    job_id = a_job(database, town, town.ben.id)
    assert program.ask("POST", f"/jobs/{job_id}/cancel").status_code == 202
    end = JobChanged(
        job_id=job_id, account_id=town.alder.account.id, event="canceled",
        state=JobState.CANCELED, reasons=(), at=NOON, revision=2, home_epoch=1, by="command",
    )  # fmt: skip
    with database.writing() as session:
        jobs.on_facts(session, town.alder.gateway.id, [end])
    body = {"printer_id": town.alder.printer.id}
    assert program.ask("POST", f"/jobs/{job_id}/release", body).status_code == 409
    assert program.ask("POST", f"/jobs/{job_id}/cancel").status_code == 409


def test_several_jobs_are_deleted_at_once_and_none_where_one_is_somebody_elses(
    program: Program, database: Database, town: Town
) -> None:
    ids = [a_job(database, town, town.ben.id) for _ in range(3)]
    foreign = program.ask("POST", "/jobs/cancel", {"job_ids": [*ids, new_id()]})
    assert (foreign.status_code, "job_ids" in foreign.text) == (422, True)
    with database.reading() as session:
        assert commands.list_pending(session, town.alder.gateway.id) == []
    assert program.ask("POST", "/jobs/cancel", {"job_ids": []}).status_code == 422
    asked = program.ask("POST", "/jobs/cancel", {"job_ids": ids})
    assert asked.status_code == 202
    with database.reading() as session:
        said = commands.list_pending(session, town.alder.gateway.id)
        assert {command.body["job_id"] for command in said} == set(ids)


def test_only_a_job_that_is_nobodys_is_given_to_a_person(
    program: Program, database: Database, town: Town
) -> None:
    bens = a_job(database, town, town.ben.id)
    nobodys = a_job(database, town, None, Hold.QUARANTINE)
    body = {"owner_id": town.ada.id}
    release = {"printer_id": town.alder.printer.id}
    assert program.ask("POST", f"/jobs/{bens}/reassign", body).status_code == 409
    assert program.ask("POST", f"/jobs/{nobodys}/release", release).status_code == 409
    assert program.ask("POST", f"/jobs/{nobodys}/reassign", body).status_code == 202
    stranger = program.ask("POST", f"/jobs/{nobodys}/reassign", {"owner_id": town.cleo.id})
    assert stranger.status_code == 422


def test_an_upload_says_why_there_is_no_address_for_it_and_what_works_instead(
    program: Program, database: Database, town: Town, vault: Vault
) -> None:
    body = {"queue_id": town.alder.pull.id, "user_id": town.ada.id}
    none_yet = program.ask("POST", "/jobs/uploads", body)
    assert none_yet.status_code == 409
    assert "no gateway serves this account yet" in none_yet.text
    with database.writing() as session:
        town.alder.gateway.enrolled_at = NOON
        session.merge(town.alder.gateway)
    answer = program.ask("POST", "/jobs/uploads", body)
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert "Alder one" in answer.text
    assert "by IPP to the queue pull" in answer.text
    foreign = program.ask("POST", "/jobs/uploads", {**body, "queue_id": town.cedar.pull.id})
    assert foreign.status_code == 422
