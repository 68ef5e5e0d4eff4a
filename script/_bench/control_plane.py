"""``script/bench control-plane``: how long the primary needs for a page when it has much to show.

PostgreSQL, started for the measuring: 100 accounts, 50,000 users, 500,000 jobs with their
timelines and counts. Measured is the server's own time, from the request to the last byte, without
TLS and network.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from control_plane import schema, tenants
from control_plane.accounts import service as accounts
from control_plane.accounts.schemas import NewAccount
from control_plane.audit.actor import Actor
from control_plane.audit.models import AuditEvent
from control_plane.database import Database
from control_plane.domains import service as domains
from control_plane.domains.schemas import NewDomain
from control_plane.gateways import service as gateways
from control_plane.gateways.schemas import NewGateway
from control_plane.jobs import service as jobs
from control_plane.jobs.models import Job, JobCount, JobEvent
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter
from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue
from control_plane.roles.models import UserRole
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import NewUser
from control_plane.vault import Vault
from control_plane.vendors import service as vendors
from control_plane.vendors.schemas import NewVendor
from script._bench import table
from shared.ids import AccountId, GatewayId, JobId, PrinterId, QueueId, UserId, new_id
from shared.job_states import Hold, JobState
from shared.messages.events import JobCounted, JobReceived, Source
from shared.messages.records import QueueType
from tests.support.crowds import multiply, nth
from tests.support.postgresql import running
from tests.support.web import Browser, an_app, signed_in

MAKER = Actor("cli", name="bench")
GOAL_MS = 150
PAGES = (
    "/", "/jobs", "/jobs?state=completed", "/jobs?q=Report+77", "/jobs/{job}", "/users",
    "/users?q=person+4", "/users/{user}", "/printers", "/sites", "/queues", "/queues/{queue}",
    "/roles", "/audit", "/settings", "/find?q=person", "/my", "/api/v1/jobs?limit=200",
    "/api/v1/users?limit=200",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Crowd:
    """How much there is, and whose pages are measured."""

    accounts: int
    users: int
    jobs: int
    owner: User
    vic: User
    things: dict[str, str]


def main() -> int:
    """Seed, measure, print the table, and keep it in docs/benchmarks.md when asked to."""
    options = _options()
    with running() as server, tempfile.TemporaryDirectory() as folder:
        database = Database(server.new_database())
        schema.migrate(database)
        vault = Vault(b"k" * 32)
        began = time.monotonic()
        crowd = _seed(database, vault, options)
        print(f"seeded in {time.monotonic() - began:.0f} s", flush=True)
        app = an_app(Path(folder), database, vault)
        browser = signed_in(app, database, "alder.localhost", crowd.owner)
        vic = signed_in(app, database, "vic.localhost", crowd.vic)
        rows = [_measure(browser, path.format(**crowd.things), path, options.times)
                for path in PAGES]  # fmt: skip
        rows.append(_measure(vic, "/accounts", "a vendor's /accounts", options.times))
        database.close()
    drawn = _draw(rows)
    print(drawn)
    if options.keep:
        table.keep("control-plane", _heading(crowd, options.times), drawn)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench control-plane", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--users", type=int, default=50_000, help="of all accounts together")
    parser.add_argument("--jobs", type=int, default=500_000, help="of all accounts together")
    parser.add_argument("--times", type=int, default=30, help="how often each page is asked for")
    parser.add_argument("--keep", action="store_true", help="write docs/benchmarks.md")
    return parser.parse_args()


def _seed(database: Database, vault: Vault, options: argparse.Namespace) -> Crowd:
    with database.writing() as session:
        vendor = vendors.create(session, NewVendor(name="Vic"), MAKER)
        tenant = tenants.vendor(vendor.id)
        vic = users.create(
            session, tenant, NewUser(username="vic", roles=("owner",)), MAKER, vault=vault
        )
        domain = domains.create(session, tenant, NewDomain(name="vic.localhost"), MAKER)
        domains.verify(session, tenant, domain.id, MAKER, verified_by="installation")
    shown: tuple[User, dict[str, str]] | None = None
    people, sent = options.users // options.accounts, options.jobs // options.accounts
    for n in range(options.accounts):
        with database.writing() as session:
            account = accounts.create(
                session, vendor.id, NewAccount(name=f"Account {n}", short_name=f"a{n}"), MAKER,
                vault=vault,
            )  # fmt: skip
            filled = _fill(session, vault, account.id, people, sent)
            if n == options.accounts // 2:
                shown = filled
                tenant = tenants.account(account.id)
                named = NewDomain(name="alder.localhost")
                domain = domains.create(session, tenant, named, MAKER)
                domains.verify(session, tenant, domain.id, MAKER, verified_by="installation")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    assert shown is not None
    owner, things = shown
    return Crowd(options.accounts, options.users, options.jobs, owner, vic, things)


def _fill(
    session: Session, vault: Vault, account_id: AccountId, people: int, sent: int
) -> tuple[User, dict[str, str]]:
    """Give an account one of everything, and many people and jobs."""
    tenant = tenants.account(account_id)
    gateway = gateways.create(session, tenant, NewGateway(name="HQ-1"), MAKER, vault=vault)
    hall = NewPrinter(name="Hall", uri="ipp://192.0.2.7/ipp/print")
    printer = printers.create(session, account_id, hall, MAKER)
    pull = NewQueue(name="Pull", path="pull", type=QueueType.PULL)
    queue = queues.create(session, account_id, pull, MAKER)
    owner = users.create(
        session, tenant, NewUser(username="ada", roles=("owner",)), MAKER, vault=vault
    )
    user = users.create(session, tenant, NewUser(username="person"), MAKER, vault=vault)
    session.flush()
    named = {
        "id": nth("t.id"),
        "username": "t.username || ' ' || n",
        "display_name": "t.display_name || ' ' || n",
    }
    multiply(session, User, "t.id = :it", last=people - 2, values=named, it=user.id)
    role = {"user_id": nth("t.user_id")}
    multiply(session, UserRole, "t.user_id = :it", last=people - 2, values=role, it=user.id)
    job_id = _a_job(session, account_id, gateway.id, queue.id, user.id)
    _multiply_jobs(session, job_id, (user.id, people), printer.id, sent)
    multiply(
        session, AuditEvent, "t.tenant = :tenant AND t.seq = 1", last=2_000,
        values={"id": nth("t.id"), "seq": "t.seq + 1000 + n"}, tenant=str(tenant),
    )  # fmt: skip
    things = {"job": job_id, "user": user.id, "queue": queue.id}
    return owner, things


def _a_job(
    session: Session,
    account_id: AccountId,
    gateway_id: GatewayId,
    queue_id: QueueId,
    user_id: UserId,
) -> JobId:
    now = datetime.now(UTC)
    received = JobReceived(
        job_id=JobId(new_id()), account_id=account_id, queue_id=queue_id, number=1,
        title="Report", state=JobState.PENDING_HELD, reasons=(Hold.OWNER.value,),
        identity="verified", owner_id=user_id, claimed_name=None,
        source=Source("ipps", "192.0.2.9"), document_format="application/pdf", size_bytes=287_342,
        sha256="0" * 64, received_ms=41, kept_until=now, at=now,
    )  # fmt: skip
    counted = JobCounted(
        job_id=received.job_id, account_id=account_id, source="document", confidence="high",
        impressions=7, at=now, revision=2,
    )  # fmt: skip
    jobs.on_facts(session, gateway_id, [received])
    jobs.on_facts(session, gateway_id, [counted])
    session.flush()
    return received.job_id


def _multiply_jobs(
    session: Session, job_id: JobId, who: tuple[UserId, int], printer_id: PrinterId, sent: int
) -> None:
    """Copy a job: one in fifty is held, the others were printed; one every two minutes."""
    user_id, people = who
    person = nth(":user").replace("+ n", f"+ 1 + n % {max(1, people - 2)}")
    values = {
        "id": nth("t.id"),
        "number": "t.number + n",
        "title": "'Report ' || n || '.pdf'",
        "owner_id": person,
        "printer_id": ":printer",
        "state": f"CASE WHEN n % 50 = 0 THEN {int(JobState.PENDING_HELD)} "
        f"ELSE {int(JobState.COMPLETED)} END",
        "received_at": "t.received_at - n * interval '2 minutes'",
    }
    multiply(
        session, Job, "t.id = :it", last=sent - 1, values=values, user=user_id,
        printer=printer_id, it=job_id,
    )  # fmt: skip
    for model in (JobEvent, JobCount):
        of_job = {"job_id": nth("t.job_id")}
        multiply(session, model, "t.job_id = :it", last=sent - 1, values=of_job, it=job_id)


def _measure(browser: Browser, path: str, name: str, times: int) -> tuple[str, list[float]]:
    return name, sorted(_times(browser, path, times))


def _times(browser: Browser, path: str, times: int) -> Iterator[float]:
    for n in range(times + 2):
        began = time.perf_counter()
        answer = browser.get(path)
        took = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:  # noqa: PLR2004
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:200]}")
        if n >= 2:  # noqa: PLR2004  # The first ones compile templates and fill caches.
            yield took


def _draw(rows: Sequence[tuple[str, list[float]]]) -> str:
    lines = [["page", "p50", "p95", f"p95 under {GOAL_MS} ms"], ["---"] * 4]
    for name, times in rows:
        p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
        verdict = "yes" if p95 < GOAL_MS else "no"
        lines.append([f"`{name}`", f"{statistics.median(times):.0f} ms", f"{p95:.0f} ms", verdict])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _heading(crowd: Crowd, times: int) -> str:
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.platform()}, "
        f"Python {platform.python_version()}, load {load:.1f} at the end: "
        f"{crowd.accounts} accounts, {crowd.users:,} users, {crowd.jobs:,} jobs in PostgreSQL, "
        f"each page {times} times."
    )


if __name__ == "__main__":
    sys.exit(main())
