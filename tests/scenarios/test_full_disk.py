"""The gateway's disk is full: it says so in the standard's words, and loses nothing it took."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.spool.spool import LOOK_SECONDS
from script._demo.sending import SendingError
from tests.support.box import Box, a_box
from tests.support.people import ADAS_CARD

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

DISK = "size=24m"
REFUSED = re.compile(r"server-error-(temporary-error|not-accepting-jobs|busy)")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A state folder on a file system of its own that is soon full."""
    state = tmp_path / "state"
    state.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"{DISK},mode=700", "tmpfs", str(state)]
    subprocess.run(command, check=True)
    try:
        yield state
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


async def fill(box: Box) -> tuple[list[bytes], str]:
    """Send until it is refused; what was accepted, and how it was refused."""
    accepted = []
    for number in range(40):
        try:
            accepted.append(await box.send(f"{number}.pdf", os.urandom(1_000_000)))
        except SendingError as error:
            return accepted, str(error)
    pytest.fail("a full disk takes everything")


@pytest.mark.parametrize("kept_free", [4 * 1024 * 1024, 0])
async def test_a_full_disk_refuses_in_words_and_prints_what_it_took(
    small_disk: Path, tmp_path: Path, kept_free: int
) -> None:
    async with a_box(tmp_path) as box:
        box.agent.parts.jobs.spool._watermark_bytes = kept_free
        await asyncio.sleep(2 * LOOK_SECONDS)  # What was seen before that is forgotten.
        accepted, refusal = await fill(box)
        assert REFUSED.search(refusal), refusal

        await box.tap(box.people.reader.port, ADAS_CARD)
        paper = await box.paper(len(accepted))
        again = await box.send("after.pdf")
        await box.tap(box.people.chooser.port, ADAS_CARD)

    assert len(accepted) > 2
    assert sorted(paper) == sorted(accepted)
    assert again
