"""README's "On two machines", word for word: its commands, on its addresses, in its order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from script._demo.pdf import make_pdf
from script._demo.printer import bus_address, bus_command, printer_command, printer_environment
from tests.support.demo_site import ROOT, wait_for
from tests.support.network import Computer, lan

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]

BLOCK = re.compile(
    r"^```sh (primary|gateway|anywhere)( stays)?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
CODE = re.compile(r"SH1-[A-Z0-9-]+")
PLACE_OF_CODE = "SH1-CODE"
ADDRESSES = {"primary": "192.0.2.10", "gateway": "192.0.2.20", "printer": "192.0.2.30",
             "anywhere": "192.0.2.40"}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Commands that a person types on one machine; some stay running."""

    machine: str
    stays: bool
    commands: str


def blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text()
    chapter = text.partition("## On two machines\n")[2].partition("\n## ")[0]
    return [Block(m[1], bool(m[2]), m[3]) for m in BLOCK.finditer(chapter)]


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[dict[str, Computer]]:
    with lan(*ADDRESSES, addresses=list(ADDRESSES.values())) as computers:
        named = dict(zip(ADDRESSES, computers, strict=True))
        homes = {}
        for name, computer in named.items():
            home = tmp_path / name
            home.mkdir()
            homes[name] = Computer(
                computer.name, computer.address, {**os.environ, "HOME": str(home)}
            )
        yield homes


def test_the_readme_describes_each_step() -> None:
    typed = "".join(block.commands for block in blocks())
    for step in ("spoolhouse primary", "gateway code", "enrol", "queue add", "ipptool", "tap"):
        assert step in typed, step
    assert all(ADDRESSES[name] in typed for name in ("primary", "gateway", "printer"))


def test_what_the_readme_says_about_two_machines_is_so(
    machines: dict[str, Computer], tmp_path: Path
) -> None:
    document = make_pdf("Report", [["Report"], ["Page two"]])
    (tmp_path / "anywhere" / "report.pdf").write_bytes(document)
    paper = tmp_path / "paper"
    paper.mkdir()
    with ExitStack() as running:
        switch_on(running, machines["printer"], tmp_path, paper)
        code = ""
        for number, block in enumerate(blocks()):
            commands = block.commands.replace(PLACE_OF_CODE, code)
            machine, log = machines[block.machine], tmp_path / f"{number}.log"
            if block.stays:
                running.enter_context(machine.running(["sh", "-ec", commands], log, cwd=ROOT))
                wait_for(partial(machine_is_up, machine, block.machine), f"{commands}{log}", 40)
                continue
            print(f"--- {block.machine}\n{commands}")
            said = machine.run(["sh", "-ec", commands], cwd=ROOT).stdout
            print(said)
            found = CODE.search(said)
            code = found.group() if found else code

        printed = wait_for(lambda: [*paper.glob("*.pdf")], "paper", 20)
        wait_for(lambda: printed[0].read_bytes() == document, "the whole document")
    assert len(printed) == 1


def machine_is_up(machine: Computer, name: str) -> bool:
    """Whether the program that stays there listens on its ports."""
    listeners = machine.run(["ss", "-ltn"]).stdout
    ports = {"primary": ("8443", "8883"), "gateway": ("8631", "8641")}[name]
    return all(f"{machine.address}:{port}" in listeners for port in ports)


def switch_on(running: ExitStack, printer: Computer, folder: Path, paper: Path) -> None:
    """A printer on the LAN, at the usual port."""
    address = bus_address("two-machines")
    machine = Computer(printer.name, printer.address, printer_environment(address))
    bus = [str(word) for word in bus_command(folder, address)]
    running.enter_context(machine.running(bus, folder / "bus.log"))
    name = address.partition("=")[2]
    wait_for(lambda: name in machine.run(["ss", "-xl"]).stdout, "the bus")
    command = [str(word) for word in printer_command(631, paper, only_here=False)]
    running.enter_context(machine.running(command, folder / "printer.log"))
    probe = [
        "sh",
        "-c",
        f"ipptool -q ipp://{printer.address}/ipp/print get-printer-attributes.test",
    ]
    wait_for(lambda: machine.run(probe, check=False).returncode == 0, "the printer", 15)
