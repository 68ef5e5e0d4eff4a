"""What is there is changed and removed by commands, as on the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control_plane.cli import main

Run = Callable[..., Any]
ALDER = ("--account", "alder")
URI = "ipp://192.0.2.30/ipp/print"
LINES = f"""
vendor create --name "Vic's Print Services"
account create --vendor "Vic's Print Services" --name "Alder Ltd" --short-name alder
user add --account alder --username ada
user add --account alder --username ben
site add --account alder --name "Head office" --network 10.1.0.0/16
printer add --account alder --name Hall --site "Head office" --uri {URI}
queue add --account alder --path pull --type pull
domain add --account alder --name print.alder.example
"""


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command at a vendor with one account; returns its answer, or what it complains of."""
    state, lines = tmp_path / "state", tmp_path / "lines"
    lines.write_text(LINES)
    assert main(["migrate", "--state", str(state)]) == 0
    assert main(["batch", str(lines), "--state", str(state)]) == 0
    capsys.readouterr()

    def command(*words: str, fails: bool = False) -> Any:
        code = main([*words, "--state", str(state), "--json"])
        said = capsys.readouterr()
        assert (code != 0) == fails, said.err
        return said.err if fails else json.loads(said.out)

    return command


def listed(run: Run, noun: str) -> list[Any]:
    found: list[Any] = run(noun, "list", *ALDER)["items"]
    return found


def test_a_site_gets_another_name_and_networks_and_goes(run: Run) -> None:
    site = ("site", "set", *ALDER, "--name")
    run(*site, "Head office", "--rename", "Quay", "--network", "10.2.0.0/16")
    [shown] = listed(run, "site")
    assert (shown["name"], shown["networks"]) == ("Quay", ["10.2.0.0/16"])
    assert run(*site, "Quay", "--no-network")["networks"] == []
    assert "there is no site" in run(*site, "Head office", "--rename", "x", fails=True)
    assert "say what is to be different" in run(*site, "Quay", fails=True)
    remove = ("site", "remove", *ALDER, "--name", "Quay")
    assert "something still uses it" in run(*remove, fails=True)
    run("printer", "set", *ALDER, "--name", "Hall", "--site", "")
    assert run(*remove)["removed"] is True
    assert listed(run, "site") == []


def test_a_printer_is_changed_and_switched_off(run: Run) -> None:
    printer = ("printer", "set", *ALDER, "--name")
    run(*printer, "Hall", "--rename", "Loft", "--location", "by the stairs", "--enabled", "no")
    [shown] = listed(run, "printer")
    assert (shown["name"], shown["location"], shown["enabled"]) == ("Loft", "by the stairs", False)
    assert shown["uri"] == URI
    assert shown["site_id"]
    changed = run(*printer, "Loft", "--site", "", "--enabled", "yes")
    assert (changed["site_id"], changed["enabled"]) == (None, True)
    assert "--uri: " in run(*printer, "Loft", "--uri", "http://192.0.2.30/", fails=True)
    assert "there is no site" in run(*printer, "Loft", "--site", "nowhere", fails=True)
    assert "say what is to be different" in run(*printer, "Loft", fails=True)


def test_a_queue_is_changed_and_removed(run: Run) -> None:
    queue = ("queue", "set", *ALDER, "--path", "pull")
    run(*queue, "--name", "Follow me", "--retention-seconds", "7200")
    changed = run(*queue, "--keep-after-printing", "yes", "--identity", "claimed")
    assert (changed["name"], changed["retention_seconds"]) == ("Follow me", 7200)
    assert (changed["keep_after_printing"], changed["identity"]) == (True, "claimed")
    assert "a direct queue has its printer" in run(*queue, "--printer", "Hall", fails=True)
    assert "--retention-seconds: " in run(*queue, "--retention-seconds", "1", fails=True)
    assert "say what is to be different" in run(*queue, fails=True)
    elsewhere = ("queue", "remove", *ALDER, "--path", "elsewhere")
    assert "there is no queue" in run(*elsewhere, fails=True)
    assert run("queue", "remove", *ALDER, "--path", "pull")["removed"] is True
    assert listed(run, "queue") == []


def test_people_join_a_group_and_leave_it(run: Run) -> None:
    run("group", "add", *ALDER, "--name", "Accounting")
    group = (*ALDER, "--name", "Accounting")
    assert "there is a group with this name" in run("group", "add", *group, fails=True)
    joined = run("group", "join", *group, "--user", "ada", "--user", "ben")
    assert joined["added"] == ["ada", "ben"]
    assert "eve" in run("group", "join", *group, "--user", "eve", fails=True)
    assert [row["people"] for row in listed(run, "group")] == [2]
    run("group", "leave", *group, "--user", "ben")
    assert [row["username"] for row in run("group", "show", *group)["items"]] == ["ada"]
    assert "there is no such member" in run("group", "leave", *group, "--user", "ben", fails=True)
    run("group", "set", *group, "--rename", "Purchasing")
    assert "there is no group" in run("group", "remove", *group, fails=True)
    assert run("group", "remove", *ALDER, "--name", "Purchasing")["removed"] is True
    assert listed(run, "group") == []


def test_roles_and_keys_are_listed_and_no_key_is_shown_again(run: Run) -> None:
    owner = next(role for role in listed(run, "role") if role["built_in"] == "owner")
    assert "users.change" in owner["permissions"] or len(owner["permissions"]) > 10
    made = run("key", "create", *ALDER, "--name", "report", "--role", "reports")
    [shown] = listed(run, "key")
    assert (shown["id"], shown["name"], shown["revoked_at"]) == (made["id"], "report", None)
    assert made["key"] not in json.dumps(shown)
    run("key", "revoke", made["id"], *ALDER)
    assert listed(run, "key")[0]["revoked_at"]


def test_a_host_name_is_given_up_but_not_the_last_one(run: Run) -> None:
    remove = ("domain", "remove", *ALDER, "--name", "print.alder.example")
    run("domain", "verify", *ALDER, "--name", "print.alder.example")
    assert "the last verified domain" in run(*remove, fails=True)
    run("domain", "add", *ALDER, "--name", "alder.example", "--verified")
    assert run(*remove)["removed"] is True
    assert [row["name"] for row in listed(run, "domain")] == ["alder.example"]
    assert "there is no domain" in run(*remove, fails=True)


def test_a_vendor_gets_another_name(run: Run) -> None:
    vendor = ("vendor", "set", "--vendor")
    assert run(*vendor, "Vic's Print Services", "--name", "Victoria")["name"] == "Victoria"
    assert [row["name"] for row in run("vendor", "list")["items"]] == ["Victoria"]
    assert "there is no vendor" in run(*vendor, "Vic", "--name", "x", fails=True)
    assert "--name: " in run(*vendor, "Victoria", "--name", "", fails=True)
