"""Who left the card at home types a one-time code at a printer, where the password goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared.crypto import sealing
from shared.ids import ReaderId, new_id
from shared.messages.calls import (
    AuthenticateCard,
    Authenticated,
    AuthenticatePassword,
    EnrolCard,
)
from shared.messages.events import SignInCodeUsed
from shared.messages.records import SignInCode, UnknownCards
from shared.secrets import SIGN_IN_CODE_SECONDS, hash_password
from tests.support.people import ADAS_CARD, PASSWORD, PEPPER, PIN
from tests.support.sign_in import SignIn, signing_in

CODE = "47110815"
OTHER_CODE = "47110816"
TERMINAL = "terminal:1"


class Door(SignIn):
    """Authentication, as a terminal sees it."""

    def gives(self, code: str = CODE, username: str = "ada") -> SignInCode:
        """What the primary does when somebody makes a code."""
        expires_at = self.clock.now() + timedelta(seconds=SIGN_IN_CODE_SECONDS)
        record = SignInCode(new_id(), hash_password(PEPPER, code), expires_at)
        self.people.change_user(self.people.alder, username, code=record)
        return record

    async def types(
        self, secret: str, username: str = "ada", *, device: str = TERMINAL
    ) -> Authenticated:
        alder = self.people.alder.id
        call = AuthenticatePassword(self.calls.header(), alder, username, secret, device)
        return await self.calls.ask(call)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with signing_in(tmp_path, Door) as door:
        yield door


async def test_it_signs_in_once_and_the_primary_hears_of_it(door: Door) -> None:
    code = door.gives()
    answer = await door.types(CODE)
    assert (answer.ok, answer.username, answer.says) == (True, "ada", "Hello Ada")
    ada = door.people.alder.users["ada"].id
    assert [(fact.code_id, fact.user_id) for fact in door.used] == [(code.id, ada)]
    assert (await door.types(CODE)).reason == "wrong-password"
    assert len(door.used) == 1
    # The password is as good as ever.
    assert (await door.types(PASSWORD)).reason == "ok"


async def test_that_it_was_used_is_on_disk(door: Door) -> None:
    door.gives()
    assert (await door.types(CODE)).ok
    await door.service.stop()
    await door.service.start()
    assert not (await door.types(CODE)).ok
    door.gives(OTHER_CODE)
    assert (await door.types(OTHER_CODE)).ok


async def test_nobody_comes_in_before_the_fact_is_durable(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_fact: SignInCodeUsed) -> None:
        raise OSError("no space left on device")

    door.gives()
    monkeypatch.setattr(door.service._codes, "_tell", full)
    with pytest.raises(OSError, match="no space"):
        await door.service.authenticate_password(
            AuthenticatePassword(door.calls.header(), door.people.alder.id, "ada", CODE, TERMINAL)
        )
    monkeypatch.undo()
    assert not (await door.types(CODE)).ok
    door.gives(OTHER_CODE)
    assert (await door.types(OTHER_CODE)).ok


async def test_a_gap_and_a_hyphen_do_not_matter(door: Door) -> None:
    door.gives()
    assert (await door.types("4711 0815")).ok
    door.gives()
    assert (await door.types("4711-0815")).ok


async def test_it_ends_by_itself(door: Door) -> None:
    door.gives()
    door.clock.move(seconds=SIGN_IN_CODE_SECONDS)
    assert not (await door.types(CODE)).ok
    door.gives()
    door.clock.move(seconds=SIGN_IN_CODE_SECONDS - 1)
    assert (await door.types(CODE)).ok


async def test_a_box_that_does_not_know_the_time_takes_none(door: Door) -> None:
    door.gives()
    door.clock.move(days=-365)
    assert not (await door.types(CODE)).ok
    assert (await door.types(PASSWORD)).ok
    door.clock.move(days=365)
    assert (await door.types(CODE)).ok


async def test_a_newer_one_ends_it(door: Door) -> None:
    door.gives()
    door.gives(OTHER_CODE)
    assert not (await door.types(CODE)).ok
    assert (await door.types(OTHER_CODE)).ok


async def test_it_is_one_persons_of_one_account(door: Door) -> None:
    door.gives()
    assert (await door.types(CODE, "ben")).reason == "wrong-password"
    assert (await door.types(CODE, "nobody")).reason == "unknown-user"
    cedar = AuthenticatePassword(door.calls.header(), door.people.cedar.id, "cleo", CODE, TERMINAL)
    assert not (await door.calls.ask(cedar)).ok
    assert (await door.types(CODE)).ok


async def test_who_is_locked_does_not_come_in_and_who_is_unlocked_does(door: Door) -> None:
    door.gives()
    door.people.change_user(door.people.alder, "ada", enabled=False)
    assert not (await door.types(CODE)).ok
    assert door.used == []
    door.people.change_user(door.people.alder, "ada", enabled=True)
    assert (await door.types(CODE)).ok


async def test_a_closed_account_takes_none_and_an_open_one_does(door: Door) -> None:
    door.gives()
    door.people.change_account(door.people.alder, is_closed=True)
    assert not (await door.types(CODE)).ok
    door.people.change_account(door.people.alder, is_closed=False)
    assert (await door.types(CODE)).ok


async def test_it_is_for_printers_alone(door: Door) -> None:
    door.gives()
    assert not (await door.service.verify_basic(
        door.people.alder.id, "ada", CODE, "192.0.2.9"
    )).ok  # fmt: skip
    assert not (await door.types(CODE, device="source:192.0.2.9")).ok
    assert door.used == []
    assert (await door.types(CODE)).ok


async def test_who_has_neither_password_nor_pin_comes_in_by_it(door: Door) -> None:
    alder = door.people.alder
    door.people.change_user(alder, "ben", password_hash=None, pin_hash=None)
    assert not (await door.types(CODE, "ben")).ok
    door.gives(username="ben")
    assert (await door.types(CODE, "ben")).ok


async def test_a_pin_that_looks_like_one_is_a_pin_and_uses_none_up(door: Door) -> None:
    alder = door.people.alder
    pin_hash = hash_password(PEPPER, CODE)
    door.people.change_user(alder, "ben", password_hash=None, pin_hash=pin_hash)
    door.gives(username="ben")
    assert (await door.types(CODE, "ben")).reason == "ok"
    assert door.used == []


async def test_wrong_ones_count_as_wrong_pins_do(door: Door) -> None:
    door.gives()
    reasons = [(await door.types(f"0000000{n}")).reason for n in range(6)]
    assert reasons == ["wrong-password"] * 5 + ["locked"]
    assert (await door.types(CODE)).reason == "locked"
    assert (await door.types(CODE, device="terminal:2")).ok


async def test_a_used_one_counts_as_wrong_and_a_right_one_does_not(door: Door) -> None:
    for _ in range(8):
        door.gives()
        assert (await door.types(CODE)).ok
    reasons = [(await door.types(CODE)).reason for _ in range(6)]
    assert reasons == ["wrong-password"] * 5 + ["locked"]


async def test_a_card_is_enrolled_by_it(door: Door) -> None:
    key = sealing.public_key(sealing.new_key())
    door.people.change_account(
        door.people.alder, unknown_cards=UnknownCards.ENROL, card_sealing_key=key
    )
    door.gives()

    async def enrol(number: str) -> Authenticated:
        return await door.calls.ask(
            EnrolCard(
                door.calls.header(), door.people.alder.id, number, "ada", CODE, TERMINAL,
                door.people.printer_id, ReaderId("reader-1"),
            )
        )  # fmt: skip

    assert (await enrol("04FFEEDDCCBB80")).ok
    assert not (await enrol("04FFEEDDCCBB81")).ok


async def test_it_goes_where_the_pin_goes_after_a_card_once(door: Door) -> None:
    alder = door.people.alder
    door.people.change_account(alder, card_needs_pin=True)
    door.gives()

    async def tap(pin: str | None = None, reader: str = "reader-1") -> Authenticated:
        call = AuthenticateCard(door.calls.header(), alder.id, ADAS_CARD, ReaderId(reader), pin)
        return await door.calls.ask(call)

    assert (await tap()).reason == "pin-needed"
    assert (await tap(OTHER_CODE)).reason == "wrong-password"
    assert door.used == []
    taken = await tap(f"{CODE[:4]} {CODE[4:]}")
    assert (taken.ok, taken.reason, taken.username) == (True, "code", "ada")
    assert len(door.used) == 1
    assert (await tap(CODE)).reason == "wrong-password"
    assert (await tap(PIN)).reason == "ok"


async def test_without_a_card_of_theirs_a_code_is_nothing_at_a_reader(door: Door) -> None:
    alder = door.people.alder
    door.people.change_account(alder, card_needs_pin=True)
    door.gives(username="ben")  # The card is Ada's.
    call = AuthenticateCard(door.calls.header(), alder.id, ADAS_CARD, ReaderId("reader-1"), CODE)
    assert (await door.calls.ask(call)).reason == "wrong-password"
    assert door.used == []


async def test_the_audit_says_that_it_was_a_code_and_not_which(door: Door) -> None:
    door.gives()
    await door.types(CODE)
    await door.types(PASSWORD)
    await door.audit.flush()
    assert [row.detail for row in door.audited] == [
        {"reason": "ok", "with": "code"},
        {"reason": "ok", "with": "password"},
    ]
    assert CODE not in repr(door.audited) + repr(door.used)
    assert "argon2" not in repr(door.people.alder.users["ada"].code)
    assert PIN not in repr(door.audited)
