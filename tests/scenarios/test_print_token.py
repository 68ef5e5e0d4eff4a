"""A computer with CUPS prints by a token in the address; and others by LPD and a raw port."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from script._demo.pdf import make_pdf
from tests.support.demo_site import DemoSite, ipptool, wait_for
from tests.support.private_cups import private_cups

pytestmark = pytest.mark.timeout(600)

STOPPED_WITHIN_SECONDS = 10.0


@pytest.fixture
def token(demo: DemoSite) -> Iterator[dict[str, Any]]:
    """Ada's token for her laptop; ended with the test."""
    home = ("--account", "alder")
    made: dict[str, Any] = demo.cli("token", "add", *home, "--user", "ada", "--name", "laptop")
    yield made
    demo.cli("token", "revoke", made["id"], *home)


def uri_of(made: dict[str, Any]) -> str:
    [uri] = [address["uri"] for address in made["addresses"] if "/pull/" in address["uri"]]
    return str(uri)


def files_with(folder: Path, secret: str) -> list[str]:
    """The files of the demo, primary and gateway and logs, that contain the text."""
    found = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and secret.encode() in path.read_bytes():
                found.append(str(path.relative_to(folder)))
        except FileNotFoundError:
            continue
    return found


def a_document(folder: Path, title: str) -> Path:
    document = folder / f"{title}.pdf"
    document.write_bytes(make_pdf(title, [[title]]))
    return document


@pytest.mark.parametrize("scheme", ["ipp", "ipps"])
def test_a_cups_queue_with_a_token_prints_as_its_owner(
    demo: DemoSite, token: dict[str, Any], tmp_path: Path, scheme: str
) -> None:
    title = f"By token over {scheme}"
    uri = f"{scheme}{uri_of(token).removeprefix('ipps')}"
    wait_for(lambda: works(uri), "the token at the gateway")
    with private_cups() as cups:
        cups.add_queue("office", uri)
        cups.run("lp", "-d", "office", "-U", "root", "-t", title, str(a_document(tmp_path, title)))
        try:
            job = wait_for(lambda: demo.job(title), "the job", 90)
        finally:
            print(cups.log()[-20_000:])  # pytest shows it when the job did not come
    assert (job["state"], job["identity"], job["owner"]) == ("pending-held", "verified", "ada")
    assert files_with(demo.folder, token["token"]) == []
    wait_for(lambda: token["id"] in tokens_used(demo), "the use in the audit")
    assert files_with(demo.folder, token["id"]) != []


def tokens_used(demo: DemoSite) -> set[str]:
    return {row["detail"]["token_id"] for row in demo.audit("token.used")}


def works(uri: str) -> bool:
    report = ipptool(uri, "get-printer-attributes.test", check=False)
    return "successful-ok" in report and "client-error-not-found" not in report


def test_a_revoked_token_and_one_whose_owner_is_locked_out_end_within_seconds(
    demo: DemoSite,
) -> None:
    home = ("--account", "alder")
    uris = []
    for name in ("one", "two"):
        made = demo.cli("token", "add", *home, "--user", "ben", "--name", name)
        uris.append((made["id"], uri_of(made)))
    for _, uri in uris:
        wait_for(lambda uri=uri: works(uri), "the token at the gateway")  # type: ignore[misc]
    began = time.monotonic()
    demo.cli("token", "revoke", uris[0][0], *home)
    wait_for(lambda: not works(uris[0][1]), "the end of the token", STOPPED_WITHIN_SECONDS)
    assert works(uris[1][1])
    demo.cli("user", "set", *home, "--username", "ben", "--locked", "yes")
    try:
        wait_for(lambda: not works(uris[1][1]), "the end of the other", STOPPED_WITHIN_SECONDS)
    finally:
        demo.cli("user", "set", *home, "--username", "ben", "--locked", "no")
        demo.cli("token", "revoke", uris[1][0], *home)
    print(f"both ended within {time.monotonic() - began:.1f} s, with the commands' own start")


def test_lpd_and_the_raw_port_take_a_job_for_the_card(demo: DemoSite, tmp_path: Path) -> None:
    lpd, raw = demo.site["lpd"], demo.site["raw"]
    document = a_document(tmp_path, "By LPD")
    # rlpr says who runs it, whom nobody knows here: the title names its owner.
    subprocess.run(
        ["rlpr", "--no-bind", f"--port={lpd['port']}", f"-H{lpd['host']}", f"-P{lpd['queue']}",
         "-Jada_By LPD", str(document)],
        check=True, capture_output=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    job = wait_for(lambda: demo.job("ada_By LPD"), "the job by LPD", 20)
    assert (job["state"], job["identity"]) == ("pending-held", "claimed")

    header = b'\x1b%-12345X@PJL JOB NAME="By raw port"\r\n@PJL SET USERNAME="ada"\r\n'
    language = b"@PJL ENTER LANGUAGE=PDF\r\n"
    with socket.create_connection((raw["host"], raw["port"]), timeout=10) as printer:
        printer.sendall(header + language + document.read_bytes() + b"\x1b%-12345X")
    job = wait_for(lambda: demo.job("By raw port"), "the job by the raw port", 20)
    assert (job["state"], job["identity"]) == ("pending-held", "claimed")
