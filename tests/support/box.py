"""A whole gateway in this process: real printer, real sockets, a paired terminal, no primary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_agent.agent import Agent
from edge_agent.parts import build_parts
from script._demo.pdf import make_pdf
from script._demo.sending import send
from script._demo.terminal import Terminal
from shared.clock import SystemClock
from shared.ids import GatewayId, new_id
from shared.messages.records import IdentityPolicy, ServiceSetting, gateway_stream
from tests.support.ippeveprinter import EvePrinter, free_port, ippeveprinter
from tests.support.people import People, people

SERVICES = ("storage", "authentication", "document-output")


@dataclass
class Box:
    """A gateway with a real printer, readers that a test taps, and a paired terminal."""

    agent: Agent
    people: People
    printer: EvePrinter
    terminal: Terminal
    queue: str
    folder: Path
    asked: list[str]

    async def send(self, title: str, noise: bytes = b"") -> bytes:
        """Send a PDF as Ada, with more bytes in it where it should be large."""
        path = self.folder / title
        comment = b"%" + noise.hex().encode() + b"\n" if noise else b""
        path.write_bytes(make_pdf(title, [[title], ["Two"]]) + comment)
        await send(self.queue, path, sender="ada", title=title, folder=self.folder)
        return path.read_bytes()

    async def tap(self, port: int, card: str) -> None:
        _, reader = await asyncio.open_connection("127.0.0.1", port)
        reader.write(card.encode() + b"\r\n")
        await reader.drain()
        await asyncio.sleep(0.1)
        reader.close()
        await reader.wait_closed()

    async def paper(self, count: int) -> Sequence[bytes]:
        async with asyncio.timeout(15):
            # The printer's command has said something (.prn) of each that came in whole.
            while len(list(self.printer.output_dir.glob("*.prn"))) < count:
                await asyncio.sleep(0.02)
        return self.printer.documents()


@asynccontextmanager
async def a_box(folder: Path, *, encode_calls: bool = False) -> AsyncIterator[Box]:
    """Run a gateway in ``folder/state`` until the test is done."""
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    with ippeveprinter(folder) as printer:
        gateway_id = GatewayId(new_id())
        site = people(state, printer_uri=printer.uri, gateway_id=gateway_id)
        ipp, screen, front, copy = (free_port() for _ in range(4))
        pull = replace(site.pull, identity=IdentityPolicy.CLAIMED)
        readers = replace(site.reader, port=front), replace(site.chooser, port=copy)
        site.feed.put(site.alder.stream, pull, *readers)
        services = {name: ServiceSetting() for name in SERVICES} | {
            "ipp": ServiceSetting(port=ipp),
            "terminal-client": ServiceSetting(port=screen),
            "card-readers": ServiceSetting(),
        }
        record = replace(site.gateway(), services=services)
        site.feed.put(gateway_stream(gateway_id), record)
        site.new_code("PAIRTHIS")
        site.replica.close()
        parts = build_parts(
            state, gateway_id, SystemClock(), unseal=lambda r: r.sealed, encode_calls=encode_calls
        )
        asked = listen_in(parts.calls)
        agent = Agent(parts)
        running = asyncio.create_task(agent.run())
        await asyncio.wait_for(agent.ready.wait(), 20)
        assert agent.report().errors == {}
        async with Terminal(f"http://127.0.0.1:{screen}/terminal") as terminal:
            await terminal.pair("PAIRTHIS")
            queue = f"ipp://127.0.0.1:{ipp}/ipp/print/alder/pull"
            box = Box(agent, site, printer, terminal, queue, folder, asked)
            box.people = replace(site, reader=readers[0], chooser=readers[1])
            try:
                yield box
            finally:
                running.cancel()
                await asyncio.wait([running], timeout=10)


def listen_in(calls: Any) -> list[str]:
    """Write down which calls are asked."""
    asked: list[str] = []
    ask = calls.ask

    async def listening(call: Any) -> Any:
        asked.append(call.CALL)
        return await ask(call)

    calls.ask = listening
    return asked
