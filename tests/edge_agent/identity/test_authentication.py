from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.identity.counters import Attempt, Counters
from shared.clock import SystemClock
from shared.ids import AccountId, ReaderId
from shared.messages.calls import AuthenticateCard, Authenticated, AuthenticatePassword
from shared.messages.records import SecretRecord, gateway_stream
from shared.secrets import hash_password
from tests.support.people import (
    ADAS_CARD,
    BENS_CARD,
    CLEOS_CARD,
    PASSWORD,
    PEPPER,
    PIN,
    Account,
)
from tests.support.sign_in import SignIn, signing_in


class Door(SignIn):
    """Authentication, as the other services see it: through calls."""

    async def card(
        self, number: str, *, account: Account | None = None, pin: str | None = None,
        reader: str = "reader-1",
    ) -> Authenticated:  # fmt: skip
        account = account or self.people.alder
        header = self.calls.header()
        reader_id = ReaderId(reader)
        return await self.calls.ask(AuthenticateCard(header, account.id, number, reader_id, pin))

    async def password(
        self, username: str, password: str, *, device: str = "terminal-1",
        account: Account | None = None, is_pin: bool = False,
    ) -> Authenticated:  # fmt: skip
        account = account or self.people.alder
        header = self.calls.header()
        return await self.calls.ask(
            AuthenticatePassword(header, account.id, username, password, device, is_pin)
        )


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with signing_in(tmp_path, Door) as door:
        yield door


async def test_a_card_is_its_owners(door: Door) -> None:
    answer = await door.card(ADAS_CARD)
    assert (answer.ok, answer.username, answer.display_name) == (True, "ada", "Ada")
    assert answer.card_id == door.people.alder.cards["ada"].id


async def test_a_card_is_known_however_the_reader_writes_it(door: Door) -> None:
    assert (await door.card("04:a1:b2:c3:d4:e5:80")).username == "ada"


async def test_another_accounts_card_is_unknown_here_and_known_there(door: Door) -> None:
    assert (await door.card(CLEOS_CARD)).reason == "unknown-card"
    assert (await door.card(CLEOS_CARD, account=door.people.cedar)).username == "cleo"


@pytest.mark.parametrize("number", ["", "no card", "04A1B2C3D4E581", "0" * 500, "\ud800"])
async def test_what_is_no_known_card_is_refused_in_words(door: Door, number: str) -> None:
    call = AuthenticateCard(door.calls.header(), door.people.alder.id, number)
    answer = await door.service.authenticate_card(call)
    assert not answer.ok
    assert answer.reason == "unknown-card"
    assert "card" in answer.says


async def test_a_revoked_card_is_refused_as_soon_as_the_replica_says_so(door: Door) -> None:
    assert (await door.card(ADAS_CARD)).ok
    door.people.revoke_card(door.people.alder, "ada")
    assert (await door.card(ADAS_CARD)).reason == "unknown-card"
    assert (await door.card(BENS_CARD)).ok


async def test_a_person_who_is_switched_off_is_refused(door: Door) -> None:
    door.people.change_user(door.people.alder, "ada", enabled=False)
    assert (await door.card(ADAS_CARD)).reason == "disabled"
    assert (await door.password("ada", PASSWORD)).reason == "disabled"
    assert (await door.password("ben", PASSWORD)).ok


async def test_where_the_account_wants_it_a_card_needs_its_pin(door: Door) -> None:
    door.people.change_account(door.people.alder, card_needs_pin=True)
    assert (await door.card(ADAS_CARD)).reason == "pin-needed"
    refused = await door.card(ADAS_CARD, pin="000000")
    assert (refused.reason, refused.says) == ("wrong-password", "The PIN is not right.")
    assert (await door.card(ADAS_CARD, pin=PIN)).ok


async def test_name_and_password_or_pin(door: Door) -> None:
    assert (await door.password("ADA", PASSWORD)).ok
    assert (await door.password("ada", PIN, is_pin=True)).ok
    assert not (await door.password("ada", PIN)).ok
    assert not (await door.password("cleo", PASSWORD)).ok
    assert (await door.password("cleo", PASSWORD, account=door.people.cedar)).ok


async def test_who_has_only_a_pin_signs_in_by_it_at_a_printer_and_nowhere_else(door: Door) -> None:
    door.people.change_user(door.people.alder, "ada", password_hash=None)
    assert (await door.password("ada", PIN, device="terminal:1")).ok
    assert not (await door.password("ada", PIN, device="source:10.0.0.9")).ok


async def test_an_unknown_card_hears_how_old_the_knowledge_is(door: Door) -> None:
    assert "last heard" not in (await door.card("DEADBEEF")).says
    door.clock.move(hours=5)
    assert "last heard from the office 5 hours ago" in (await door.card("DEADBEEF")).says


async def test_five_wrong_guesses_lock_the_person_on_that_device_only(door: Door) -> None:
    for _ in range(5):
        assert (await door.password("ada", "wrong")).reason == "wrong-password"
    assert (await door.password("ada", PASSWORD)).reason == "locked"
    assert (await door.password("ada", PASSWORD, device="terminal-2")).ok
    door.clock.move(minutes=16)
    assert (await door.password("ada", PASSWORD)).ok


async def test_each_further_failure_locks_twice_as_long(door: Door) -> None:
    for _ in range(5):
        await door.password("ada", "wrong")
    door.clock.move(minutes=16)
    assert (await door.password("ada", "wrong")).reason == "wrong-password"
    door.clock.move(minutes=16)
    assert (await door.password("ada", PASSWORD)).reason == "locked"
    door.clock.move(minutes=15)
    assert (await door.password("ada", PASSWORD)).ok


