"""Sending as a computer does: with CUPS's own ``ipptool``, not with our code."""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIMEOUT_SECONDS: Final = 30.0

PRINT_JOB: Final = """\
{
    NAME "Send a document"
    OPERATION Print-Job
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri $uri
    ATTR name requesting-user-name "$sender"
    ATTR name job-name "$title"
    ATTR mimeMediaType document-format application/pdf
    GROUP job-attributes-tag
    ATTR integer copies $copies
    ATTR keyword sides $sides
    FILE $filename
    STATUS successful-ok
    STATUS successful-ok-ignored-or-substituted-attributes
    EXPECT job-id OF-TYPE integer WITH-VALUE >0
    EXPECT job-state OF-TYPE enum
}
"""


class SendingError(Exception):
    """ipptool says it did not work; the text is its report."""


@dataclass(frozen=True)
class Sent:
    """What the queue answered."""

    job_id: int
    job_state: str


async def ipptool(uri: str, test: Path, document: Path | None, **variables: str | int) -> str:
    """Run one ipptool file verbosely; returns its report.

    Raises:
        SendingError: A test failed, or nobody answered.
    """
    arguments = [word for key, value in variables.items() for word in ("-d", f"{key}={value}")]
    if document is not None:
        arguments += ["-f", str(document)]
    process = await asyncio.create_subprocess_exec(
        "ipptool", "-tv", "-T", "10", *arguments, uri, str(test),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise SendingError(f"no answer from {uri} within {TIMEOUT_SECONDS:.0f} s") from None
    report = out.decode(errors="replace")
    if process.returncode != 0:
        raise SendingError(report)
    return report


async def send(
    uri: str,
    document: Path,
    *,
    sender: str,
    title: str,
    folder: Path,
    copies: int = 1,
    sides: str = "one-sided",
) -> Sent:
    """Send a PDF to a queue.

    Raises:
        SendingError: The queue did not take it.
    """
    test = folder / "print-job.test"
    test.write_text(PRINT_JOB)
    report = await ipptool(
        uri, test, document, sender=sender, title=title, copies=copies, sides=sides
    )
    answer = report[report.rfind("RECEIVED") :]
    number = re.search(r"job-id \(integer\) = (\d+)", answer)
    state = re.search(r"job-state \(enum\) = ([\w-]+)", answer)
    if number is None or state is None:
        raise SendingError(report)
    return Sent(int(number.group(1)), state.group(1))
