"""Tap a card on one of the demo's simulated readers; runs with any Python 3, without our venv."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any


def read_site(path: Path) -> dict[str, Any]:
    try:
        site: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        sys.exit("tap: the demo is not running; start it with script/demo")
    return site


def show_list(site: dict[str, Any]) -> None:
    for reader in site["readers"]:
        print(f"reader {reader['name']} ({reader['mode']})")
    for user in site["users"]:
        print(f"card {user['card']} is {user['username']}'s ({user['account']})")


def pick_reader(site: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    for reader in site["readers"]:
        if wanted in {None, reader["name"], reader["mode"]}:
            found: dict[str, Any] = reader
            return found
    names = ", ".join(f"{reader['name']} ({reader['mode']})" for reader in site["readers"])
    sys.exit(f"tap: there is no reader {wanted!r}; there are: {names}")


def tap(control: str, card: str) -> str:
    """Send the card number to the reader's control socket; returns what the reader says."""
    host, _, port = control.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(card.encode() + b"\n")
        return connection.makefile("r", encoding="utf-8").readline().strip()


def main() -> None:
    site = read_site(Path(sys.argv[1]))
    card, *rest = sys.argv[2:]
    if card == "--list":
        show_list(site)
        return
    reader = pick_reader(site, rest[0] if rest else None)
    try:
        answer = tap(reader["control"], card)
    except OSError as error:
        sys.exit(f"tap: the reader {reader['name']} does not answer ({error}); is script/demo up?")
    print(f"{card} at {reader['name']}: {answer}")
    if answer != "tapped":
        sys.exit(1)


if __name__ == "__main__":
    main()