async def test_many_names_from_one_device_are_throttled(door: Door) -> None:
    reasons = [(await door.password(f"guess{n}", "wrong")).reason for n in range(30)]
    assert reasons.count("unknown-user") == 20
    assert set(reasons[20:]) == {"locked"}
    assert (await door.password("ada", PASSWORD)).reason == "locked"
    assert (await door.password("ada", PASSWORD, device="terminal-2")).ok


async def test_a_new_password_ends_every_lock(door: Door) -> None:
    for _ in range(5):
        await door.password("ada", "wrong")
    assert (await door.password("ada", PASSWORD)).reason == "locked"
    changed = hash_password(PEPPER, "a new one")
    door.people.change_user(door.people.alder, "ada", password_hash=changed)
    assert (await door.password("ada", PASSWORD)).reason == "wrong-password"
    assert (await door.password("ada", "a new one")).ok


async def test_guesses_at_once_buy_no_more_than_guesses_in_turn(door: Door) -> None:
    answers = await asyncio.gather(*[door.password("ada", f"wrong{n}") for n in range(30)])
    assert sum(answer.reason == "wrong-password" for answer in answers) == 5


async def test_trying_out_cards_at_one_reader_is_cut_short(door: Door) -> None:
    reasons = [(await door.card(f"{n:08X}")).reason for n in range(100)]
    assert reasons.count("unknown-card") == 20
    assert (await door.card(ADAS_CARD)).reason == "locked"
    assert (await door.card(ADAS_CARD, reader="reader-2")).ok
    door.clock.move(minutes=2)
    assert (await door.card(ADAS_CARD)).ok


async def test_locks_survive_a_kill(tmp_path: Path) -> None:
    program = f"""
import asyncio, os, sys
from pathlib import Path
from edge_agent.identity.counters import Attempt, Counters
from shared.clock import SystemClock
from shared.ids import AccountId
async def main():
    counters = Counters(Path({str(tmp_path / "identity.db")!r}), SystemClock())
    attempt = Attempt(AccountId("alder"), "ada", "terminal-1")
    for _ in range(5):
        assert await counters.begin(attempt) is None
    print("counted", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"counted\n"
        os.kill(child.pid, signal.SIGKILL)
    counters = Counters(tmp_path / "identity.db", SystemClock())
    locked = await counters.begin(Attempt(AccountId("alder"), "ada", "terminal-1"))
    other = await counters.begin(Attempt(AccountId("alder"), "ada", "terminal-2"))
    counters.close()
    assert locked is not None
    assert other is None


async def test_a_clock_that_goes_back_makes_no_lock_longer(door: Door) -> None:
    for _ in range(5):
        await door.password("ada", "wrong")
    door.clock.move(days=-300)
    assert (await door.password("ada", PASSWORD)).reason == "locked"
    door.clock.move(days=300, minutes=16)
    assert (await door.password("ada", PASSWORD)).ok


async def test_known_and_unknown_names_take_the_same_time(door: Door) -> None:
    spans: dict[str, list[float]] = {"ada": [], "nobody": []}
    for n in range(20):
        for name, taken in spans.items():
            began = time.process_time()
            await door.password(name, "wrong", device=f"{name}{n}")
            taken.append(time.process_time() - began)
    # Of the processor, and the quickest of each: whatever else this machine does can only add.
    known, unknown = min(spans["ada"]), min(spans["nobody"])
    print(f"\nsign-in refused: known name {known * 1000:.1f} ms, unknown {unknown * 1000:.1f} ms")
    assert 0.6 < known / unknown < 1.6


async def test_without_a_clock_people_sign_in_and_guessing_is_still_cut_short(door: Door) -> None:
    door.clock.at = datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)
    assert (await door.card(ADAS_CARD)).ok
    for _ in range(5):
        assert (await door.password("ben", "wrong")).reason == "wrong-password"
    assert (await door.password("ben", PASSWORD)).reason == "locked"
    assert (await door.password("ada", PASSWORD)).ok


async def test_an_account_may_limit_how_long_old_knowledge_counts(door: Door) -> None:
    door.people.change_account(door.people.alder, offline_limit_seconds=3600)
    door.clock.move(minutes=59)
    assert (await door.card(ADAS_CARD)).ok
    door.clock.move(minutes=2)
    answer = await door.card(ADAS_CARD)
    assert answer.reason == "knowledge-too-old"
    assert "too long" in answer.says
    assert (await door.card(CLEOS_CARD, account=door.people.cedar)).ok


async def test_basic_credentials_are_remembered_and_dropped_on_change(door: Door) -> None:
    alder = door.people.alder

    async def sign_in(password: str = PASSWORD) -> Authenticated:
        return await door.service.verify_basic(alder.id, "ada", password, "10.0.0.9")

    assert (await sign_in()).ok
    began = time.perf_counter()
    assert (await sign_in()).ok
    assert time.perf_counter() - began < 0.005
    assert not (await sign_in("wrong")).ok
    door.people.change_user(alder, "ada", enabled=False)
    assert (await sign_in()).reason == "disabled"


async def test_refused_sign_ins_are_audited_without_the_password(door: Door) -> None:
    await door.password("ada", "hunter2")
    await door.audit.flush()
    (fact,) = door.audited
    assert (fact.event, fact.outcome, fact.source) == ("sign-in.refused", "refused", "terminal-1")
    assert "hunter2" not in str(fact)


async def test_a_gateway_without_the_secrets_yet_says_so(door: Door) -> None:
    for purpose in ("pepper", "card-hmac"):
        record_id = f"{door.people.alder.id}/{purpose}/1"
        door.people.feed.remove(gateway_stream(door.people.gateway_id), SecretRecord, record_id)
    assert (await door.card(ADAS_CARD)).reason == "not-ready"
    assert (await door.password("ada", PASSWORD)).reason == "not-ready"
