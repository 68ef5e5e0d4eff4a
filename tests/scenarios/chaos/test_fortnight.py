"""Two weeks without a line: people send, tap and print; then the primary hears of all of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from control_plane import tenants
from control_plane.accounts import repository as accounts
from control_plane.audit.actor import Actor
from control_plane.cards import service as cards
from control_plane.cards.schemas import NewCard
from control_plane.database import Database
from control_plane.users import service as users
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from tests.scenarios.chaos import private_network
from tests.scenarios.chaos.clients import Clients
from tests.scenarios.chaos.house import House, a_house, ask, wait_until
from tests.scenarios.chaos.ledgers import Ledgers, papers
from tests.support.counts import count, randomness
from tests.support.ippeveprinter import bus_environment

DAYS: Final = 14
_DAY: Final = 86_400
JOBS, PEOPLE = count(500, 10_000), count(50, 2000)
TAPS_A_DAY = count(3, 30)
SETTLE_SECONDS: Final = 300.0
CLOCK_SECONDS: Final = 1.3  # until a lying clock is looked at again
MAKER: Final = Actor("system", name="a test")

pytestmark = [
    pytest.mark.scaled,
    pytest.mark.timeout(600 + JOBS * 2),
    pytest.mark.skipif(House.why_no_clock() is not None, reason=f"{House.why_no_clock()}"),
]


def test_two_weeks_without_a_line_are_told_within_five_minutes(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    bus_environment()  # It must outlive the thread that the house is in.
    said = private_network.alone(lambda: _fortnight(tmp_path))
    for sentence in said:
        proof(sentence)
    assert said[0].startswith(f"{DAYS} days offline: {JOBS} jobs accepted")


def _fortnight(folder: Path) -> list[str]:
    with a_house(folder, clock=f"-{DAYS * _DAY}") as house:
        people = make_people(house, PEOPLE)
        clients = Clients(house.ipp)
        ledgers = Ledgers(house, clients.told)
        wait_until(lambda: not ledgers.unsettled(), "the gateway is in step", 60)
        wait_until(lambda: _knows(house, PEOPLE), "the gateway knows its people", 120)
        house.wire.cut()
        taps = sum(_day(house, clients, people, day) for day in range(DAYS))
        house.set_clock("+0")
        time.sleep(CLOCK_SECONDS)
        waiting = ledgers.in_flight()
        assert waiting >= JOBS
        began = time.monotonic()
        house.wire.join()
        all_is_told = partial(
            wait_until, lambda: not ledgers.unsettled(), "all is told", SETTLE_SECONDS
        )
        all_is_told()
        took = time.monotonic() - began
        # Time went on for the gateway, too: what expires meanwhile is told a moment later.
        assert ledgers.lasting_differences(all_is_told) == []
        assert len(clients.told.accepted) == JOBS
        sheets = papers(house, clients.told)
        assert max(sheets.values()) == 1
        assert len(sheets) >= DAYS
        return [
            f"{DAYS} days offline: {JOBS} jobs accepted, {PEOPLE} people with cards, {taps} taps",
            f"{len(sheets)} jobs on paper, each once; {waiting} facts waited",
            f"told in {took:.1f} s: 0 lost, 0 doubled, 0 out of order",
        ]


def _day(house: House, clients: Clients, people: dict[str, str], day: int) -> int:
    """One day: everybody's share of the jobs, and a few who come to fetch them."""
    house.set_clock(f"-{(DAYS - day) * _DAY}")
    time.sleep(CLOCK_SECONDS)
    chance = randomness(f"day {day}")
    todays = range(JOBS * day // DAYS, JOBS * (day + 1) // DAYS)
    names = {f"day-{day:02}-{n:05}": chance.choice(list(people)) for n in todays}

    def send(title: str) -> bool:
        return clients.send(title, "open", claims=names[title])

    with ThreadPoolExecutor(2) as senders:
        assert all(senders.map(send, names)), clients.told.silences
    return _fetch(house, people, sorted(set(names.values())), chance)


def _fetch(house: House, people: dict[str, str], senders: list[str], chance: random.Random) -> int:
    comers = chance.sample(senders, min(TAPS_A_DAY, len(senders)))
    for name in comers:
        wait_until(partial(house.tap, people[name]), "the reader takes the card", 60)
    wait_until(lambda: not _on_the_way(house), "the printer is done", 900)
    return len(comers)


def _on_the_way(house: House) -> int:
    with house.gateway_database() as own:
        query = "SELECT count(*) FROM jobs WHERE state IN (3, 5)"
        return int(own.execute(query).fetchone()[0])


def make_people(house: House, how_many: int) -> dict[str, str]:
    """Give the account people with cards, and a queue that takes their word; name to card."""
    state = house.primary_state
    ask("queue", "add", "--account", "alder", "--path", "open", "--type", "pull",
        "--identity", "claimed", "--state", f"{state}")  # fmt: skip
    database = Database(house.books.url)
    vault = Vault.open_or_create(state / "keys")
    people = {f"person{n:05}": f"04{n:012X}" for n in range(how_many)}
    try:
        for name, number in people.items():
            with database.writing() as session:
                account = accounts.list_by_short_name(session, "alder")[0]
                user = users.create(
                    session, tenants.account(account.id), NewUser(username=name), MAKER, vault=vault
                )
                card = NewCard(user_id=user.id, number=number)
                cards.create(session, account.id, card, MAKER, vault=vault)
    finally:
        database.close()
    return people


def _knows(house: House, how_many: int) -> bool:
    """Whether the feed has reached the gateway: the last person's card is there."""
    with house.replica() as replica:
        query = "SELECT count(*) FROM rows WHERE kind = 'card' AND deleted = 0"
        return int(replica.execute(query).fetchone()[0]) > how_many
