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
from shared.i18n import gettext

_ = gettext
_CLOCKS_MAY_DIFFER: Final = timedelta(seconds=30)
_OVERDUE: Final = timedelta(minutes=10)
_ENDS_SOON: Final = timedelta(days=7)
_FEW: Final = 5


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at the database, and from there at gateways, schedules and parked rows."""
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not Path(file).exists():
        yield ill(
            _("database"),
            _("%(file)s is not there", file=file),
            _("start the primary once: it makes it"),
        )
        return
    database = Database(settings.database_url, pool=1)
    try:
        yield from _examine(settings, database)
    except DBAPIError as error:
        cure = _("start the database, and see that database_url in primary.toml names it")
        yield ill(_("database"), _("does not answer: %(orig)s", orig=error.orig), cure)
    finally:
        database.close()


def _examine(settings: Settings, database: Database) -> Iterator[Finding]:
    current, newest = schema.current_revision(database), schema.newest_revision()
    if current != newest:
        cure = _("stop the primaries, then: spoolhouse migrate")
        yield ill(
            _("database"),
            _(
                "has revision %(current)s, this program needs %(newest)s",
                current=current,
                newest=newest,
            ),
            cure,
        )
        return
    yield well(_("database"), _("revision %(current)s", current=current))
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
        return ill(
            _("database file"), said, _("stop the primary and bring the file from your backup")
        )
    return well(_("database file"), _("is whole"))


def _clock(session: Session) -> Finding:
    """Our clock against the database's, and against what was written already."""
    now, theirs = utc_now(), primaries.now(session)
    if abs(theirs - now) > _CLOCKS_MAY_DIFFER:
        says = _(
            "ours says %(now)s, the database's %(theirs)s",
            now=f"{now:%H:%M:%S}",
            theirs=f"{theirs:%H:%M:%S}",
        )
        return ill(_("clocks"), says, _("let one time server (NTP) set both"))
    newest = session.scalar(select(func.max(AuditEvent.recorded_at)))
    if newest is not None and newest > now + _CLOCKS_MAY_DIFFER:
        says = _(
            "the newest audit row is of %(newest)s: the clock was set back",
            newest=f"{newest:%Y-%m-%d %H:%M}",
        )
        return ill(_("clocks"), says, _("let NTP set the clock; sessions and codes last too long"))
    return well(_("clocks"), _("agree"))


def _serving(session: Session) -> Finding:
    count = primaries.count_serving(session)
    if not count:
        cure = _("see broker above, and the primary's log: gateways hear nothing meanwhile")
        return ill(_("line to gateways"), _("no primary is connected to the broker"), cure)
    return well(_("line to gateways"), _("%(count)s connected to the broker", count=count))


def _schedules(session: Session) -> Finding:
    limit = primaries.now(session) - _OVERDUE
    late = session.scalars(select(Schedule.name).where(Schedule.due_at < limit)).all()
    if late:
        cure = _("restart the primary; its log says what holds the schedule up")
        return ill(_("schedule"), _("overdue: %(what)s", what=", ".join(sorted(late))), cure)
    return well(_("schedule"), _("on time"))


def _roles(session: Session, settings: Settings, *, runs: bool) -> Finding:
    """Whether our own broker lets every gateway in; it reads its roles at its start."""
    path = BrokerFiles(settings.broker).security
    if settings.broker_address or not runs or not path.exists():
        return well(_("broker's roles"), _("are made when the broker starts"))
    known = {client.get("username") for client in json.loads(path.read_text())["clients"]}
    missing = [gateway.name for gateway in _enrolled(session) if gateway.id not in known]
    if missing:
        cure = _("restart the primary: it tells the broker anew who may come")
        return ill(
            _("broker's roles"), _("the broker does not know %(what)s", what=_few(missing)), cure
        )
    return well(_("broker's roles"), _("every gateway has its own"))


def _enrolled(session: Session) -> list[Gateway]:
    enrolled = Gateway.enrolled_at.is_not(None), Gateway.revoked_at.is_(None)
    return list(session.scalars(select(Gateway).where(*enrolled).order_by(Gateway.name)))


def _gateways(session: Session) -> Finding:
    halted = session.scalars(
        select(Gateway.name).join(GatewayHalt, GatewayHalt.gateway_id == Gateway.id)
    ).all()
    if halted:
        cure = _(
            "two boxes have one identity: choose one on the gateway's page, enrol the other anew"
        )
        return ill(
            _("gateways"), _("parked until a person chooses: %(what)s", what=_few(halted)), cure
        )
    enrolled = [gateway.id for gateway in _enrolled(session)]
    here = session.scalar(
        select(func.count())
        .select_from(GatewayState)
        .where(GatewayState.presence == "here", GatewayState.gateway_id.in_(enrolled))
    )
    return well(_("gateways"), _("%(here)s of %(what)s are here", here=here, what=len(enrolled)))


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
        cure = _("switch them on and see that they reach us: spoolhouse-agent doctor there")
        return ill(
            _("gateways' certificates"),
            _("end soon: %(what)s", what=_few([row[0] for row in rows])),
            cure,
        )
    return well(_("gateways' certificates"), _("none ends soon"))


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
        cure = _(
            "read why on the gateway's page; they are tried again every hour and by a new release"
        )
        return ill(_("parked rows"), _("could not be applied: %(says)s", says=says), cure)
    return well(_("parked rows"), _("none"))


def _audit(session: Session) -> Finding:
    count = session.scalar(select(func.count()).select_from(AuditChain)) or 0
    return well(_("audit"), _("%(count)s chains; spoolhouse audit verify proves them", count=count))


def _few(names: Sequence[str]) -> str:
    named = ", ".join(names[:_FEW])
    more = len(names) - _FEW
    return _("%(names)s and %(count)s more", names=named, count=more) if more > 0 else named
