"""What goes wrong. Each fault is done to work in flight, and is over when its function returns.

A fault that this machine cannot do says why, and is not counted.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from control_plane.audit.actor import Actor
from control_plane.database import Database
from control_plane.ingest import hello
from shared.ids import GatewayId
from tests.scenarios.chaos import private_network
from tests.scenarios.chaos.clients import Clients
from tests.scenarios.chaos.house import House, Program, wait_until
from tests.scenarios.chaos.ledgers import Ledgers
from tests.scenarios.chaos.private_network import Crawl, Loss

SETTLE_SECONDS: Final = 90.0
_HOUR, _DAY = 3600, 86_400


@dataclass
class World:
    """The house, who works in it, and what is written down."""

    house: House
    clients: Clients
    ledgers: Ledgers
    chance: random.Random
    backup: Path  # of the primary: yesterday's
    parked: int = 0
    set_back: int = 0
    revived: Counter[str] = field(default_factory=Counter)  # programs that ended by themselves
    aside: set[str] = field(default_factory=set)

    def back_up(self) -> None:
        self.house.books.back_up(self.backup)

    def settle(self, state: Path | None = None) -> float:
        """Wait until all is told and printed; how long it took."""
        began = time.monotonic()
        wait_until(
            lambda: not self.clients.open_requests, "every sender has an answer", SETTLE_SECONDS
        )

        def settled() -> bool:
            self.revive()
            return not self.ledgers.unsettled(state)

        try:
            wait_until(settled, "all is told", SETTLE_SECONDS)
        except AssertionError as error:
            missing = self.ledgers.unsettled(state)
            for program in (self.house.gateway, self.house.primary):
                program.say_where_it_is()
            raise AssertionError(f"{error}: {missing}") from None
        return time.monotonic() - began

    def revive(self) -> None:
        """Do as a service manager does."""
        if not self.house.primary.is_running:
            self.revived["primary"] += 1
            self.house.start_primary()
        if not self.house.gateway.is_running and "gateway" not in self.aside:
            self.revived["gateway"] += 1
            self.house.start_gateway()


Fault = Callable[[World], None]


def gateway_killed(world: World) -> None:
    world.house.gateway.kill()
    world.house.start_gateway()


def primary_killed(world: World) -> None:
    world.house.primary.kill()
    world.house.start_primary()


def broker_killed(world: World) -> None:
    world.house.kill_broker()
    time.sleep(0.3)


def broker_state_deleted(world: World) -> None:
    world.house.kill_broker()
    for name in ("dynamic-security.json", "mosquitto.conf", "revoked.crl", "mosquitto.db"):
        (world.house.primary_state / "broker" / name).unlink(missing_ok=True)
    time.sleep(0.3)


def line_down(world: World) -> None:
    world.house.wire.cut()
    time.sleep(world.chance.uniform(0.2, 0.8))
    world.house.wire.join()


def line_flaps(world: World) -> None:
    for _ in range(4):
        world.house.wire.cut()
        time.sleep(world.chance.uniform(0.05, 0.2))
        world.house.wire.join()
        time.sleep(world.chance.uniform(0.05, 0.3))


def line_half_open(world: World) -> None:
    world.house.wire.hang()
    time.sleep(world.chance.uniform(0.3, 1.0))
    world.house.wire.go_on()


def line_half_open_and_forgotten(world: World) -> None:
    """The broker's side is gone; the gateway learns of it by what it says next."""
    world.house.wire.hang()
    world.house.wire.forget()
    time.sleep(world.chance.uniform(0.3, 1.0))
    world.house.wire.go_on()


def line_loses_packets(world: World) -> None:
    loss = Loss(world.house.wire.port)
    loss.begin()
    try:
        time.sleep(1.2)
    finally:
        loss.end()


def line_crawls(world: World) -> None:
    crawl = Crawl(world.house.wire.port)
    crawl.begin()
    try:
        time.sleep(1.2)
    finally:
        crawl.end()


def line_resets_in_mid_frame(world: World) -> None:
    world.house.wire.break_next_frame()
    time.sleep(0.3)


def clock_an_hour_forward(world: World) -> None:
    _with_clock(world, _HOUR)


def clock_a_day_back(world: World) -> None:
    _with_clock(world, -_DAY)


def _with_clock(world: World, seconds: int) -> None:
    """The gateway's clock jumps while it works, and a new connection is made by that clock."""
    world.house.set_clock(f"{seconds:+}")
    time.sleep(1.2)
    world.house.wire.drop()
    time.sleep(1.0)
    world.house.set_clock("+0")
    time.sleep(1.1)


