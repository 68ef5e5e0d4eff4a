"""HP PJL around a document, without I/O: unwrapped, read, and kept from the printer (PRET, T18).

A document may come as UEL, ``@PJL`` lines, ``@PJL ENTER LANGUAGE = x``, data, UEL, more PJL. The
data alone is kept; what is benign in the lines (job name, user, copies, duplex) becomes the job's
ticket, everything else is dropped. So no command of a stranger reaches a printer's file system,
display or defaults, wherever in the stream it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

UEL: Final = b"\x1b%-12345X"
LONGEST_LINE: Final = 4096
MOST_LINES: Final = 1000

_PJL: Final = b"@PJL"
_NAME: Final = re.compile(r'\bNAME\s*=\s*"([^"]{0,255})', re.IGNORECASE)
_SET: Final = re.compile(r'^\s*SET\s+(\w+)\s*=\s*"?([^"]{0,255})', re.IGNORECASE)
_ENTER: Final = re.compile(r"^\s*ENTER\s+LANGUAGE\s*=\s*(\w+)", re.IGNORECASE)
_SIZE: Final = re.compile(r"\bSIZE\s*[=:]\s*([0-9]{1,12})", re.IGNORECASE)
_USER_ATTRIBUTE: Final = re.compile(r"^(?:JobAcct1|UserName|USERID)\s*=\s*(.+)$", re.IGNORECASE)

DENIED: Final = frozenset(
    {
        "DEFAULT",
        "DMCMD",
        "DMINFO",
        "FSAPPEND",
        "FSDELETE",
        "FSDIRLIST",
        "FSDOWNLOAD",
        "FSINIT",
        "FSMKDIR",
        "FSQUERY",
        "FSUPLOAD",
        "INITIALIZE",
        "OPMSG",
        "RDYMSG",
        "RESET",
        "STMSG",
    }
)
FORMATS: Final = {
    "POSTSCRIPT": "application/postscript",
    "PDF": "application/pdf",
    "PCL": "application/vnd.hp-pcl",
    "PCLXL": "application/vnd.hp-pclxl",
    "URF": "image/urf",
    "PWGRASTER": "image/pwg-raster",
}


@dataclass(slots=True)
class PjlJob:
    """What the lines said."""

    name: str = ""
    user: str = ""
    language: str = ""
    copies: int = 1
    sides: str = ""
    denied: list[str] = field(default_factory=list)
    lines: int = 0


class PjlReader:
    """Takes a stream as it arrives and gives its document; ``job`` fills as lines are read."""

    def __init__(self) -> None:
        self.job = PjlJob()
        self._waiting = b""
        self._in_lines = False
        self._in_long_line = False
        self._is_first = True
        self._is_joint = False
        self._tail = b""
        self._to_drop = 0

    def feed(self, data: bytes) -> bytes:
        """Add bytes; give those of the document that are certain."""
        self._waiting += data
        return self._take(at_end=False)

    def close(self) -> bytes:
        """Give what is left, now that nothing more comes."""
        return self._take(at_end=True)

    def _take(self, *, at_end: bool) -> bytes:
        out: list[bytes] = []
        while self._step(out, at_end=at_end):
            pass
        return b"".join(out)

    def _step(self, out: list[bytes], *, at_end: bool) -> bool:
        """Go on by one piece; False when more has to arrive first."""
        if self._to_drop:
            dropped = min(self._to_drop, len(self._waiting))
            self._waiting = self._waiting[dropped:]
            self._to_drop -= dropped
            return dropped > 0 and not self._to_drop
        if self._in_long_line:
            return self._step_long_line(at_end=at_end)
        if self._in_lines:
            return self._step_line(at_end=at_end)
        return self._step_data(out, at_end=at_end)

    def _step_data(self, out: list[bytes], *, at_end: bool) -> bool:
        if self._is_first:
            return self._step_first(at_end=at_end)
        found = self._waiting.find(UEL)
        if found >= 0:
            self._emit(self._waiting[:found], out)
            self._is_joint = True
            self._waiting = self._waiting[found + len(UEL) :]
            self._in_lines = True
            return True
        # The end may be the beginning of a UEL.
        keep = 0 if at_end else _overlap(self._waiting)
        split = len(self._waiting) - keep
        self._emit(self._waiting[:split], out)
        self._waiting = self._waiting[split:]
        return False

    def _step_first(self, *, at_end: bool) -> bool:
        """Printers that have just ended a job take PJL without a UEL before it."""
        start = self._waiting[: len(_PJL)].upper()
        if len(start) < len(_PJL) and _PJL.startswith(start) and not at_end:
            return False
        self._is_first = False
        self._in_lines = start == _PJL
        return True

    def _emit(self, data: bytes, out: list[bytes]) -> None:
        if not data:
            return
        if self._is_joint and _overlap(self._tail):
            # What stood before a UEL we took out and what stands behind it must not become one.
            out.append(b"\n")
        out.append(data)
        self._is_joint = False
        self._tail = (self._tail + data)[-len(UEL) :]

    def _step_line(self, *, at_end: bool) -> bool:
        start = self._waiting[: len(_PJL)].upper()
        if not self._waiting:
            return False
        if self._waiting[:1] in b"\r\n" or self._waiting.startswith(UEL):
            self._waiting = self._waiting[1 if self._waiting[:1] in b"\r\n" else len(UEL) :]
            return True
        if len(self._waiting) < len(UEL) and UEL.startswith(self._waiting) and not at_end:
            return False
        if not (start == _PJL or (_PJL.startswith(start) and not at_end)):
            self._in_lines = False  # data begins without ENTER LANGUAGE
            return True
        line, end, rest = self._waiting.partition(b"\n")
        if not end and not at_end and len(line) <= LONGEST_LINE:
            return False
        if len(line) > LONGEST_LINE:
            line, self._in_long_line = line[:LONGEST_LINE], True
            rest = self._waiting[LONGEST_LINE - _overlap(line) :]
        inner = line.find(UEL)
        if inner >= 0:  # a line that another job cuts off
            line, rest = line[:inner], self._waiting[inner:]
            self._in_long_line = False
        self._waiting = rest
        self._read(line)
        return True

    def _step_long_line(self, *, at_end: bool) -> bool:
        """Drop the rest of a line that is longer than any; what follows are lines again."""
        ends = [at for at in map(self._waiting.find, (b"\n", UEL)) if at >= 0]
        if ends:
            self._waiting = self._waiting[min(ends) :]
            self._in_long_line = False
            return True
        keep = 0 if at_end else _overlap(self._waiting)
        self._waiting = self._waiting[len(self._waiting) - keep :]
        return False

    def _read(self, raw: bytes) -> None:
        self.job.lines += 1
        if self.job.lines > MOST_LINES:
            return
        text = _text(raw[len(_PJL) :]).strip()
        verb = (text.split(None, 1) or [""])[0].upper()
        if verb in DENIED:
            self.job.denied.append(verb)
            size = _SIZE.search(text)
            if size and verb in ("FSDOWNLOAD", "FSAPPEND"):
                self._to_drop = int(size[1])
            return
        if entered := _ENTER.match(text):
            self.job.language = self.job.language or entered[1].upper()
            self._in_lines = False
        elif verb == "JOB" and (named := _NAME.search(text)):
            self.job.name = self.job.name or _printable(named[1])
        elif setting := _SET.match(text):
            self._set(setting[1].upper(), _printable(setting[2].strip()))

    def _set(self, name: str, value: str) -> None:
        job = self.job
        if name in ("USERNAME", "USER"):
            job.user = job.user or value
        elif name == "JOBNAME":
            job.name = job.name or value
        elif name in ("COPIES", "QTY") and value.isdigit() and len(value) < 5:  # noqa: PLR2004
            job.copies = max(job.copies, min(int(value), 999))
        elif name == "DUPLEX":
            job.sides = "two-sided-long-edge" if value.upper() == "ON" else "one-sided"
        elif name == "BINDING" and job.sides.startswith("two-sided"):
            job.sides = f"two-sided-{'short' if 'SHORT' in value.upper() else 'long'}-edge"
        elif name == "JOBATTR" and (attribute := _USER_ATTRIBUTE.match(value)):
            job.user = job.user or attribute[1].strip()


def _overlap(data: bytes) -> int:
    """How many octets at the end may begin a UEL."""
    for size in range(min(len(UEL) - 1, len(data)), 0, -1):
        if UEL.startswith(data[-size:]):
            return size
    return 0


def _text(data: bytes) -> str:
    """Read what a driver wrote: UTF-8 today, Latin-1 of old."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
