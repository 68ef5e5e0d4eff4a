from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rrset
import pytest

from control_plane import tenants
from control_plane.database import Database
from control_plane.domains import service as domains
from control_plane.domains.dns import DnsLookup
from control_plane.domains.models import Domain
from control_plane.domains.names import canonical_host
from control_plane.domains.schemas import NewDomain
from control_plane.errors import ConflictError
from control_plane.tenants import Tenant
from tests.support.houses import TESTER, Town


@contextlib.contextmanager
def a_dns_server(records: dict[str, str]) -> Iterator[str]:
    """A real DNS server on a port of its own; it knows these TXT records and nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.1)
        stopping = threading.Event()

        def serve() -> None:
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    asked, source = listener.recvfrom(4096)
                    listener.sendto(_answer(asked, records), source)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopping.set()
            thread.join()


def _answer(asked: bytes, records: dict[str, str]) -> bytes:
    query = dns.message.from_wire(asked)
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.AA
    name = query.question[0].name.to_text().rstrip(".")
    if name in records:
        answer.answer.append(
            dns.rrset.from_text(query.question[0].name, 60, "IN", "TXT", f'"{records[name]}"')
        )
    return answer.to_wire()


def claimed(database: Database, tenant: Tenant, name: str) -> Domain:
    with database.writing() as session:
        return domains.create(session, tenant, NewDomain(name=name), TESTER)


def holder(database: Database, name: str) -> str | None:
    with database.reading() as session:
        found = domains.find_verified(session, name)
        return found.tenant if found else None


def test_a_domain_counts_when_dns_shows_the_challenge(database: Database, town: Town) -> None:
    alder = tenants.account(town.alder.account.id)
    domain = claimed(database, alder, "print.alder.example")
    record = f"_spoolhouse-challenge.{domain.name}"
    with a_dns_server({record: "something else"}) as server, pytest.raises(ConflictError):
        domains.check_and_verify(database, alder, domain.id, TESTER, DnsLookup((server,)))
    assert holder(database, domain.name) is None
    with a_dns_server({record: domain.challenge}) as server:
        domains.check_and_verify(database, alder, domain.id, TESTER, DnsLookup((server,)))
    assert holder(database, domain.name) == str(alder)


def test_who_proves_it_in_dns_takes_it_from_who_did_not(database: Database, town: Town) -> None:
    alder = tenants.account(town.alder.account.id)
    cedar = tenants.account(town.cedar.account.id)
    squatted = claimed(database, cedar, "print.alder.example")
    own = claimed(database, alder, "print.alder.example")
    with database.writing() as session:
        domains.verify(session, cedar, squatted.id, TESTER, verified_by="installation")
    with a_dns_server({f"_spoolhouse-challenge.{own.name}": own.challenge}) as server:
        domains.check_and_verify(database, alder, own.id, TESTER, DnsLookup((server,)))
        assert holder(database, own.name) == str(alder)
        with pytest.raises(ConflictError):
            domains.check_and_verify(database, cedar, squatted.id, TESTER, DnsLookup((server,)))


def test_a_vendor_gives_its_account_a_name_below_its_own_domain(
    database: Database, town: Town
) -> None:
    vic, alder = tenants.vendor(town.vendor.id), tenants.account(town.alder.account.id)
    above = claimed(database, vic, "vic.example")
    with database.writing() as session:
        domains.verify(session, vic, above.id, TESTER, verified_by="installation")
    below = claimed(database, alder, "alder.vic.example")
    elsewhere = claimed(database, alder, "alder.example")
    with a_dns_server({}) as server, pytest.raises(ConflictError):
        # The account itself cannot: the name is its vendor's to give.
        domains.check_and_verify(database, alder, below.id, TESTER, DnsLookup((server,)))
    with database.writing() as session:
        account_id = town.alder.account.id
        domains.vouch(session, town.vendor.id, account_id, below.id, TESTER)
        with pytest.raises(ConflictError):
            domains.vouch(session, town.vendor.id, account_id, elsewhere.id, TESTER)
    assert holder(database, below.name) == str(alder)


def test_who_holds_a_domain_holds_the_names_below_it(database: Database, town: Town) -> None:
    alder = tenants.account(town.alder.account.id)
    above = claimed(database, alder, "alder.example")
    below = claimed(database, alder, "print.alder.example")
    with database.writing() as session:
        domains.verify(session, alder, above.id, TESTER, verified_by="installation")
    with a_dns_server({}) as server:
        domains.check_and_verify(database, alder, below.id, TESTER, DnsLookup((server,)))
    assert holder(database, below.name) == str(alder)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Print.Alder.Example.", "print.alder.example"), ("drück.example", "xn--drck-1ra.example")],
)
def test_a_host_name_has_one_form(typed: str, kept: str) -> None:
    assert canonical_host(typed) == kept


@pytest.mark.parametrize("typed", ["", "a b", "-x.example", "1.2.3.4", "a..b", "x" * 254, "a_b.c"])
def test_what_is_no_host_name_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="must be a host name"):
        canonical_host(typed)
