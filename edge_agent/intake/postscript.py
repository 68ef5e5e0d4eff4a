"""PostScript that would change its printer, found by name, without I/O (PLRM 3.8, 8.2; PRET).

PostScript is a program. Beside drawing it can leave the job's sandbox (``exitserver``), set
passwords and defaults, and read, write, delete and run files of the printer. A document that names
such an operator is held for the operator of the queue; all others go on as they are.

What this sees and what not: every octet of a document is looked at, whatever its length. Names are
found where a program names them, plainly or as ``/exitserver``, and as a string that is made a
name at once: ``(exitserver) cvx``. Text in strings and comments is no program and is passed over.
A program that puts its names together or unpacks itself (``filter``, ``eexec``) is not seen
through: against that only the printer's own password helps.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from edge_agent.intake.capabilities import JPEG, PDF, POSTSCRIPT, PWG_RASTER, URF
from edge_agent.intake.formats import SNIFF_BYTES, sniff
from edge_agent.jobs.receiving import Body
from shared.i18n import gettext as _

DENIED: Final = frozenset(
    {
        b"deletefile",
        b"devformat",
        b"exitserver",
        b"filenameforall",
        b"renamefile",
        b"setdevparams",
        b"setsystemparams",
        b"startjob",
    }
)
_OF_FILES: Final = frozenset({b"file", b"run"})  # also names of variables: only behind a string
_MAKES_A_NAME: Final = frozenset({b"cvn", b"cvx"})
_STANDARD: Final = (b"%stdin", b"%stdout", b"%stderr")
_WORDS: Final = b"|".join(sorted(DENIED | _OF_FILES | _MAKES_A_NAME))
_REGULAR: Final = rb"[^\0\t\n\f\r ()<>\[\]{}/%]"  # PLRM 3.2: what names are made of
_WORD: Final = re.compile(rb"(?<!" + _REGULAR + rb")(?:" + _WORDS + rb")(?!" + _REGULAR + rb")")
_DENIED: Final = re.compile(b"|".join(sorted(DENIED)))
_STRING: Final = rb"\((?:[^()\\]++|\\[\s\S])*+\)"
# Space and delimiters, comments, strings without parentheses, and all other names and numbers.
_HARMLESS: Final = re.compile(
    rb"(?:[\0\t\n\f\r )<>\[\]{}/]++|%[^\r\n\f]*+(?=[\r\n\f])|"
    + _STRING
    + rb"|(?!(?:" + _WORDS + rb")(?!" + _REGULAR + rb"))" + _REGULAR + rb"++)*+"
)  # fmt: skip
_CUT_NAME: Final = re.compile(_REGULAR + rb"{1,%d}\Z" % max(map(len, DENIED)))
_PARENTHESIS: Final = re.compile(rb"[()]|\\[\s\S]")
_STRING_BEFORE: Final = re.compile(rb"\(([^()]{0,255})\)\s*\Z")
_OPENED_BEFORE: Final = re.compile(rb"(?:\(([^()]{0,255})\)\s*)?\(\s*[rwa]\+?\s*\)\s*\Z")
_LONGEST_STRING: Final = 65_535  # PLRM appendix B
_KEPT: Final = 1024  # of what was looked at, for what stands before a word
_AT_ONCE: Final = 1 << 15
_BEGINS: Final = b"%!"
_OTHER_FORMATS: Final = frozenset({PDF, JPEG, PWG_RASTER, URF})


class PostScriptScan:
    """Takes a document as it passes; ``found`` names what it should not do.

    A document is PostScript when it is called so, or when a printer may find it to be: octets
    that begin a program stand in its first kilobyte, and no other format's at its beginning.
    """

    def __init__(self, media_type: str = POSTSCRIPT) -> None:
        self.found: set[str] = set()
        self._is_postscript: bool | None = True if media_type == POSTSCRIPT else None
        self._buffer = b""
        self._at = 0  # up to here it was looked at
        self._seen = 0  # so long was the buffer then
        self._is_lost = False  # in binary data: strings and comments are no longer told apart

    def remark(self) -> str:
        """What the owner should know; empty when all is well."""
        if not self.found:
            return ""
        operators = ", ".join(sorted(self.found))
        return _(
            "It is PostScript that may change its printer: %(operators)s.", operators=operators
        )

    def look(self, body: Body) -> Body:
        """Look at a document, as a whole or as it passes on its way to the disk."""
        if not isinstance(body, bytes):
            return self.watch(body)
        self.feed(body)
        self.close()
        return body

    async def watch(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass a document on, looking at it."""
        async for chunk in chunks:
            self.feed(chunk)
            yield chunk
        self.close()

    def feed(self, data: bytes) -> None:
        if self._is_postscript is False:
            return
        self._buffer += data
        if len(self._buffer) - self._seen >= _AT_ONCE:
            self._scan(at_end=False)

    def close(self) -> None:
        """Look at what is left, now that nothing more comes."""
        self._scan(at_end=True)

    def _scan(self, *, at_end: bool) -> None:
        if self._is_postscript is None:
            first = self._buffer[:SNIFF_BYTES]
            self._is_postscript = _BEGINS in first and sniff(first) not in _OTHER_FORMATS
        if not self._is_postscript:
            self._buffer = b""
            return
        if not at_end:
            cut = _CUT_NAME.search(self._buffer, len(self._buffer) - _KEPT // 2)
            end = cut.start() if cut else len(self._buffer)
        else:
            end = len(self._buffer)
        while not self._is_lost and self._step(end, at_end=at_end):
            pass
        if self._is_lost and self._at < end:
            self.found.update(name.decode() for name in _DENIED.findall(self._buffer, self._at))
            self._at = end
        kept = max(self._at - _KEPT, 0)
        self._buffer, self._at = self._buffer[kept:], self._at - kept
        self._seen = len(self._buffer)

    def _step(self, end: int, *, at_end: bool) -> bool:
        """Go on to the next thing that needs a look; False when more has to arrive first."""
        passed = _HARMLESS.match(self._buffer, self._at, end)
        self._at = passed.end() if passed else self._at
        if self._at >= end:
            return False
        if self._buffer[self._at] == ord("("):
            return self._step_string(end, at_end=at_end)
        if self._buffer[self._at] == ord("%"):  # its line has not ended yet
            return self._give_up_or_wait(end, at_end=at_end)
        word = _WORD.match(self._buffer, self._at, end)
        if word is not None and (denied := self._denied(word[0], word.start())):
            self.found.add(denied.decode())
        self._at = word.end() if word else self._at + 1
        return True

    def _step_string(self, end: int, *, at_end: bool) -> bool:
        """Pass a string with parentheses in it."""
        depth = 0
        for found in _PARENTHESIS.finditer(self._buffer, self._at, end):
            depth += {b"(": 1, b")": -1}.get(found[0], 0)
            if depth == 0:
                self._at = found.end()
                return True
        return self._give_up_or_wait(end, at_end=at_end)

    def _give_up_or_wait(self, end: int, *, at_end: bool) -> bool:
        """Wait for the end of a string or comment; one that is too long is binary data."""
        if at_end and self._buffer[self._at] == ord("%"):
            self._at = end
        self._is_lost = end - self._at > (0 if at_end else _LONGEST_STRING)
        return False

    def _denied(self, name: bytes, start: int) -> bytes:
        """The operator that is meant; nothing where it is none of those."""
        if name in DENIED:
            return name
        before = self._buffer[max(start - _KEPT, 0) : start]
        if name == b"file":
            opened = _OPENED_BEFORE.search(before)
            is_other = opened is not None and not (opened[1] or b"").startswith(_STANDARD)
            return name if is_other else b""
        string = _STRING_BEFORE.search(before)
        if string is None:
            return b""
        made = string[1].strip()
        return name if name == b"run" else made if made in DENIED else b""
