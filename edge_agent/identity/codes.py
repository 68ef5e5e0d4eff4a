"""One-time codes: who left the card at home types one at a printer, where the password goes.

A code is used up on disk, and the fact that ends it at the other gateways is durable, before
anybody is told yes. A gateway without a line knows the codes that it was told of; so while the line
is cut one code may work once at each of them, until it expires.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from edge_agent.identity.counters import Counters
from shared.clock import Clock
from shared.ids import AccountId, UserId
from shared.messages.events import SignInCodeUsed
from shared.messages.records import AccountRecord, SignInCode, UserRecord
from shared.secrets import SIGN_IN_CODE_SECONDS

Tell = Callable[[SignInCodeUsed], Awaitable[None]]
_SKEW_SECONDS: Final = 300  # between the primary's clock and ours


class Codes:
    """Which code is good now, and its end."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell

    def of(self, account: AccountRecord | None, user: UserRecord | None) -> SignInCode | None:
        """Tell by which code the person may sign in now."""
        if account is None or account.is_closed or user is None or not user.enabled:
            return None
        if user.code is None:
            return None
        left = (user.code.expires_at - self._clock.now()).total_seconds()
        # More than a code ever has: this box does not know the time, and would not see its end.
        return user.code if 0 < left <= SIGN_IN_CODE_SECONDS + _SKEW_SECONDS else None

    async def use(
        self, account_id: AccountId, user_id: UserId, code: SignInCode, counters: Counters
    ) -> bool:
        """Use the code up; False: somebody was faster."""
        if not await counters.uses_code(code.id):
            return False
        await self._tell(SignInCodeUsed(code.id, account_id, user_id, self._clock.now()))
        return True
