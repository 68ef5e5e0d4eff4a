"""States of a terminal, as the gateway says them."""

from __future__ import annotations

from typing import Any

PRINTER = {"name": "Reception 1", "status": "ready", "says": "ready"}
IDLE: dict[str, Any] = {"state": "idle", "printer": PRINTER, "jobs": [], "language": "en"}


def waiting(
    job_id: str, title: str, detail: str, pages: int | None = 1, why_not: str = ""
) -> dict[str, Any]:
    return {
        "id": job_id,
        "title": title,
        "pages": pages,
        "detail": detail,
        "printable": not why_not,
        "why_not": why_not,
        "checked": not why_not,
    }


JOBS = (
    waiting(
        "job-1",
        "Quarter report.pdf",
        "12 pages · 4 colour · two-sided · sent 10:41 from ALDER-LT-114",
        12,
    ),
    waiting("job-2", "Invoice 2231.pdf", "1 page · black and white · sent yesterday 16:20"),
    waiting("job-3", "Poster A2.pdf", "", 1, "needs A3: print it at Plotter room, 2nd floor"),
)


def session(
    name: str = "Ada", jobs: Any = JOBS, says: str = "ready", status: str = "ready"
) -> dict[str, Any]:
    return {
        "state": "session",
        "printer": {"name": "Reception 1", "status": status, "says": says},
        "person": {"display_name": name},
        "jobs": list(jobs),
        "signs_out_in": 42,
        "message": "",
        "language": "en",
    }


EMPTY_TRAY = "Tray 1 is empty. Your jobs wait; nothing is lost."
STATES: dict[str, dict[str, Any]] = {
    "unpaired": {"state": "unpaired"},
    "idle": IDLE,
    "idle in trouble": {
        **IDLE,
        "printer": {"name": "Reception 1", "status": "trouble", "says": EMPTY_TRAY},
    },
    "session": session(),
    "session with many jobs": session(
        jobs=[waiting(f"j{n}", f"Chapter {n} of a long book.pdf", "9 pages", 9) for n in range(9)]
    ),
    "session without jobs": session(jobs=()),
    "session in trouble": session(says=EMPTY_TRAY, status="trouble"),
    "printing": {
        **session(),
        "state": "printing",
        "message": "Printing 2 jobs, 13 pages",
    },
    "pin": {**session(jobs=()), "state": "pin", "signs_out_in": 20},
    "enrol": {
        **IDLE,
        "state": "enrol",
        "message": "This card is new here. Sign in once, and it is yours.",
    },
    "refused": {**IDLE, "state": "refused", "message": "We do not know this card"},
}
