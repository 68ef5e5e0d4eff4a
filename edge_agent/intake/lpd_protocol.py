r"""RFC 1179 without I/O: commands, subcommands, control files, and what real clients make of them.

Nothing here is trusted: names are data, lengths are bounded, and noise raises ``LpdError`` and
nothing else. Every command is one line that begins with its code::

    \1 queue          print what waits              \2 queue          receive a job
    \3 queue list     short status                 \4 queue list     long status
    \5 queue agent list   remove jobs

and inside *receive a job* ``\1`` aborts, ``\2 size name`` announces a control file and
``\3 size name`` a data file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

LONGEST_LINE: Final = 1024
LARGEST_CONTROL_FILE: Final = 64 * 1024
MOST_DATA_FILES: Final = 100

# Windows without "LPR byte counting" announces a size that no document has, then sends what it
# has and closes; others announce the largest number they know.
_ABSURD: Final = 1 << 40
_UNKNOWN_SIZES: Final = frozenset({0, (1 << 31) - 1, (1 << 32) - 1})
_FILE_NAME: Final = re.compile(rb"[cd]f[A-Za-z][0-9]{1,6}[^\s/\x00]{0,200}", re.IGNORECASE)
# What the letters before a data file's name say about its format: all are printed as they are.
_FORMATS: Final = frozenset("cdfglnoprtv")
_QUEUE_OPTIONS: Final = re.compile(r"[,%;]")


class LpdError(Exception):
    """Not RFC 1179, or beyond a limit."""


class Code(IntEnum):
    """First octet of a command."""

    PRINT_WAITING = 1
    RECEIVE_JOB = 2
    SHORT_STATUS = 3
    LONG_STATUS = 4
    REMOVE_JOBS = 5


class Sub(IntEnum):
    """First octet of a subcommand while a job is received."""

    ABORT = 1
    CONTROL_FILE = 2
    DATA_FILE = 3


@dataclass(frozen=True, slots=True)
class Command:
    code: Code
    queue: str
    words: tuple[str, ...] = ()  # job numbers and user names; for REMOVE_JOBS the agent first


@dataclass(frozen=True, slots=True)
class Subcommand:
    code: Sub
    size: int | None = None  # octets; None: until the client closes
    name: str = ""

    @property
    def has_size(self) -> bool:
        return self.size is not None


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file as its control file lists it."""

    name: str
    copies: int
    title: str


@dataclass(frozen=True, slots=True)
class ControlFile:
    """What a control file says of its job."""

    host: str = ""
    user: str = ""
    job_name: str = ""
    files: tuple[DataFile, ...] = field(default_factory=tuple)

    @property
    def title(self) -> str:
        first = self.files[0].title if self.files else ""
        return self.job_name or first


def read_command(line: bytes) -> Command:
    """Read a command without its line feed.

    Raises:
        LpdError: It is none.
    """
    if not line or line[0] not in set(Code):
        raise LpdError("not a command")
    queue, *words = _text(line[1:]).split()[:MOST_DATA_FILES] or [""]
    if not queue:
        raise LpdError("a command without a queue")
    return Command(Code(line[0]), _QUEUE_OPTIONS.split(queue)[0], tuple(words))


def read_subcommand(line: bytes) -> Subcommand:
    """Read a subcommand without its line feed.

    Raises:
        LpdError: It is none.
    """
    if not line or line[0] not in set(Sub):
        raise LpdError("not a subcommand")
    code = Sub(line[0])
    if code is Sub.ABORT:
        return Subcommand(code)
    size, _, name = line[1:].strip().partition(b" ")
    if not size.isdigit() or len(size) > 20:  # noqa: PLR2004
        raise LpdError("a file without a size")
    count = int(size)
    if code is Sub.CONTROL_FILE:
        if not 0 < count <= LARGEST_CONTROL_FILE:
            raise LpdError("a control file of an impossible size")
        return Subcommand(code, count, _file_name(name))
    unknown = count in _UNKNOWN_SIZES or count >= _ABSURD
    return Subcommand(code, None if unknown else count, _file_name(name))


def read_control_file(content: bytes) -> ControlFile:
    """Read a control file; lines that we do not know are skipped (IBM i and others add theirs).

    Raises:
        LpdError: It lists too many files.
    """
    said: dict[str, str] = {}
    counts: dict[str, int] = {}
    titles: dict[str, str] = {}
    last = ""
    for raw in content.split(b"\n"):
        line = _text(raw.rstrip(b"\r\0"))
        letter, rest = line[:1], line[1:].strip()
        if letter in ("H", "P", "J") and rest:
            said.setdefault(letter, rest[:255])
        elif letter in _FORMATS and _FILE_NAME.fullmatch(rest.encode()):
            counts[rest] = counts.get(rest, 0) + 1  # repeated: another copy
            last = rest
        elif letter == "N" and rest:
            titles.setdefault(last, rest[:255])
    if len(counts) > MOST_DATA_FILES:
        raise LpdError("too many files in one job")
    # N may stand before or behind the file it names.
    before = titles.get("", "")
    files = tuple(
        DataFile(name, min(copies, 999), titles.get(name, before))
        for name, copies in counts.items()
    )
    return ControlFile(said.get("H", ""), said.get("P", ""), said.get("J", ""), files)


def job_key(name: str) -> str:
    """What control and data files of one job have in common: number and host."""
    return name[3:]


def _file_name(name: bytes) -> str:
    name = name.strip()
    if name and not _FILE_NAME.fullmatch(name):
        raise LpdError("a file name that is none")
    return _text(name)


def _text(data: bytes) -> str:
    """Read bytes as text: UTF-8, else Latin-1, as old hosts send."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "".join(c if c.isprintable() or c in " \t" else "\ufffd" for c in text)
