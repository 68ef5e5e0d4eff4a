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


def play_reader(address: str, card: str) -> None:
    """Be a network reader of the kind that connects to its gateway, for one card."""
    host, _, port = address.rpartition(":")
    try:
        connection = socket.create_connection((host.strip("[]"), int(port)), timeout=5)
    except (OSError, ValueError) as error:
        sys.exit(f"tap: no gateway waits for a reader at {address} ({error})")
    with connection:
        if not stays_connected(connection, card):
            sys.exit(f"tap: {address} does not take cards from this computer")
    print(f"{card} at {address}: tapped")


def stays_connected(connection: socket.socket, card: str) -> bool:
    """Send the card; whether the gateway keeps the connection, as it does with its readers."""
    try:
        connection.sendall(card.encode() + b"\r\n")
        # A reader that hangs up at once is no reader: stay, as real ones do.
        connection.settimeout(1)
        return connection.recv(100) != b""
    except TimeoutError:
        return True
    except ConnectionError:  # It hung up before it read the card.
        return False


def main() -> None:
    if sys.argv[2] == "--at":
        if len(sys.argv) != 5:  # noqa: PLR2004
            sys.exit("tap: --at takes HOST:PORT and a card")
        play_reader(sys.argv[3], sys.argv[4])
        return
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
