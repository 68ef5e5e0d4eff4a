"""The demo's printer, documents and ports."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pypdfium2

from script._demo import ports
from script._demo.children import end, start
from script._demo.pdf import make_pdf
from script._demo.printer import (
    bus_address,
    bus_command,
    printer_command,
    printer_environment,
    received,
)
from script._demo.sending import SendingError, send


def test_the_demo_document_is_a_real_pdf_with_its_pages() -> None:
    document = pypdfium2.PdfDocument(make_pdf("Report (1)", [["One", "a (b) \\c"], ["Two"]]))
    words = [page.get_textpage().get_text_bounded() for page in document]
    assert len(document) == 2
    assert words[0].split() == ["One", "a", "(b)", "\\c"]
    document.close()


async def test_the_printer_keeps_what_ipptool_sends_byte_for_byte(tmp_path: Path) -> None:
    output = tmp_path / "output"
    output.mkdir()
    document = tmp_path / "report.pdf"
    document.write_bytes(make_pdf("Report", [["One"], ["Two"]]))
    address = bus_address("test")
    environment = printer_environment(address)
    port = ports.free_port()
    bus = await start(bus_command(tmp_path, address), tmp_path / "bus.log", environment)
    await asyncio.sleep(0.2)
    printer = await start(printer_command(port, output), tmp_path / "log", environment)
    uri = f"ipp://127.0.0.1:{port}/ipp/print"
    sent = None
    for _ in range(50):
        try:
            sent = await send(uri, document, sender="ada", title="report.pdf", folder=tmp_path)
            break
        except SendingError:
            await asyncio.sleep(0.1)
    await asyncio.gather(end(printer), end(bus))
    assert sent is not None, (tmp_path / "log").read_text()
    assert [path.read_bytes() for path in received(output)] == [document.read_bytes()]


def test_a_taken_port_is_replaced_and_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen, said = ports.choose({"ipp": port, "broker": ports.free_port()})
    assert chosen["ipp"] != port
    assert said == [f"port {port} (ipp) is taken; using {chosen['ipp']}"]
