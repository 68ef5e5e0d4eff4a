"""A code that was typed by hand: a person compares the primary's fingerprint before it is sent."""

# ruff: noqa: T201 - this is what prints

from __future__ import annotations

import asyncio
import re
import sys
from typing import Final

from edge_agent import enrolment
from edge_agent.asking import in_groups
from edge_agent.enrolment import EnrolmentError
from shared.crypto import authority
from shared.enrolment_code import read_typed

_SHOWN: Final = 32  # hexadecimal digits of a fingerprint that people compare


def complete(typed: str, primary: str | None, expected: str | None) -> str:
    """Make the whole code of a typed one; the secret does not leave before the comparison.

    ``expected`` is the fingerprint that a script was given; without it a person is asked.

    Raises:
        EnrolmentError: No address, no primary there, or it is another one.
        CodeError: The code was mistyped.
    """
    read_typed(typed)
    if not primary:
        raise EnrolmentError("a typed code names no primary: give its address with --primary")
    url = primary if "://" in primary else f"https://{primary}"
    pem = asyncio.run(enrolment.ask_for_authority(url))
    found = authority.fingerprint(pem.encode()).hex()
    if expected is None:
        _ask_a_person(url, found)
    else:
        _compare(url, found, expected)
    return enrolment.whole_code(typed, url, pem)


def _compare(url: str, found: str, expected: str) -> None:
    digits = re.sub(r"[\s:]", "", expected).lower()
    if len(digits) < _SHOWN:
        raise EnrolmentError(f"--ca-fingerprint should be the {_SHOWN} digits that the page shows")
    if not found.startswith(digits):
        raise EnrolmentError(f"{url} is another primary ({in_groups(found)}); nothing was sent")


def _ask_a_person(url: str, found: str) -> None:
    if not sys.stdin.isatty():
        raise EnrolmentError("nobody is here to compare fingerprints: give --ca-fingerprint")
    print(f"fingerprint of the primary at {url}: {in_groups(found)}")
    if input("Does the primary's page show the same? (y/n) ").strip().lower() not in {"y", "yes"}:
        raise EnrolmentError("it is another primary; nothing was sent")
