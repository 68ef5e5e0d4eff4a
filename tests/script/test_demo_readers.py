"""The demo's card readers, in both roles, and the command that taps."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from script._demo.readers import Reader


@asynccontextmanager
async def running(reader: Reader) -> AsyncIterator[Reader]:
    ready = asyncio.Event()
    task = asyncio.create_task(reader.run(ready))
    await asyncio.wait_for(ready.wait(), 5)
    try:
        yield reader
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_card_at_a_reader_that_waits_reaches_the_gateway() -> None:
    async with running(Reader("a", "print-all", "client", "127.0.0.1", 0)) as reader:
        lines, gateway = await asyncio.open_connection("127.0.0.1", reader.port)
        said = await reader.tap("04A1B2C3")
        heard = await asyncio.wait_for(lines.readline(), 5)
        gateway.close()
        await gateway.wait_closed()
    assert (said, heard) == ("tapped", b"04A1B2C3\r\n")


async def test_a_card_at_a_reader_that_connects_reaches_the_gateway() -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue(1)

    async def gateway(lines: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard.put(await lines.readline())
        writer.close()

    server = await asyncio.start_server(gateway, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(Reader("b", "choose", "server", "127.0.0.1", port)) as reader:
        said = await reader.tap("04A1B2C3")
        line = await asyncio.wait_for(heard.get(), 5)
    assert (said, line) == ("tapped", b"04A1B2C3\r\n")


async def test_a_reader_without_a_gateway_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("script._demo.readers.TAP_WAITS_SECONDS", 0.1)
    async with running(Reader("a", "print-all", "client", "127.0.0.1", 0)) as reader:
        assert "no gateway" in await reader.tap("04A1B2C3")


def site_file(folder: Path, readers: list[dict[str, Any]]) -> Path:
    path = folder / "site.json"
    people = [{"account": "alder", "username": "ada", "card": "04A1B2C3"}]
    path.write_text(json.dumps({"readers": readers, "users": people}))
    return path


async def tap(site: Path, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "script/_demo/tap.py", str(site), *words,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_the_tap_command_taps_at_the_reader_it_names(tmp_path: Path) -> None:
    async with running(Reader("front desk", "print-all", "client", "127.0.0.1", 0)) as reader:
        lines, gateway = await asyncio.open_connection("127.0.0.1", reader.port)
        mine = {"name": reader.name, "mode": reader.mode, "control": reader.control}
        site = site_file(tmp_path, [mine])
        code, said = await tap(site, "04A1B2C3", "print-all")
        heard = await asyncio.wait_for(lines.readline(), 5)
        wrong, no_such = await tap(site, "04A1B2C3", "roof")
        gateway.close()
        await gateway.wait_closed()
    assert (code, heard) == (0, b"04A1B2C3\r\n")
    assert "front desk: tapped" in said
    assert wrong == 1
    assert "there is no reader 'roof'; there are: front desk (print-all)" in no_such


async def test_the_tap_command_says_when_the_demo_is_not_running(tmp_path: Path) -> None:
    code, said = await tap(tmp_path / "none.json", "04A1B2C3")
    assert code == 1
    assert "start it with script/demo" in said
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        control = f"127.0.0.1:{nobody.getsockname()[1]}"
        site = site_file(tmp_path, [{"name": "a", "mode": "choose", "control": control}])
        code, said = await tap(site, "04A1B2C3")
    assert code == 1
    assert "does not answer" in said


async def test_the_tap_command_can_be_a_reader_itself(tmp_path: Path) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue(1)

    async def gateway(lines: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard.put(await lines.readline())
        await lines.read()
        writer.close()

    async def refuses(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(gateway, "127.0.0.1", 0)
    closed = await asyncio.start_server(refuses, "127.0.0.1", 0)
    here, there = (s.sockets[0].getsockname()[1] for s in (server, closed))
    async with server, closed:
        code, said = await tap(tmp_path / "none", "--at", f"127.0.0.1:{here}", "04A1B2C3")
        line = await asyncio.wait_for(heard.get(), 5)
        refused, why = await tap(tmp_path / "none", "--at", f"127.0.0.1:{there}", "04A1B2C3")
    assert (code, line) == (0, b"04A1B2C3\r\n"), said
    assert refused == 1
    assert "does not take cards from this computer" in why
