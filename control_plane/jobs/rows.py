"""What facts say as rows of our tables; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from shared.ids import GatewayId, JobId
from shared.messages.events import JobChanged, JobCounted, JobReceived, UsageRecorded

Row = dict[str, Any]
K = TypeVar("K")

RECEIVED: Final = "received"
# Lines that no gateway told: what we concluded from the list of its jobs (losing.py).
LOST: Final = "lost"
FOUND: Final = "found"
# Which count stands for the job: the surer one; of two as sure, the one nearer to the paper.
_CONFIDENCE: Final = {"none": 0, "low": 1, "high": 2}
_NEARNESS: Final = {"document": 0, "printer": 1, "counter": 2}
_FINAL: Final = frozenset({7, 8, 9})  # canceled, aborted, completed


def is_newer(row: Mapping[str, Any], than: Mapping[str, Any]) -> bool:
    """Whether one row tells of a later life of the same thing than another; never by a clock."""
    return (row["home_epoch"], row["revision"]) > (than["home_epoch"], than["revision"])


def job(gateway_id: GatewayId, fact: JobReceived) -> Row:
    """A job as it was accepted."""
    return {
        "id": fact.job_id,
        "account_id": fact.account_id,
        "gateway_id": gateway_id,
        "home_epoch": fact.home_epoch,
        "revision": fact.revision,
        "queue_id": fact.queue_id,
        "number": fact.number,
        "title": fact.title,
        "state": int(fact.state),
        "reasons": fact.reasons,
        "message": fact.message,
        "identity": fact.identity,
        "owner_id": fact.owner_id,
        "claimed_name": fact.claimed_name,
        "source_protocol": fact.source.protocol,
        "source_address": fact.source.address,
        "source_host": fact.source.host,
        "document_format": fact.document_format,
        "size_bytes": fact.size_bytes,
        "sha256": fact.sha256,
        "received_ms": fact.received_ms,
        "received_at": fact.at,
        "kept_until": fact.kept_until,
        "ticket": fact.ticket,
        "printer_id": None,
        "released_at": None,
        "ended_at": None,
        "first_byte_ms": None,
        "impressions": None,
        "color_impressions": None,
        "impressions_source": None,
    }


def line(fact: JobReceived | JobChanged) -> Row:
    """A line of the job's timeline."""
    if isinstance(fact, JobChanged):
        return {
            "job_id": fact.job_id,
            "home_epoch": fact.home_epoch,
            "revision": fact.revision,
            "event": fact.event,
            "account_id": fact.account_id,
            "state": int(fact.state),
            "reasons": fact.reasons,
            "at": fact.at,
            "message": fact.message,
            "printer_id": fact.printer_id,
            "by": fact.by,
            "by_user_id": fact.by_user_id,
            "reader_id": fact.reader_id,
            "first_byte_ms": fact.first_byte_ms,
            "detail": fact.detail,
        }
    return {
        "job_id": fact.job_id,
        "home_epoch": fact.home_epoch,
        "revision": fact.revision,
        "event": RECEIVED,
        "account_id": fact.account_id,
        "state": int(fact.state),
        "reasons": fact.reasons,
        "at": fact.at,
        "message": fact.message,
        "printer_id": None,
        "by": fact.source.protocol,
        "by_user_id": fact.owner_id,
        "reader_id": None,
        "first_byte_ms": None,
        "detail": {},
    }


def advance(row: Row, event: Mapping[str, Any]) -> None:
    """Let a job's row follow a line of its timeline, if that is newer."""
    if event["event"] in (RECEIVED, LOST, FOUND) or not is_newer(event, row):
        return
    for name in ("home_epoch", "revision", "state", "reasons", "message"):
        row[name] = event[name]
    for name in ("printer_id", "first_byte_ms"):
        if event[name] is not None:
            row[name] = event[name]
    if event["event"] == "released":
        row["released_at"] = event["at"]
    if owner_id := event["detail"].get("owner_id"):  # reassigned by a person
        row["owner_id"] = owner_id
    row["ended_at"] = event["at"] if event["state"] in _FINAL else None


def count(fact: JobCounted) -> Row:
    return {
        "job_id": fact.job_id,
        "source": fact.source,
        "account_id": fact.account_id,
        "home_epoch": fact.home_epoch,
        "revision": fact.revision,
        "confidence": fact.confidence,
        "impressions": fact.impressions,
        "color_impressions": fact.color_impressions,
        "note": fact.note,
        "at": fact.at,
    }


def newest(counts: Iterable[Row]) -> dict[tuple[JobId, str], Row]:
    """The newest count of each job by each source."""
    found: dict[tuple[JobId, str], Row] = {}
    for row in counts:
        key = row["job_id"], row["source"]
        if key not in found or is_newer(row, found[key]):
            found[key] = row
    return found


def best(counts: Iterable[Row]) -> Row:
    """What a job shows of its counts."""
    row = max(
        counts,
        key=lambda row: (
            row["impressions"] is not None,
            _CONFIDENCE.get(row["confidence"], 0),
            _NEARNESS.get(row["source"], 0),
        ),
    )
    return {
        "impressions": row["impressions"],
        "impressions_source": row["source"],
        "color_impressions": row["color_impressions"],
    }


def usage(gateway_id: GatewayId, fact: UsageRecorded) -> Row:
    return {
        "id": fact.id,
        "job_id": fact.job_id,
        "account_id": fact.account_id,
        "gateway_id": gateway_id,
        "user_id": fact.user_id,
        "printer_id": fact.printer_id,
        "impressions": fact.impressions,
        "source": fact.source,
        "confidence": fact.confidence,
        "at": fact.at,
        "copies": fact.copies,
        "sides": fact.sides,
        "printer_impressions": fact.printer_impressions,
    }
