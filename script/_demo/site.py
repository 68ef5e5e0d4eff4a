"""The running site: which programs, readers and files there are, and site.json about them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from script._demo.api import Api
from script._demo.children import Child, find_child
from script._demo.commands import Primary
from script._demo.desk import Desk
from script._demo.folders import Folders, write_json
from script._demo.printer import bus_address, bus_command, printer_command, printer_environment
from script._demo.readers import Reader

PROGRAMS: Final = Path(__file__).resolve().parents[2] / ".venv" / "bin"
START_SECONDS: Final = 60.0


class StartError(Exception):
    """A part did not come up; ``log`` is where it says why."""

    def __init__(self, says: str, log: Path) -> None:
        super().__init__(says)
        self.log = log


@dataclass(frozen=True)
class Options:
    """What the person who started the demo wants."""

    once: bool = False
    story: bool = True
    printer: str | None = None
    listen: str = "127.0.0.1"
    agent: Path = PROGRAMS / "spoolhouse-agent"


async def wait_until(
    condition: Callable[[], Awaitable[bool]], seconds: float, every: float = 0.05
) -> bool:
    """Ask again and again until the time is over; whether it came true."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(every)
    return True


async def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


class Site:
    """Everything that runs. ``made`` is what was built and lasts from run to run."""

    def __init__(self, folders: Folders, options: Options, made: dict[str, Any]) -> None:
        self.folders = folders
        self.options = options
        self.made = made
        self.ports: dict[str, int] = made["ports"]
        self.cli = Primary(PROGRAMS / "spoolhouse", folders.primary)
        self.primary = self._child(
            "primary",
            PROGRAMS / "spoolhouse", "primary", "--state", folders.primary,
            "--listen", f"{options.listen}:{self.ports['primary']}",
            "--broker-port", f"{self.ports['broker']}",
        )  # fmt: skip
        self.gateway = self._child("gateway", options.agent, "run", "--state", folders.gateway)
        address = bus_address("demo")
        self.bus = self._child("bus", *bus_command(folders.root, address))
        self.printer = self._child(
            "printer", *printer_command(self.ports["printer"], folders.output)
        )
        for child in (self.bus, self.printer):
            child.environment = printer_environment(address)
        self.readers = [
            self._reader("front desk", "print-all", "client"),
            self._reader("copy room", "choose", "server"),
        ]
        self.terminal_code: str | None = None
        self.is_ready = False
        self._tasks: list[asyncio.Task[None]] = []
        self._broker_pid: int | None = None

    def _child(self, name: str, *argv: str | Path) -> Child:
        return Child(name, argv, self.folders.log(name), self.write)

    def _reader(self, name: str, mode: str, role: str) -> Reader:
        port, control = self.ports[f"reader {name}"], self.ports[f"control {name}"]
        # One that connects comes from, and to, the address that the gateway listens on.
        host = self.host if role == "server" else "127.0.0.1"
        return Reader(name, mode, role, host, port, control)

    def api(self, key: str) -> Api:
        return Api(self.primary_url, self.ca_file, key)

    @property
    def desk(self) -> Desk:
        """Alder's administrator, once everything is built."""
        return Desk(self.api(self.made["api"]["alder_key"]), self.made["user_ids"])

    @property
    def ca_file(self) -> Path:
        return self.folders.primary / "keys" / "ca.pem"

    @property
    def printer_uri(self) -> str:
        simulated = f"ipp://localhost:{self.ports['printer']}/ipp/print"
        return self.options.printer or simulated

    @property
    def primary_url(self) -> str:
        return f"https://{self._public}:{self.ports['primary']}"

    @property
    def _public(self) -> str:
        """How others reach us: by the address we listen on, or as this computer."""
        everywhere = {"127.0.0.1", "0.0.0.0", "::"}  # noqa: S104
        return "localhost" if self.options.listen in everywhere else self.options.listen

    @property
    def host(self) -> str:
        return "127.0.0.1" if self._public == "localhost" else self._public

    def host_of(self, account: str) -> str:
        """An account's pages are below its vendor's: so the vendor can vouch for the name."""
        return f"{account}.{self.made['vendor_host']}.localhost"

    def queue(self, path: str) -> str:
        return f"ipp://{self.host}:{self.ports['ipp']}/ipp/print/{path}"

    @property
    def terminal_url(self) -> str:
        return f"http://{self.host}:{self.ports['terminal']}/terminal"

    async def new_terminal_code(self) -> str:
        return await self.desk.new_terminal_code(self.made["printer_id"])

    def keep(self, child: Child) -> None:
        self._tasks.append(asyncio.create_task(child.keep(), name=child.name))

    async def start_devices(self) -> None:
        """The printer and the card readers: what stands in the office."""
        if self.options.printer is None:
            self.keep(self.bus)
            await asyncio.sleep(0.2)
            self.keep(self.printer)
        for reader in self.readers:
            ready = asyncio.Event()
            self._tasks.append(asyncio.create_task(reader.run(ready), name=reader.name))
            await asyncio.wait_for(ready.wait(), 5)
        if self.options.printer is None:
            await self.must_answer(self.printer, self.ports["printer"])

    async def start_primary(self) -> None:
        self.keep(self.primary)
        await self.primary_is_up()

    async def primary_is_up(self) -> None:
        await self.must_answer(self.primary, self.ports["primary"])
        await self.must_answer(self.primary, self.ports["broker"])
        self.write()

    async def start_gateway(self) -> None:
        self.keep(self.gateway)
        await self.gateway_is_up()

    async def gateway_is_up(self) -> None:
        await self.must_answer(self.gateway, self.ports["ipp"])
        await self.must_answer(self.gateway, self.ports["terminal"])

        async def connected() -> bool:
            return all(reader.is_connected for reader in self.readers)

        if not await wait_until(connected, START_SECONDS):
            raise StartError("the gateway does not reach its readers", self.gateway.log)

    async def must_answer(self, child: Child, port: int) -> None:
        here = child is self.printer  # for the gateway beside it alone
        host = "127.0.0.1" if here else self.host

        async def ready() -> bool:
            return await answers(host, port)

        if not await wait_until(ready, START_SECONDS):
            raise StartError(f"the {child.name} does not answer on port {port}", child.log)

    @property
    def broker_pid(self) -> int | None:
        return None if self.primary.pid is None else find_child(self.primary.pid, "mosquitto")

    async def watch(self) -> None:
        """Keep site.json's pids right while the demo stays up."""
        while True:
            if self.broker_pid != self._broker_pid:
                self.write()
            await asyncio.sleep(0.3)

    async def stop(self) -> None:
        """End everything, the office last."""
        self.is_ready = False
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks.clear()
        self.folders.site.unlink(missing_ok=True)

    def write(self) -> None:
        """Write site.json, once everything stands; again whenever a pid changes."""
        if not self.is_ready:
            return
        self._broker_pid = self.broker_pid
        write_json(self.folders.site, self.describe())

    def describe(self) -> dict[str, Any]:
        port = self.ports["primary"]
        code = f"#pair={self.terminal_code}" if self.terminal_code else ""
        return {
            "ready": True,
            "primary_url": self.primary_url,
            "urls": {name: f"https://{self.host_of(name)}:{port}" for name in self.made["hosts"]}
            | {"vendor": f"https://{self.made['vendor_host']}.localhost:{port}"},
            "connect": f"{self.host}:{port}",
            "ca_file": self.made["ca_file"],
            "admin": self.made["admin"],
            "api": self.made["api"],
            "account": "alder",
            "gateway_id": self.made["gateway_id"],
            "gateway_pid": self.gateway.pid,
            "primary_pid": self.primary.pid,
            "broker_pid": self._broker_pid,
            "queues": {"pull": self.queue("pull"), "direct": self.queue("direct")},
            "lpd": self.made.get("lpd"),
            "raw": self.made.get("raw"),
            "readers": [
                {"name": reader.name, "mode": reader.mode, "control": reader.control}
                for reader in self.readers
            ],
            "terminal_url": f"{self.terminal_url}{code}",
            "users": self.made["people"],
            "printer": {"uri": self.printer_uri, "output_dir": str(self.folders.output)},
            "agent_state_dir": str(self.folders.gateway),
        }
