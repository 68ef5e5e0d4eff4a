"""How many rows a second a primary applies exactly once: what ``script/bench link`` begins with."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from control_plane import schema
from control_plane.database import Database
from control_plane.ingest import marks
from control_plane.ingest.inbox import Message, portion
from control_plane.ingest.listener import LinkSettings, Listener
from control_plane.ingest.receiving import Receiver
from control_plane.pki.certificates import CertificateFiles
from control_plane.pki.keys import KeyRing
from control_plane.simulate import identities, ledger, town
from control_plane.simulate.identities import Office
from control_plane.simulate.outbox import Outbox
from control_plane.simulate.work import Desk, House, Ledger
from control_plane.vault import Vault
from script._bench.spent import Row, Spent, spending
from shared.ids import GatewayId
from shared.messages.envelope import Lane
from shared.messages.topics import Up
from shared.mqtt import Delivery
from tests.support.postgresql import PostgreSql

ACCOUNTS = 10
REPEATED = 0.05  # of the messages come twice, as after a lost acknowledgement
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Crew:
    """Who applies rows: so many primaries with so many threads each."""

    primaries: int
    threads: int


@dataclass(frozen=True, slots=True)
class Load:
    name: str
    events: int
    most_rows: int  # in one message
    goal: int  # a second
    gateways: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of processors for each row: ours and PostgreSQL's."""

    ours: float
    database: float


def measure(server: PostgreSql, load: Load, crew: Crew) -> tuple[list[Row], Cost]:
    """Apply a load on a fresh installation.

    Raises:
        RuntimeError: Something of it was lost, doubled or parked.
    """
    with _installation(server) as office:
        told, spent = _apply(server, office, load, crew)
    each = 1e6 / told.facts
    cost = Cost(spent.ours * each, spent.database * each)
    rows = [
        (load.name, f"{told.facts / spent.wall:,.0f}/s", f"{load.goal:,}/s"),
        (
            "processor time for each",
            f"{cost.ours:.0f} us ours, {cost.database:.0f} us PostgreSQL's",
            f"{2e6 / load.goal:.0f} us of both on 2 cores",
        ),
        ("lost, doubled, parked (one message in twenty came twice)", "0, 0, 0", "0, 0, 0"),
    ]
    return rows, cost


def _apply(server: PostgreSql, office: Office, load: Load, crew: Crew) -> tuple[Ledger, Spent]:
    houses = town.prepare(office.database, office.vault, ACCOUNTS)
    fleet = asyncio.run(identities.enrol_fleet(office, houses, load.gateways, over_https=False))[0]
    ids = [each.gateway_id for each in fleet]
    told = Ledger()
    by_gateway = _messages(office.database, ids, houses, told, load)
    # As the broker delivers them: each gateway's in its order, all gateways' in turns.
    count = crew.primaries * crew.threads
    shares = [_in_turns(by_gateway[n::count]) for n in range(count)]
    if crew.primaries == 1:
        receiver = _receiver(office, office.database)
        with spending(server) as spent:
            _work(receiver, shares)
    else:
        spent = _in_processes(server, office, crew, shares)
    with office.database.reading() as session:
        verdict = ledger.compare(session, told, ids)
    if not verdict.is_well:
        raise RuntimeError(f"{load.name}: {verdict}")
    return told, spent[0]


def _in_processes(
    server: PostgreSql, office: Office, crew: Crew, shares: Sequence[deque[Message]]
) -> list[Spent]:
    """The same by several primaries: processes with their own connections to the database."""
    fork = multiprocessing.get_context("fork")
    ready, go = fork.Barrier(crew.primaries + 1), fork.Event()
    url = office.database.engine.url.render_as_string(hide_password=False)

    def primary(own: Sequence[deque[Message]]) -> None:
        database = Database(url)
        receiver = _receiver(office, database)
        ready.wait(START_SECONDS)
        go.wait(START_SECONDS)
        _work(receiver, own)
        database.close()

    office.database.close()  # A connection is nobody's to inherit.
    processes = [
        fork.Process(target=primary, args=(shares[n :: crew.primaries],))
        for n in range(crew.primaries)
    ]
    for process in processes:
        process.start()
    ready.wait(START_SECONDS)
    with spending(server) as spent:
        go.set()
        for process in processes:
            process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError("a primary failed")
    return spent


def _work(receiver: Receiver, shares: Sequence[deque[Message]]) -> None:
    def one(waiting: deque[Message]) -> None:
        while waiting:
            receiver.process(sorted(portion(waiting), key=lambda message: message.gateway_id))

    threads = [threading.Thread(target=one, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _messages(
    database: Database,
    ids: Sequence[GatewayId],
    houses: Sequence[House],
    told: Ledger,
    load: Load,
) -> list[list[Message]]:
    """What each gateway has to tell, as it travels; a job of seven facts after the other."""
    random, found = Random(1), list[list[Message]]()
    for n, gateway_id in enumerate(ids):
        desk, box = Desk(houses[n % len(houses)]), Outbox(gateway_id, Lane.FACTS)
        with database.writing() as session:
            marks.on_hello(session, gateway_id, Lane.FACTS, box.hello(""))
        now = datetime.now(UTC)
        while box.last < load.events // len(ids):
            for fact in (*desk.send(now, random), *desk.tap(now)):
                box.append(fact)
                told.note(fact)
        messages, after = list[Message](), 0
        while sent := box.batch(after, load.most_rows):
            again = 2 if random.random() < REPEATED else 1
            delivery = Delivery("", sent.payload, lambda: None)
            messages += [Message(gateway_id, Up.FACTS, delivery)] * again
            after = sent.last
        found.append(messages)
    return found


def _in_turns(queues: Sequence[list[Message]]) -> deque[Message]:
    longest = max(len(queue) for queue in queues)
    return deque(queue[n] for n in range(longest) for queue in queues if n < len(queue))


def _receiver(office: Office, database: Database) -> Receiver:
    """One without a connection: what it says is made and signed, and goes nowhere."""
    files = CertificateFiles(office.folder / "none", office.folder / "none")
    settings = LinkSettings(1, "bench", files, office.folder / "none")
    return Listener(settings, database, office.keys.signer).receiver


@contextmanager
def _installation(server: PostgreSql) -> Iterator[Office]:
    """A primary's database and keys, and no primary."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        database = Database(server.new_database())
        schema.migrate(database)
        vault, keys = Vault.open_or_create(state / "keys"), KeyRing.open_or_create(state / "keys")
        try:
            yield Office(database, vault, keys, state / "simulate", "https://localhost")
        finally:
            database.close()
