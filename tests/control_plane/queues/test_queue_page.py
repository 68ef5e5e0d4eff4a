"""A queue on its page: what its tickets ask for, how long it keeps, its raw port, its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane import tenants
from control_plane.database import Database
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import GatewayChanges
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.models import Queue
from control_plane.queues.schemas import NewQueue, QueueChanges
from control_plane.vault import Vault
from shared.ids import PrinterId, QueueId
from shared.messages.records import QueueType
from tests.support.houses import TESTER, Town
from tests.support.web import Browser, an_app, give_domains, signed_in


@dataclass
class Desk:
    database: Database
    town: Town
    direct: QueueId
    other_printer: PrinterId
    ada: Browser

    def queue(self, queue_id: QueueId) -> Queue:
        with self.database.reading() as session:
            return queues.get_queue(session, self.town.alder.account.id, queue_id)


@pytest.fixture
def desk(tmp_path: Path, database: Database, vault: Vault, town: Town) -> Desk:
    give_domains(database, town)
    app = an_app(tmp_path, database, vault)
    alder = town.alder.account.id
    with database.writing() as session:
        lift = printers.create(
            session, alder, NewPrinter(name="Lift", uri="ipp://192.0.2.8/ipp/print"), TESTER
        )
        new = NewQueue(
            name="Hall", path="hall", type=QueueType.DIRECT, printer_id=town.alder.printer.id
        )
        direct = queues.create(session, alder, new, TESTER)
    ada = signed_in(app, database, "alder.localhost", town.ada)
    return Desk(database, town, direct.id, lift.id, ada)


A_FORM = {
    "name": "Follow me",
    "identity": "sign-in",
    "sides": "two-sided-long-edge",
    "print-color-mode": "monochrome",
    "retention_seconds": "14400",
    "raw_port": "9100",
    "keep_after_printing": "on",
}


def test_what_a_queue_asks_for_and_keeps_is_set_on_its_page(desk: Desk) -> None:
    pull = desk.town.alder.pull.id
    assert desk.ada.post(f"/queues/{pull}", data=A_FORM).status_code == 303
    queue = desk.queue(pull)
    assert queue.ticket_defaults == {
        "sides": "two-sided-long-edge",
        "print-color-mode": "monochrome",
    }
    assert (queue.retention_seconds, queue.raw_port) == (14_400, 9100)
    assert queue.keep_after_printing
    emptied = {"name": "Follow me", "identity": "sign-in"}
    assert desk.ada.post(f"/queues/{pull}", data=emptied).status_code == 303
    queue = desk.queue(pull)
    assert (queue.ticket_defaults, queue.retention_seconds, queue.raw_port) == ({}, None, None)
    assert not queue.keep_after_printing


def test_defaults_that_the_page_does_not_know_stay(desk: Desk) -> None:
    pull, alder = desk.town.alder.pull.id, desk.town.alder.account.id
    with desk.database.writing() as session:
        more = QueueChanges(ticket_defaults={"copies": 2, "sides": "one-sided"})
        queues.update(session, alder, pull, more, TESTER)
    assert desk.ada.post(f"/queues/{pull}", data=A_FORM).status_code == 303
    assert desk.queue(pull).ticket_defaults["copies"] == 2
    assert desk.queue(pull).ticket_defaults["sides"] == "two-sided-long-edge"


def test_a_direct_queue_moves_to_another_printer_and_a_pull_queue_to_none(desk: Desk) -> None:
    moved = {"name": "Hall", "identity": "sign-in", "printer_id": desk.other_printer}
    assert desk.ada.post(f"/queues/{desk.direct}", data=moved).status_code == 303
    assert desk.queue(desk.direct).printer_id == desk.other_printer
    pull = desk.town.alder.pull.id
    assert desk.ada.post(f"/queues/{pull}", data=moved).status_code == 303
    assert desk.queue(pull).printer_id is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"raw_port": "70000"},
        {"raw_port": "http"},
        {"retention_seconds": "5"},
        {"identity": "nobody"},
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(desk: Desk, wrong: dict[str, str]) -> None:
    pull = desk.town.alder.pull.id
    answer = desk.ada.post(f"/queues/{pull}", data={**A_FORM, **wrong})
    assert answer.status_code == 422
    assert "is-invalid" in answer.text
    assert desk.queue(pull).name == "Pull"


def test_a_page_names_every_way_to_the_queue(desk: Desk) -> None:
    alder, pull = desk.town.alder, desk.town.alder.pull.id
    services = {
        "ipp": {"host": "192.0.2.20", "port": 631},
        "lpd": {"host": "192.0.2.20", "port": 515},
        "raw": {"host": "192.0.2.20"},
    }
    with desk.database.writing() as session:
        gateways.update(
            session, tenants.account(alder.account.id), alder.gateway.id,
            GatewayChanges.model_validate({"services": services}), TESTER,
        )  # fmt: skip
    before = desk.ada.get(f"/queues/{pull}").text
    assert "ipp://192.0.2.20:631/ipp/print/pull" in before
    assert "lpd://192.0.2.20:515/pull" in before
    assert "socket://" not in before
    desk.ada.post(f"/queues/{pull}", data=A_FORM)
    assert "socket://192.0.2.20:9100" in desk.ada.get(f"/queues/{pull}").text
