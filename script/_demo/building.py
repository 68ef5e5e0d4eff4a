"""Making the demo's vendor, accounts, people and things, with the commands everybody uses."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final

from script._demo.commands import Command, run
from script._demo.folders import VERSION, write_json
from script._demo.people import ACCOUNTS, PEOPLE, VENDOR
from script._demo.site import Site

HOME = "alder"  # the account that the story is about
PRINTER = "Front desk printer"
PLACE = "Head office"
GATEWAY = "Head office gateway"
CODE: Final = "gateway code"
PRINTER_ADDED: Final = "printer add"


def fresh(ports: dict[str, int]) -> dict[str, Any]:
    """What is known before anything is built."""
    people = [person.with_secrets() for person in PEOPLE]
    return {
        "version": VERSION,
        "ports": ports,
        "vendor_host": VENDOR[0],
        "hosts": list(ACCOUNTS),
        "admin": {"username": "admin", "password": secrets.token_urlsafe(12)},
        "people": [person.public() for person in people],
    }


async def build(site: Site) -> None:
    """Make everything in the running primary, enrol the gateway, and remember what was made.

    One ``spoolhouse batch`` does it: a command takes longer to start than to run.
    """
    answers = await site.cli.batch([*_organisations(), *_people(site), *_things(site)])
    made = {command: answer for command, answer in answers if command in (CODE, PRINTER_ADDED)}
    code, printer, ports = made[CODE], made[PRINTER_ADDED], site.ports
    await run(site.options.agent, "enrol", "--state", site.folders.gateway, "--code", code["code"])
    site.made |= {
        "gateway_id": code["gateway_id"],
        "printer_id": printer["id"],
        "lpd": {"host": site.host, "port": ports["lpd"], "queue": "pull"},
        "raw": {"host": site.host, "port": ports["raw"]},
        "ca_file": str(site.folders.primary / "keys" / "ca.pem"),
    }
    write_json(site.folders.made, site.made)


def _organisations() -> Iterator[Command]:
    """The vendor and its accounts."""
    vendor, name = VENDOR
    yield "vendor create", {"name": name, "domain": f"{vendor}.localhost"}
    for short, account in ACCOUNTS.items():
        yield (
            "account create",
            {"vendor": name, "name": account, "short_name": short, "domain": f"{short}.localhost"},
        )


def _people(site: Site) -> Iterator[Command]:
    """An administrator of the same name everywhere, and the people with their cards."""
    admin = {**site.made["admin"], "display_name": "Admin", "role": "owner"}
    for owner in ({"vendor": VENDOR[1]}, *({"account": short} for short in ACCOUNTS)):
        yield "user add", {**owner, **admin}
    names = {person.username: person.display_name for person in PEOPLE}
    for person in site.made["people"]:
        told = {name: person[name] for name in ("account", "username", "password", "pin")}
        yield "user add", {**told, "display_name": names[person["username"]]}
        card = {"user": person["username"], "number": person["card"]}
        yield "card add", {"account": person["account"], **card}


def _things(site: Site) -> Iterator[Command]:
    """The office: site, gateway, printer, queues, card readers."""
    ports, host = site.ports, site.options.listen
    home = {"account": HOME}
    yield "site add", {**home, "name": PLACE}
    services = {name: f"{host}:{ports[name]}" for name in ("ipp", "terminal", "health")}
    services |= {name: f"{host}:{ports[name]}" for name in ("lpd", "raw")}
    place = {"name": GATEWAY, "site": PLACE, "url": site.primary_url, "readers": host}
    yield CODE, {**home, **place, **services}
    yield PRINTER_ADDED, {**home, "name": PRINTER, "uri": site.printer_uri, "site": PLACE}
    pull = {"path": "pull", "name": "Follow me", "type": "pull", "identity": "sign-in-over-tls"}
    yield "queue add", {**home, "raw_port": ports["raw"], **pull}
    direct = {"path": "direct", "name": PRINTER, "type": "direct", "identity": "claimed"}
    yield "queue add", {**home, "printer": PRINTER, **direct}
    for reader in site.readers:
        where: dict[str, str | int] = {"role": str(reader.role), "address": reader.host}
        where["port"] = reader.port
        what = {"gateway": GATEWAY, "printer": PRINTER, "mode": str(reader.mode)}
        yield "reader add", {**home, "name": str(reader.name), **what, **where}
