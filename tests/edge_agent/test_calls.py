from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from edge_agent.calls import CallFailedError, Calls, CallTimedOutError, NoServiceError
from shared.clock import SystemClock
from shared.ids import AccountId, JobId, PrinterId, UserId, new_id
from shared.messages.calls import AuthenticateCard, Released, ReleaseJobs

ALDER = AccountId(new_id())
JOB = JobId(new_id())


def a_release(calls: Calls, seconds: float = 5.0, key: str | None = None) -> ReleaseJobs:
    return ReleaseJobs(
        header=calls.header(seconds, key),
        account_id=ALDER,
        owner_id=UserId(new_id()),
        job_ids=(JOB,),
        printer_id=PrinterId(new_id()),
        by="card",
    )


def counting_handler() -> tuple[Callable[[ReleaseJobs], Awaitable[Released]], list[ReleaseJobs]]:
    seen: list[ReleaseJobs] = []

    async def release(call: ReleaseJobs) -> Released:
        seen.append(call)
        return Released(call.job_ids, {"other": "not yours"})

    return release, seen


@pytest.mark.parametrize("encode", [False, True])
async def test_an_answer_comes_back_as_it_was_given(encode: bool) -> None:
    calls = Calls(SystemClock(), encode=encode)
    handler, seen = counting_handler()
    calls.register(ReleaseJobs, handler)
    call = a_release(calls)
    assert await calls.ask(call) == Released((JOB,), {"other": "not yours"})
    assert seen[0].job_ids == (JOB,)


async def test_encoding_really_happens() -> None:
    calls = Calls(SystemClock(), encode=True)
    handler, seen = counting_handler()
    calls.register(ReleaseJobs, handler)
    call = a_release(calls)
    await calls.ask(call)
    assert seen[0] is not call


@pytest.mark.parametrize("encode", [False, True])
async def test_a_repeat_with_the_same_key_is_answered_and_not_done_again(encode: bool) -> None:
    calls = Calls(SystemClock(), encode=encode)
    handler, seen = counting_handler()
    calls.register(ReleaseJobs, handler)
    call = a_release(calls)
    answers = await asyncio.gather(calls.ask(call), calls.ask(call))
    again = await calls.ask(replace(call, header=replace(call.header)))
    assert answers[0] == answers[1] == again
    assert len(seen) == 1


async def test_a_key_cannot_be_used_for_another_question() -> None:
    calls = Calls(SystemClock())
    handler, seen = counting_handler()
    calls.register(ReleaseJobs, handler)
    await calls.ask(a_release(calls, key="once"))
    with pytest.raises(CallFailedError, match="another question"):
        await calls.ask(a_release(calls, key="once"))
    assert len(seen) == 1


async def test_memory_of_answers_is_bounded() -> None:
    calls = Calls(SystemClock(), remember=10)
    handler, seen = counting_handler()
    calls.register(ReleaseJobs, handler)
    for _ in range(50):
        await calls.ask(a_release(calls))
    assert len(calls._remembered) == 10
    assert len(seen) == 50


async def test_a_slow_service_does_not_hold_the_caller_beyond_the_deadline() -> None:
    calls = Calls(SystemClock())
    finished = asyncio.Event()

    async def slow(call: ReleaseJobs) -> Released:
        await asyncio.sleep(0.2)
        finished.set()
        return Released(call.job_ids)

    calls.register(ReleaseJobs, slow)
    call = a_release(calls, seconds=0.05)
    with pytest.raises(CallTimedOutError):
        await calls.ask(call)
    await asyncio.wait_for(finished.wait(), 2)
    late = replace(call, header=calls.header(5, call.header.idempotency_key))
    assert await calls.ask(late) == Released((JOB,))


async def test_a_call_whose_deadline_has_passed_is_not_begun() -> None:
    calls = Calls(SystemClock())
    handler, seen = counting_handler()
    calls.register(ReleaseJobs, handler)
    with pytest.raises(CallTimedOutError):
        await calls.ask(a_release(calls, seconds=-1))
    assert seen == []


async def test_nobody_answers() -> None:
    calls = Calls(SystemClock())
    with pytest.raises(NoServiceError):
        await calls.ask(AuthenticateCard(calls.header(), ALDER, "04A1"))


async def test_a_service_that_fails_is_asked_again_by_a_repeat() -> None:
    calls = Calls(SystemClock())
    attempts = 0

    async def fails_once(call: ReleaseJobs) -> Released:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OSError("disk")
        return Released(call.job_ids)

    calls.register(ReleaseJobs, fails_once)
    call = a_release(calls)
    with pytest.raises(CallFailedError):
        await calls.ask(call)
    assert await calls.ask(call) == Released((JOB,))
