"""Who is in the demo. Passwords and PINs are made anew for each fresh state."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import Any, Final

VENDOR: Final = ("vic", "Vic's Print Services")
ACCOUNTS: Final = {"alder": "Alder Ltd", "cedar": "Cedar"}
UNKNOWN_CARD: Final = "04DEADBEEF4280"


@dataclass(frozen=True)
class Person:
    """One user of an account, with what they sign in with."""

    account: str
    username: str
    display_name: str
    card: str
    password: str = ""
    pin: str = ""

    def with_secrets(self) -> Person:
        pin = f"{secrets.randbelow(1_000_000):06d}"
        words = {**asdict(self), "password": secrets.token_urlsafe(9), "pin": pin}
        return Person(**words)

    def public(self) -> dict[str, Any]:
        """What site.json says."""
        names = ("account", "username", "password", "card", "pin")
        return {name: getattr(self, name) for name in names}


PEOPLE: Final = (
    Person("alder", "ada", "Ada Alder", "04A224B2C35E80"),
    Person("alder", "ben", "Ben Birch", "04B17C6A915D80"),
    Person("cedar", "cleo", "Cleo Cedar", "04C3D9125B4F80"),
)


def new_card_number() -> str:
    """A card that nobody has yet: a 7-byte UID as readers say it."""
    return f"04{secrets.token_hex(6).upper()}"
