"""Making the demo's vendor, accounts, people and things by the public REST API.

The command line makes only what no key can make: the vendor, its first owner and its key.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from script._demo.api import Api
from script._demo.commands import run
from script._demo.folders import VERSION, write_json
from script._demo.people import ACCOUNTS, PEOPLE, VENDOR
from script._demo.site import Site

HOME = "alder"  # the account that the story is about
PRINTER = "Front desk printer"
PLACE = "Head office"
GATEWAY = "Head office gateway"
KEY_NAME: Final = "Demo"
# What an administrator may do: the scopes of the accounts' keys.
SCOPES: Final = (
    "things.see", "things.change", "people.see", "people.change", "jobs.see", "jobs.change",
    "reports.see", "audit.see", "settings.see", "settings.change", "own.jobs",
)  # fmt: skip


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
    """Make everything in the running primary, enrol the gateway, and remember what was made."""
    keys = {"vendor_key": await _vendor(site)}
    vendor = site.api(keys["vendor_key"])
    for short_name, name in ACCOUNTS.items():
        keys[f"{short_name}_key"] = await _account(site, vendor, short_name, name)
    users: dict[str, str] = {}
    for short_name in ACCOUNTS:
        users |= await _people(site, site.api(keys[f"{short_name}_key"]), short_name)
    alder, ports = site.api(keys[f"{HOME}_key"]), site.ports
    gateway_id, code, printer_id = await _things(site, alder)
    await run(site.options.agent, "enrol", "--state", site.folders.gateway, "--code", code)
    site.made |= {
        "api": keys,
        "user_ids": users,
        "gateway_id": gateway_id,
        "printer_id": printer_id,
        "lpd": {"host": site.host, "port": ports["lpd"], "queue": "pull"},
        "raw": {"host": site.host, "port": ports["raw"]},
        "ca_file": str(site.ca_file),
    }
    write_json(site.folders.made, site.made)


async def _vendor(site: Site) -> str:
    """The very first owner, and the key that all else is made with."""
    host, name = VENDOR
    admin = {**site.made["admin"], "display_name": "Admin", "role": "owner"}
    answers = await site.cli.batch(
        [
            ("vendor create", {"name": name, "domain": f"{host}.localhost"}),
            ("user add", {"vendor": name, **admin}),
            ("key create", {"vendor": name, "name": KEY_NAME, "role": "administrator"}),
        ]
    )
    return str(dict(answers)["key create"]["key"])


async def _account(site: Site, vendor: Api, short_name: str, name: str) -> str:
    """An account with its address below the vendor's, its owner, and a key that stays."""
    opened = await vendor.post(
        "/accounts",
        {
            "name": name,
            "short_name": short_name,
            "domain": site.host_of(short_name),
            "owner": {**site.made["admin"], "display_name": "Admin"},
            "set_up_key": True,
        },
    )
    setting_up = site.api(opened["key"])
    made = await setting_up.post("/api-keys", {"name": KEY_NAME, "permissions": list(SCOPES)})
    [used] = [key for key in await setting_up.items("/api-keys") if key["id"] != made["id"]]
    await site.api(made["key"]).delete(f"/api-keys/{used['id']}")
    return str(made["key"])


async def _people(site: Site, account: Api, short_name: str) -> dict[str, str]:
    """The people of an account with their cards; returns their ids by user name."""
    names = {person.username: person.display_name for person in PEOPLE}
    ids = {}
    for person in site.made["people"]:
        if person["account"] != short_name:
            continue
        told = {name: person[name] for name in ("username", "password", "pin")}
        user = await account.post("/users", {**told, "display_name": names[told["username"]]})
        await account.post("/cards", {"user_id": user["id"], "number": person["card"]})
        ids[told["username"]] = user["id"]
    return ids


async def _things(site: Site, api: Api) -> tuple[str, str, str]:
    """The office: site, gateway, printer, queues, card readers.

    Returns the gateway's id, the code that makes a machine this gateway, and the printer's id.
    """
    place = await api.post("/sites", {"name": PLACE})
    gateway = await api.post(
        "/gateways", {"name": GATEWAY, "site_id": place["id"], "services": _services(site)}
    )
    printer = await api.post(
        "/printers", {"name": PRINTER, "uri": site.printer_uri, "site_id": place["id"]}
    )
    pull = {"path": "pull", "name": "Follow me", "type": "pull", "identity": "sign-in-over-tls"}
    await api.post("/queues", {**pull, "raw_port": site.ports["raw"]})
    direct = {"path": "direct", "name": PRINTER, "type": "direct", "identity": "claimed"}
    await api.post("/queues", {**direct, "printer_id": printer["id"]})
    for reader in site.readers:
        what = {"name": reader.name, "mode": reader.mode, "role": reader.role}
        where = {"address": reader.host, "port": reader.port}
        at = {"gateway_id": gateway["id"], "printer_id": printer["id"]}
        await api.post("/readers", {**what, **where, **at})
    code = await api.post(f"/gateways/{gateway['id']}/code")
    return str(gateway["id"]), str(code["code"]), str(printer["id"])


def _services(site: Site) -> dict[str, Any]:
    """What the gateway runs, and where it listens."""
    host, ports = site.options.listen, site.ports
    plain = ("storage", "authentication", "document-output")
    listening = {"ipp": "ipp", "terminal-client": "terminal", "health": "health"}
    listening |= {name: name for name in ("lpd", "raw", "api")}
    return {
        **{name: {} for name in plain},
        **{name: {"host": host, "port": ports[part]} for name, part in listening.items()},
        "card-readers": {"host": host},
    }
