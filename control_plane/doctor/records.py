"""The database: whether it answers, its revision, and what in it waits for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from control_plane import schema
from control_plane.audit.models import AuditChain, AuditEvent
from control_plane.broker.config import BrokerFiles
from control_plane.database import Database, utc_now
from control_plane.doctor.findings import Finding, ill, well
from control_plane.doctor.machine import is_running
from control_plane.enrolment.models import GatewayCertificate
from control_plane.gateways.models import Gateway, GatewayState
from control_plane.ingest.models import GatewayHalt, ParkedRow
from control_plane.primaries import service as primaries
from control_plane.primaries.models import Schedule
from control_plane.settings import Settings

_CLOCKS_MAY_DIFFER: Final = timedelta(seconds=30)
_OVERDUE: Final = timedelta(minutes=10)
_ENDS_SOON: Final = timedelta(days=7)
_FEW: Final = 5


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at the database, and from there at gateways, schedules and parked rows."""
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not Path(file).exists():
        yield ill("database", f"{file} is not there", "start the primary once: it makes it")
        return
    database = Database(settings.database_url, pool=1)
    try:
        yield from _examine(settings, database)
    except DBAPIError as error:
        cure = "start the database, and see that database_url in primary.toml names it"
        yield ill("database", f"does not answer: {error.orig}", cure)
    finally:
        database.close()


def _examine(settings: Settings, database: Database) -> Iterator[Finding]:
    current, newest = schema.current_revision(database), schema.newest_revision()
    if current != newest:
        cure = "stop the primaries, then: spoolhouse migrate"
        yield ill("database", f"has revision {current}, this program needs {newest}", cure)
        return
    yield well("database", f"revision {current}")
    with database.reading() as session:
        if database.engine.dialect.name == "sqlite":
            yield _file(session)
        yield _clock(session)
        runs = is_running(settings.state)
        if runs:
            yield _serving(session)
            yield _schedules(session)
        yield _roles(session, settings, runs=runs)
        yield _gateways(session)
        yield _gateway_certificates(session)
        yield _parked(session)
        yield _audit(session)


def _file(session: Session) -> Finding:
    said = str(session.scalar(text("PRAGMA quick_check")))
    if said != "ok":
        return ill("database file", said, "stop the primary and bring the file from your backup")
    return well("database file", "is whole")


def _clock(session: Session) -> Finding:
    """Our clock against the database's, and against what was written already."""
    now, theirs = utc_now(), primaries.now(session)
    if abs(theirs - now) > _CLOCKS_MAY_DIFFER:
        says = f"ours says {now:%H:%M:%S}, the database's {theirs:%H:%M:%S}"
        return ill("clocks", says, "let one time server (NTP) set both")
    newest = session.scalar(select(func.max(AuditEvent.recorded_at)))
    if newest is not None and newest > now + _CLOCKS_MAY_DIFFER:
        says = f"the newest audit row is of {newest:%Y-%m-%d %H:%M}: the clock was set back"
        return ill("clocks", says, "let NTP set the clock; sessions and codes last too long")
    return well("clocks", "agree")


def _serving(session: Session) -> Finding:
    count = primaries.count_serving(session)
    if not count:
        cure = "see broker above, and the primary's log: gateways hear nothing meanwhile"
        return ill("line to gateways", "no primary is connected to the broker", cure)
    return well("line to gateways", f"{count} connected to the broker")


def _schedules(session: Session) -> Finding:
    limit = primaries.now(session) - _OVERDUE
    late = session.scalars(select(Schedule.name).where(Schedule.due_at < limit)).all()
    if late:
        cure = "restart the primary; its log says what holds the schedule up"
        return ill("schedule", f"overdue: {', '.join(sorted(late))}", cure)
    return well("schedule", "on time")


def _roles(session: Session, settings: Settings, *, runs: bool) -> Finding:
    """Whether our own broker lets every gateway in; it reads its roles at its start."""
    path = BrokerFiles(settings.broker).security
    if settings.broker_address or not runs or not path.exists():
        return well("broker's roles", "are made when the broker starts")
    known = {client.get("username") for client in json.loads(path.read_text())["clients"]}
    missing = [gateway.name for gateway in _enrolled(session) if gateway.id not in known]
    if missing:
        cure = "restart the primary: it tells the broker anew who may come"
        return ill("broker's roles", f"the broker does not know {_few(missing)}", cure)
    return well("broker's roles", "every gateway has its own")


def _enrolled(session: Session) -> list[Gateway]:
    enrolled = Gateway.enrolled_at.is_not(None), Gateway.revoked_at.is_(None)
    return list(session.scalars(select(Gateway).where(*enrolled).order_by(Gateway.name)))


def _gateways(session: Session) -> Finding:
    halted = session.scalars(
        select(Gateway.name).join(GatewayHalt, GatewayHalt.gateway_id == Gateway.id)
    ).all()
    if halted:
        cure = "two boxes have one identity: choose one on the gateway's page, enrol the other anew"
        return ill("gateways", f"parked until a person chooses: {_few(halted)}", cure)
    enrolled = [gateway.id for gateway in _enrolled(session)]
    here = session.scalar(
        select(func.count())
        .select_from(GatewayState)
        .where(GatewayState.presence == "here", GatewayState.gateway_id.in_(enrolled))
    )
    return well("gateways", f"{here} of {len(enrolled)} are here")


def _gateway_certificates(session: Session) -> Finding:
    """Gateways renew by themselves; one whose certificate nearly ends did not come for long."""
    limit = utc_now() + _ENDS_SOON
    newest = (
        select(GatewayCertificate.gateway_id, func.max(GatewayCertificate.expires_at).label("ends"))
        .where(GatewayCertificate.revoked_at.is_(None))
        .group_by(GatewayCertificate.gateway_id)
        .subquery()
    )
    rows = session.execute(
        select(Gateway.name, newest.c.ends)
        .join(newest, newest.c.gateway_id == Gateway.id)
        .where(Gateway.revoked_at.is_(None), newest.c.ends < limit)
        .order_by(Gateway.name)
    ).all()
    if rows:
        cure = "switch them on and see that they reach us: spoolhouse-agent doctor there"
        return ill("gateways' certificates", f"end soon: {_few([row[0] for row in rows])}", cure)
    return well("gateways' certificates", "none ends soon")


def _parked(session: Session) -> Finding:
    rows = session.execute(
        select(Gateway.name, func.count())
        .join(ParkedRow, ParkedRow.gateway_id == Gateway.id)
        .where(ParkedRow.settled_at.is_(None))
        .group_by(Gateway.name)
        .order_by(Gateway.name)
    ).all()
    if rows:
        says = _few([f"{name} ({count})" for name, count in rows])
        cure = (
            "read why on the gateway's page; they are tried again every hour and by a new release"
        )
        return ill("parked rows", f"could not be applied: {says}", cure)
    return well("parked rows", "none")


def _audit(session: Session) -> Finding:
    count = session.scalar(select(func.count()).select_from(AuditChain)) or 0
    return well("audit", f"{count} chains; spoolhouse audit verify proves them")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
