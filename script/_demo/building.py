"""Making the demo's vendor, accounts, people and things, with the commands everybody uses."""

from __future__ import annotations

import secrets
from typing import Any

from script._demo.commands import run
from script._demo.folders import VERSION, write_json
from script._demo.people import ACCOUNTS, PEOPLE, VENDOR
from script._demo.site import Site


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
        "display_names": {person.username: person.display_name for person in people},
    }


async def build(site: Site) -> None:
    """Make everything in the running primary, enrol the gateway, and remember what was made."""
    await _organisations(site)
    await _people(site)
    await _things(site)
    write_json(site.folders.made, site.made)


async def _organisations(site: Site) -> None:
    """The vendor and its accounts, each with an administrator."""
    raise RuntimeError(site)


async def _people(site: Site) -> None:
    raise RuntimeError(site)


async def _things(site: Site) -> None:
    await run("true")
    raise RuntimeError(site)
