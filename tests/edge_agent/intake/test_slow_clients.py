"""Clients that drip, five hundred at once: they are cut off, and the others do not notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent.intake.limits import IntakeLimits
from shared.ipp.build import request
from shared.ipp.decode import decode_message
from shared.ipp.encode import encode_message
from shared.ipp.enums import Operation, Status
from tests.support.counts import count, progress
from tests.support.intake import IntakeSite, an_intake_site
from tests.support.slow_sockets import slow_sockets

SLOW = 500
JOBS = count(40, 400)
TRIES = count(5, 10)  # what else the machine does may hurt one of two measurements


async def print_one(site: IntakeSite) -> None:
    head = encode_message(request(Operation.PRINT_JOB, site.uri("pull"), user="ada"))
    _, answer = await site.post("/ipp/print/pull", head + b"%PDF-1.7 " + b"x" * 6000)
    assert decode_message(answer)[0].code == Status.SUCCESSFUL_OK


async def measure(site: IntakeSite) -> float:
    """The 95th percentile of a Print-Job, in milliseconds."""
    took = []
    for _ in range(JOBS):
        begun = time.perf_counter()
        await print_one(site)
        took.append((time.perf_counter() - begun) * 1000)
    return sorted(took)[int(len(took) * 0.95)]


async def test_normal_clients_print_beside_five_hundred_that_only_drip(tmp_path: Path) -> None:
    limits = IntakeLimits(connections_per_source=600, header_seconds=3.0)
    async with an_intake_site(tmp_path, limits=limits) as site:
        slow = []
        for _ in range(SLOW):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            # At once: whoever says nothing at all is cut off before it counts as a request.
            writer.write(b"POST /ipp/print/pull HTTP/1.1\r\nHost: localh")
            slow.append((reader, writer))
        for _ in range(20):
            await print_one(site)
        begun = time.monotonic()
        ends = [asyncio.wait_for(reader.read(), 15) for reader, _ in slow]
        said = await asyncio.gather(*ends, return_exceptions=True)
        for _, writer in slow:
            writer.close()
        assert time.monotonic() - begun < 12
        assert not [item for item in said if isinstance(item, TimeoutError)]
        assert site.server.health().figures["cut_off_connections"] == SLOW


@pytest.mark.scaled
@pytest.mark.timeout(1200)
async def test_a_job_takes_less_than_twice_as_long_beside_five_hundred_that_only_drip(
    tmp_path: Path, proof: Callable[[str], None]
) -> None:
    """With the limits of a gateway as it is shipped; the slow ones come again and again."""
    async with an_intake_site(tmp_path) as site:
        await measure(site)
        for attempt in range(1, TRIES + 1):
            alone = await measure(site)
            dripping = slow_sockets(site.port, SLOW)
            await asyncio.to_thread(dripping.__enter__)
            try:
                beside = await measure(site)
                connections = site.server.health().figures["connections"]
            finally:
                await asyncio.to_thread(dripping.__exit__, None, None, None)
            said = (
                f"{JOBS} jobs, p95 {alone:.1f} ms alone and {beside:.1f} ms beside"
                f" {connections} slow connections (measurement {attempt})"
            )
            progress(attempt, TRIES, said)
            if beside < 2 * alone:
                break
    proof(said)
    assert int(connections) >= SLOW * 0.9
    assert beside < 2 * alone, said
