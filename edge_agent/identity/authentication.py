"""Who is it? Answers by card, card and PIN, user name and password or PIN; always offline.

Nothing here waits for the primary: the replica is what is known, and the account says for how
long that is good enough.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from edge_agent.audit import Audit
from edge_agent.calls import Calls
from edge_agent.identity import answers
from edge_agent.identity.codes import Codes
from edge_agent.identity.counters import Attempt, Counters
from edge_agent.identity.directory import CardHolder, Directory, MissingSecretError
from edge_agent.identity.enrolling import Enrolling
from edge_agent.identity.print_tokens import Presented, PrintTokens
from edge_agent.service import Health
from shared import cards, secrets
from shared.clock import Clock
from shared.i18n import gettext as _
from shared.i18n import reading_as
from shared.ids import AccountId, QueueId
from shared.messages.calls import (
    AuthenticateCard,
    Authenticated,
    AuthenticatePassword,
    CallHeader,
    EnrolCard,
)
from shared.messages.records import AccountRecord, UserRecord

BASIC_SECONDS: Final = 300.0
BASIC_REMEMBERED: Final = 4096
VERIFIERS: Final = 2
WAITING: Final = 64
LONGEST_PASSWORD: Final = 1024


@dataclass(slots=True)
class _Basic:
    """Somebody who signed in moments ago; the key of the entry is a keyed digest."""

    until: float
    account_id: AccountId
    answer: Authenticated


class Authentication:
    """The Authentication service."""

    name = "authentication"

    # One object for the life of the process: intake keeps it while the service comes and goes.
    def __init__(
        self,
        state_dir: Path,
        directory: Directory,
        calls: Calls,
        audit: Audit,
        clock: Clock,
        *,
        enrolling: Enrolling,
        codes: Codes,
    ) -> None:
        self._path = state_dir / "identity.db"
        self._directory = directory
        self._calls = calls
        self._audit = audit
        self._clock = clock
        self._enrolling = enrolling
        self._codes = codes
        self._counters: Counters | None = None
        self._verifiers = ThreadPoolExecutor(VERIFIERS, thread_name_prefix="argon2")
        self._queue = asyncio.Semaphore(WAITING)
        self._digest_key = os.urandom(32)
        self._basic: OrderedDict[bytes, _Basic] = OrderedDict()
        self._tokens = PrintTokens(directory, audit, clock)
        self._generation = 0
        self._subscribed = False

    async def start(self) -> None:
        if self._counters is None:
            self._counters = Counters(self._path, self._clock)
        if not self._subscribed:
            self._subscribed = True
            self._directory.subscribe(self._on_change)
        self._calls.register(AuthenticateCard, self.authenticate_card)
        self._calls.register(AuthenticatePassword, self.authenticate_password)
        self._calls.register(EnrolCard, self.enrol_card)
        await self._enrolling.start()

    async def stop(self) -> None:
        self._calls.unregister(AuthenticateCard)
        self._calls.unregister(AuthenticatePassword)
        self._calls.unregister(EnrolCard)
        await self._enrolling.stop()
        self._forget_basic()
        if self._counters is not None:
            self._counters.close()
            self._counters = None

    def health(self) -> Health:
        if self._counters is None:
            return Health(ok=False, says=_("Sign-in does not run."))
        return Health(
            ok=True,
            says=_("Cards and passwords are checked here, also offline."),
            figures={"remembered_sign_ins": len(self._basic)},
        )

    async def authenticate_card(self, call: AuthenticateCard) -> Authenticated:
        """Whose card is it, and may it sign in?"""
        account = self._directory.account(call.account_id)
        with reading_as(account.language if account else None):
            refused = self._refuse_account(call.account_id, account)
            if refused is not None or account is None:
                return refused or answers.unknown_card()
            reader = call.reader_id or ""
            locked = await self._db.locked_cards(reader)
            if locked is not None:
                return answers.locked_out(locked)
            card = _card_of(call.card_number)
            try:
                known = self._directory.user_by_card
                holder = known(call.account_id, card) if card is not None else None
            except MissingSecretError:
                return answers.not_yet()
            if holder is None:
                await self._db.unknown_card(reader)
                if card is not None and self._enrolling.may(account, card):
                    return answers.may_enrol()
                return answers.unknown_card(self._directory.knowledge_age(call.account_id))
        with reading_as(holder.user.language or account.language):
            return await self._card_holder(call, account, holder)

    async def authenticate_password(self, call: AuthenticatePassword) -> Authenticated:
        """User name with password, PIN or one-time code; counted per person, device and both."""
        account = self._directory.account(call.account_id)
        with reading_as(account.language if account else None):
            refused = self._refuse_account(call.account_id, account)
            if refused is not None:
                return refused
            try:
                username = secrets.canonical_username(call.username)
            except ValueError:
                username = hashlib.sha256(call.username.encode(errors="replace")).hexdigest()
            user = self._directory.user_by_name(call.account_id, username)
            language = user.language if user else None
        with reading_as(language or (account.language if account else None)):
            stored = _secret_of(user, call)
            attempt = Attempt(call.account_id, username, call.device, _version(stored))
            code = secrets.read_sign_in_code(call.password) if _is_at_printer(call) else None
            answer = await self._verify(attempt, user, stored, call.password, code=code)
        self._audit_sign_in(call, user, answer)
        return answer

    async def enrol_card(self, call: EnrolCard) -> Authenticated:
        """Sign somebody in by name, and make the card theirs; attempts count as any sign-in."""
        account = self._directory.account(call.account_id)
        card = _card_of(call.card_number)
        if account is None or card is None or not self._enrolling.may(account, card):
            with reading_as(account.language if account else None):
                return answers.unknown_card()
        by_name = AuthenticatePassword(
            call.header, call.account_id, call.username, call.password, call.device
        )
        who = await self.authenticate_password(by_name)
        if not who.ok:
            return who
        with reading_as(who.language):
            return await self._enrolling.enrol(call, account, who, self._db)

    async def verify_basic(
        self, account_id: AccountId, username: str, password: str, source: str
    ) -> Authenticated:
        """Check the credentials of an HTTP request; right ones are remembered for minutes.

        What is remembered is a keyed digest, and any change in the account's directory drops it.
        """
        if self._counters is None:
            return answers.not_yet()
        digest = self._digest(account_id, username, password)
        known = self._basic.get(digest)
        if known is not None and self._clock.monotonic() < known.until:
            if not self._directory.is_knowledge_too_old(account_id):
                return known.answer
            self._basic.pop(digest, None)
        generation = self._generation
        header = CallHeader(self._clock.now(), "")
        device = f"source:{_network(source)}"
        call = AuthenticatePassword(header, account_id, username, password, device)
        answer = await self.authenticate_password(call)
        if answer.ok and generation == self._generation:
            until = self._clock.monotonic() + BASIC_SECONDS
            self._basic[digest] = _Basic(until, account_id, answer)
            while len(self._basic) > BASIC_REMEMBERED:
                self._basic.popitem(last=False)
        return answer

    async def verify_token(
        self, account_id: AccountId, queue_id: QueueId, token: str, source: str
    ) -> Authenticated:
        """Check the print token in a queue's path."""
        if self._counters is None:
            return answers.not_yet()
        shown = Presented(account_id, queue_id, token, source, f"source:{_network(source)}")
        return await self._tokens.verify(shown, self._counters)

    @property
    def _db(self) -> Counters:
        if self._counters is None:
            raise OSError("sign-in has not started")
        return self._counters

    async def _card_holder(
        self, call: AuthenticateCard, account: AccountRecord, holder: CardHolder
    ) -> Authenticated:
        user = holder.user
        if not user.enabled:
            return replace(answers.disabled(), card_id=holder.card.id, user_id=user.id)
        if not account.card_needs_pin:
            return replace(answers.welcome(user, account), card_id=holder.card.id)
        if call.pin is None:
            return Authenticated(
                ok=False,
                says=_("Please enter your PIN."),
                reason="pin-needed",
                user_id=user.id,
                display_name=user.display_name,
                card_id=holder.card.id,
                language=user.language or account.language,
            )
        device = call.reader_id or "card"
        attempt = Attempt(call.account_id, user.username, device, _version(user.pin_hash))
        code = secrets.read_sign_in_code(call.pin)
        answer = await self._verify(attempt, user, user.pin_hash, call.pin, code=code)
        if answer.reason == "wrong-password":
            answer = replace(answer, says=_("The PIN is not right."))
        return replace(answer, card_id=holder.card.id)

    async def _verify(
        self,
        attempt: Attempt,
        user: UserRecord | None,
        stored: str | None,
        secret: str,
        *,
        code: str | None = None,
    ) -> Authenticated:
        """Look at the secret, unless a lock forbids it; unknown people cost the same time.

        ``code``: the digits of the secret, where they may be those of a one-time code.
        """
        if self._queue.locked():
            return Authenticated(
                ok=False, says=_("Many people are signing in. Please try again."), reason="busy"
            )
        async with self._queue:
            try:
                pepper = self._directory.pepper(attempt.account_id)
            except MissingSecretError:
                return answers.not_yet()
            locked = await self._db.begin(attempt)
            if locked is not None:
                return answers.locked_out(locked)
            right, by_code = await self._compare(pepper, secret, stored), False
            if not right and code is not None:
                right = by_code = await self._use_code(attempt.account_id, user, pepper, code)
            if right:
                await self._db.succeeded(attempt)
        account = self._directory.account(attempt.account_id)
        if user is None or not right or account is None:
            reason = "wrong-password" if user is not None else "unknown-user"
            return Authenticated(
                ok=False, says=_("The name or the password is not right."), reason=reason
            )
        if not user.enabled:
            return replace(answers.disabled(), user_id=user.id)
        welcome = answers.welcome(user, account)
        return replace(welcome, reason="code") if by_code else welcome

    async def _use_code(
        self, account_id: AccountId, user: UserRecord | None, pepper: bytes, digits: str
    ) -> bool:
        """Whether it is the person's one-time code, which then is used up."""
        code = self._codes.of(self._directory.account(account_id), user)
        right = await self._compare(pepper, digits, code.hash if code else None)
        if user is None or code is None or not right:
            return False
        return await self._codes.use(account_id, user.id, code, self._db)

    async def _compare(self, pepper: bytes, secret: str, stored: str | None) -> bool:
        return await asyncio.get_running_loop().run_in_executor(
            self._verifiers, _is_right, pepper, secret, stored
        )

    def _refuse_account(
        self, account_id: AccountId, account: AccountRecord | None
    ) -> Authenticated | None:
        if account is None:
            return Authenticated(
                ok=False, says=_("This place does not serve you."), reason="unknown-account"
            )
        if self._directory.is_knowledge_too_old(account_id):
            return answers.knowledge_too_old()
        return None

    def _audit_sign_in(
        self, call: AuthenticatePassword, user: UserRecord | None, answer: Authenticated
    ) -> None:
        typed = "pin" if call.is_pin else "password"
        self._audit.record(
            "sign-in.accepted" if answer.ok else "sign-in.refused",
            ok=answer.ok,
            source=call.device,
            account_id=call.account_id,
            user_id=user.id if user else None,
            detail={
                "reason": "ok" if answer.ok else answer.reason,
                "with": "code" if answer.reason == "code" else typed,
            },
        )

    def _digest(self, account_id: AccountId, username: str, password: str) -> bytes:
        text = f"{account_id}\0{username}\0{password}".encode(errors="surrogatepass")
        return hmac.digest(self._digest_key, text, "sha256")

    def _on_change(self, _stream: str, _kinds: object) -> None:
        self._forget_basic()

    def _forget_basic(self) -> None:
        self._generation += 1
        self._basic.clear()
        self._tokens.forget()


