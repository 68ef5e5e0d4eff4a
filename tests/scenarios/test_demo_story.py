"""script/demo: the story comes true, what dies comes back, and nothing stays behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.demo_site import (
    ROOT,
    DemoSite,
    group_members,
    is_alive,
    running_demo,
    wait_for,
)

pytestmark = pytest.mark.timeout(600)

KEYS = {
    "ready", "primary_url", "urls", "connect", "ca_file", "admin", "account", "gateway_id",
    "gateway_pid", "primary_pid", "broker_pid", "queues", "lpd", "raw", "readers",
    "terminal_url", "users", "printer", "agent_state_dir", "api",
}  # fmt: skip
PIDS = ("gateway_pid", "primary_pid", "broker_pid")


def test_the_story_comes_true_step_by_step(demo: DemoSite) -> None:
    steps = re.findall(r"^✓ (\d)\. .*\[(\d+\.\d\d) s\]$", demo.said, re.MULTILINE)
    print(demo.said)
    assert [number for number, _ in steps] == ["1", "2", "3", "4", "5", "6", "7"]


def test_site_json_tells_scripts_all_they_need(demo: DemoSite) -> None:
    site = demo.site
    assert set(site) >= KEYS
    assert site["ready"] is True
    assert set(site["urls"]) == {"vendor", "alder", "cedar"}
    assert [reader["mode"] for reader in site["readers"]] == ["print-all", "choose"]
    assert {user["username"] for user in site["users"]} == {"ada", "ben", "cleo"}
    assert "#pair=" in site["terminal_url"]
    assert Path(site["ca_file"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert (demo.folder / "site.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("host", ["vendor", "alder", "cedar"])
def test_programs_accept_the_certificate_of_each_host(demo: DemoSite, host: str) -> None:
    name = demo.site["urls"][host].removeprefix("https://").partition(":")[0]
    where, _, port = demo.site["connect"].rpartition(":")
    trusted = ssl.create_default_context(cafile=demo.site["ca_file"])
    with socket.create_connection((where, int(port)), timeout=10) as plain:
        with trusted.wrap_socket(plain, server_hostname=name) as tls:
            shown = tls.getpeercert() or {}
            assert ("DNS", name) in shown["subjectAltName"]
        with (
            socket.create_connection((where, int(port)), timeout=10) as other,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            trusted.wrap_socket(other, server_hostname="nobody.localhost")


def curl(demo: DemoSite, key: str, path: str, *options: str) -> tuple[int, Any]:
    """Ask the API as README shows it; the status and the answer."""
    site = demo.site
    done = subprocess.run(
        ["curl", "-s", "--cacert", site["ca_file"], "-H", f"Authorization: Bearer {key}",
         "-w", "\n%{http_code}", *options, site["primary_url"] + "/api/v1" + path],
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body or "null")


def test_the_keys_open_what_is_their_own_and_nothing_of_others(demo: DemoSite) -> None:
    keys = demo.site["api"]
    assert set(keys) == {"vendor_key", "alder_key", "cedar_key"}
    people = {}
    for account in ("alder", "cedar"):
        status, own = curl(demo, keys[f"{account}_key"], "/account")
        assert (status, own["short_name"]) == (200, account)
        status, found = curl(demo, keys[f"{account}_key"], "/users")
        assert status == 200
        people[account] = {user["username"]: user["id"] for user in found["items"]}
    assert set(people["alder"]) == {"admin", "ada", "ben"}
    assert set(people["cedar"]) == {"admin", "cleo"}
    for account, other, name in (("alder", "cedar", "cleo"), ("cedar", "alder", "ada")):
        person = people[other][name]
        assert curl(demo, keys[f"{account}_key"], f"/users/{person}")[0] == 404
        assert curl(demo, keys[f"{other}_key"], f"/users/{person}")[0] == 200
    jobs = curl(demo, keys["alder_key"], "/jobs")[1]["items"]
    assert jobs
    assert curl(demo, keys["alder_key"], f"/jobs/{jobs[0]['id']}")[0] == 200
    assert curl(demo, keys["cedar_key"], f"/jobs/{jobs[0]['id']}")[0] == 404
    assert curl(demo, "shk_nobodys", "/account")[0] == 401


def test_the_vendors_key_sees_its_accounts_and_not_into_them(demo: DemoSite) -> None:
    key = demo.site["api"]["vendor_key"]
    status, found = curl(demo, key, "/accounts")
    accounts = {account["short_name"]: account["id"] for account in found["items"]}
    assert (status, set(accounts)) == (200, {"alder", "cedar"})
    assert curl(demo, key, f"/accounts/{accounts['alder']}")[0] == 200
    assert curl(demo, key, "/jobs")[0] in {403, 404}


def test_the_key_that_set_an_account_up_is_gone(demo: DemoSite) -> None:
    found = curl(demo, demo.site["api"]["alder_key"], "/api-keys")[1]["items"]
    assert [(key["name"], key["revoked_at"] is None) for key in found] == [
        ("Demo", True), ("Set-up", False),
    ]  # fmt: skip
    assert (demo.folder / "made.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("which", PIDS)
def test_what_is_killed_is_back_within_three_seconds(demo: DemoSite, which: str) -> None:
    pid = wait_for(lambda: demo.site[which], which)
    assert os.getpgid(pid) == pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: demo.site[which] not in {None, pid}, f"a new {which}", 3)
    again = demo.site[which]
    assert os.getpgid(again) == again
    wait_for(lambda: not group_members(pid), "the end of its old group", 3)
    wait_for(lambda: all(listens(address) for address in addresses(demo)), "every listener", 60)


def addresses(demo: DemoSite) -> list[tuple[str, int]]:
    ports = json.loads((demo.folder / "made.json").read_text())["ports"]
    return [("127.0.0.1", ports[part]) for part in ("primary", "broker", "ipp", "terminal")]


def listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def test_a_second_demo_in_the_same_folder_is_refused(demo: DemoSite) -> None:
    second = subprocess.run(
        [ROOT / "script/demo", "--once", "--state", demo.folder],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"runs already in {demo.folder}" in second.stderr


def descendants(pid: int) -> set[int]:
    """Every process below one."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a demo's state, to start from again and again."""
    folder = tmp_path_factory.mktemp("built")
    with running_demo(folder, "--skip-story"):
        pass
    return folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_of_a_demo_is_alive_five_seconds_after_its_end(
    number: signal.Signals, built: Path
) -> None:
    keys = json.loads((built / "demo" / "made.json").read_text())["api"]
    with running_demo(built, "--skip-story") as demo:
        assert demo.site["api"] == keys
        below = descendants(demo.process.pid)
        assert {demo.site[name] for name in PIDS} <= below

        demo.process.send_signal(number)

        wait_for(lambda: not any(is_alive(pid) for pid in below), "the end of everything", 5)
        assert demo.process.wait(5) == (-9 if number is signal.SIGKILL else 0)