def gateway_disk_full(world: World) -> None:
    """Not a byte is left while people send; then there is room again."""
    ballast = world.house.gateway_state.parent / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))
        time.sleep(1.0)
    finally:
        ballast.unlink(missing_ok=True)


def primary_restored(world: World) -> None:
    """Yesterday's backup takes the place of the primary's database."""
    world.house.primary.kill()
    world.house.books.restore(world.backup)
    world.house.start_primary()


def gateway_set_back(world: World) -> None:
    """A virtual machine is restored from a snapshot; a job that printed since waits in it."""
    house, snapshot = world.house, world.house.folder / "snapshot"
    with house.printer_off():
        world.clients.send(f"set-back-{world.set_back:04}", "direct")
        world.set_back += 1
        house.copy_gateway(snapshot)
    time.sleep(1.5)
    # What the printer began for jobs that this disk never knew it gives up after a minute or two;
    # ippeveprinter says so and never does. The power of the whole office fails, then.
    house.gateway.kill()
    with house.printer_off():
        world.ledgers.disk_goes(house.gateway_state, snapshot)
        shutil.rmtree(house.gateway_state)
        shutil.copytree(snapshot, house.gateway_state)
    house.start_gateway()
    world.back_up()  # What only the lost disk knew is nowhere else: no backup is older.


def gateway_cloned(world: World) -> None:
    """A disk is copied and both run; a person tries the one, then the other."""
    house, disk = world.house, world.house.gateway_state.parent / "clone"
    with house.printer_off():
        world.clients.send(f"cloned-{world.parked:04}", "direct")
        house.copy_gateway(disk)
        clone = house.clone(disk)
        clone.start()
        time.sleep(1.0)
    try:
        _until_parked(world)
        world.clients.rest()
        # The first box is switched off, and the copy is chosen.
        world.aside.add("gateway")
        house.gateway.kill()
        with house.printer_off():
            pass
        _choose(world, clone)
        world.settle(disk)
        clone.kill()
        world.ledgers.disk_goes(disk, house.gateway_state)
        # The copy was the wrong one: the first box is switched on again.
        world.aside.clear()
        house.start_gateway()
    finally:
        world.aside.clear()
        clone.kill()
        shutil.rmtree(disk, ignore_errors=True)
    world.settle()
    world.back_up()


def _until_parked(world: World) -> None:
    def parked() -> bool:
        with world.house.books.reading() as primary:
            return bool(primary.rows("SELECT gateway_id FROM gateway_halts"))

    wait_until(parked, "the primary notices two boxes", SETTLE_SECONDS)
    world.parked += 1


def _choose(world: World, box: Program) -> None:
    """A person has switched one box off, says so, and starts the other anew."""
    database = Database(world.house.books.url)
    try:
        with database.writing() as session:
            who = Actor("system", None, "a person")
            assert hello.resolve_halt(session, GatewayId(world.house.gateway_id), who)
    finally:
        database.close()
    box.kill()
    box.start()


# How many of each there are in sixty.
MIX: Final[dict[Fault, int]] = {
    broker_killed: 7,
    broker_state_deleted: 4,
    line_down: 7,
    line_flaps: 6,
    line_half_open: 6,
    line_half_open_and_forgotten: 4,
    line_loses_packets: 4,
    line_crawls: 3,
    line_resets_in_mid_frame: 8,
    clock_an_hour_forward: 1,
    clock_a_day_back: 1,
    gateway_disk_full: 2,
    gateway_killed: 3,
    primary_killed: 1,
    primary_restored: 1,
    gateway_set_back: 1,
    gateway_cloned: 1,
}
_NEEDS_NETWORK: Final = {line_loses_packets, line_crawls}
_NEEDS_CLOCK: Final = {clock_an_hour_forward, clock_a_day_back}


def why_not(fault: Fault) -> str | None:
    """Why it cannot be done here; None where it can."""
    if fault in _NEEDS_NETWORK:
        return private_network.why_not()
    if fault in _NEEDS_CLOCK:
        return House.why_no_clock()
    if fault is gateway_disk_full and os.geteuid() != 0:
        return "needs root: a small disk"
    return None


def plan(count: int, chance: random.Random) -> Sequence[Fault]:
    """So many faults in the mix above, shuffled; what cannot be done here is left out."""
    possible = [fault for fault, times in MIX.items() for _ in range(times) if not why_not(fault)]
    whole, rest = divmod(count, len(possible))
    planned = possible * whole + chance.sample(possible, rest)
    chance.shuffle(planned)
    return planned