def _is_right(pepper: bytes, secret: str, stored: str | None) -> bool:
    # Half a surrogate pair, which JSON can carry, is no text and in nobody's password.
    text = secret[:LONGEST_PASSWORD].encode(errors="replace").decode()
    if stored is None or text != secret:
        secrets.waste_time(pepper, text)
        return False
    return secrets.verify_password(pepper, text, stored)


def _card_of(number: str) -> cards.Card | None:
    try:
        return cards.canonical(number)
    except ValueError:
        return None


def _secret_of(user: UserRecord | None, call: AuthenticatePassword) -> str | None:
    """Choose what the secret is compared with; who has only a PIN signs in by it at a printer."""
    if user is None:
        return None
    if call.is_pin or (_is_at_printer(call) and user.password_hash is None):
        return user.pin_hash
    return user.password_hash


def _is_at_printer(call: AuthenticatePassword) -> bool:
    return call.device.startswith("terminal:")


def _version(stored: str | None) -> str:
    return hashlib.sha256(stored.encode()).hexdigest()[:16] if stored else ""


def _network(address: str) -> str:
    """Count an IPv6 neighbour by its /64: it has as many addresses as it likes."""
    if ":" not in address or address.startswith("::ffff:"):
        return address
    return ":".join(address.split(":")[:4])
