"""Making the demo's vendor, accounts, people and things, with the commands everybody uses."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Iterable
from typing import Any

from script._demo.commands import run
from script._demo.folders import VERSION, write_json
from script._demo.people import ACCOUNTS, PEOPLE, VENDOR
from script._demo.site import Site

HOME = "alder"  # the account that the story is about
PRINTER = "Front desk printer"
PLACE = "Head office"
GATEWAY = "Head office gateway"


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
    await _organisations(site)
    await _people(site)
    await _things(site)
    write_json(site.folders.made, site.made)


async def _organisations(site: Site) -> None:
    """The vendor and its accounts, each with an administrator of the same name."""
    ask, (vendor, vendor_name) = site.cli.ask, VENDOR
    await ask("vendor", "create", name=vendor_name, domain=f"{vendor}.localhost")
    await gather(
        ask(
            "account", "create", vendor=vendor_name, name=name, short_name=short,
            domain=f"{short}.localhost",
        )
        for short, name in ACCOUNTS.items()
    )  # fmt: skip


async def _people(site: Site) -> None:
    admin = {**site.made["admin"], "display_name": "Admin", "role": "owner"}
    names = {person.username: person.display_name for person in PEOPLE}
    people = [
        {name: person[name] for name in ("account", "username", "password", "pin")}
        | {"display_name": names[person["username"]]}
        for person in site.made["people"]
    ]
    owners = [{"vendor": VENDOR[1]}, *({"account": short} for short in ACCOUNTS)]
    await gather(_user(site, **who) for who in (*({**o, **admin} for o in owners), *people))
    await gather(
        site.cli.ask("card", "add", account=p["account"], user=p["username"], number=p["card"])
        for p in site.made["people"]
    )


async def _user(site: Site, *, password: str, **options: str) -> None:
    """Add a person; the password goes by standard input, where nobody else sees it."""
    await site.cli.ask("user", "add", "--password-stdin", stdin=f"{password}\n", **options)


async def _things(site: Site) -> None:
    """The office: site, gateway, printer, queues, card readers."""
    ask, ports, host = site.cli.ask, site.ports, site.options.listen
    await ask("site", "add", account=HOME, name=PLACE)
    code, printer = await gather(
        [
            ask(
                "gateway", "code", account=HOME, name=GATEWAY, site=PLACE, url=site.primary_url,
                ipp=f"{host}:{ports['ipp']}", terminal=f"{host}:{ports['terminal']}",
                health=f"{host}:{ports['health']}", readers=host,
                lpd=f"{host}:{ports['lpd']}", raw=f"{host}:{ports['raw']}",
            ),
            ask("printer", "add", account=HOME, name=PRINTER, uri=site.printer_uri, site=PLACE),
        ]
    )  # fmt: skip
    pull = {"path": "pull", "name": "Follow me", "type": "pull", "identity": "sign-in-over-tls"}
    direct = {"path": "direct", "name": PRINTER, "type": "direct", "identity": "claimed"}
    readers = [
        {
            "name": reader.name, "gateway": GATEWAY, "printer": PRINTER, "mode": reader.mode,
            "role": reader.role, "address": "127.0.0.1", "port": str(reader.port),
        }
        for reader in site.readers
    ]  # fmt: skip
    await gather(
        [
            ask("queue", "add", account=HOME, raw_port=ports["raw"], **pull),
            ask("queue", "add", account=HOME, printer=PRINTER, **direct),
            *(ask("reader", "add", account=HOME, **reader) for reader in readers),
            run(
                site.options.agent, "enrol", "--state", site.folders.gateway,
                "--code", code["code"],
            ),
        ]
    )  # fmt: skip
    site.made |= {
        "gateway_id": code["gateway_id"],
        "printer_id": printer["id"],
        "lpd": {"host": site.host, "port": ports["lpd"], "queue": "pull"},
        "raw": {"host": site.host, "port": ports["raw"]},
        "ca_file": str(site.folders.primary / "keys" / "ca.pem"),
    }


async def gather(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """Do several things at once, as many as the machine has processors.

    Raises:
        CommandError: One of them failed; the others came to their end.
    """
    slots = asyncio.Semaphore(os.cpu_count() or 2)

    async def one(call: Awaitable[Any]) -> Any:
        async with slots:
            return await call

    done = await asyncio.gather(*(one(call) for call in calls), return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return done
