"""Asks DNS for TXT records; never inside a transaction, since it may take seconds."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.resolver

log = logging.getLogger(__name__)

_LIFETIME_SECONDS: Final = 4.0
_MAX_RECORDS: Final = 50


@dataclass(frozen=True, slots=True)
class DnsLookup:
    """A ``TxtLookup``; ``servers`` as ``address`` or ``address:port``, none: the machine's own."""

    servers: tuple[str, ...] = ()

    def __call__(self, name: str) -> Sequence[str]:
        resolver = dns.resolver.Resolver(configure=not self.servers)
        if self.servers:
            host, _, port = self.servers[0].partition(":")
            resolver.nameservers = [host]
            resolver.port = int(port or 53)
        try:
            answer = resolver.resolve(name, "TXT", lifetime=_LIFETIME_SECONDS, search=False)
        except dns.exception.DNSException as error:
            log.info("DNS does not tell %s: %s", name, error)
            return ()
        records = list(answer)[:_MAX_RECORDS]
        return [b"".join(record.strings).decode("utf-8", "replace") for record in records]
