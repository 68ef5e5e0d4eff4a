"""Who may see and change what over IPP; pure rules.

IPP does not walk around the card (the operations of an owner at a printer are elsewhere): a
verified user has all jobs of theirs; somebody who only claims a name has the jobs claimed by that
name from the same address, with their titles masked; an operator is a verified user with that
right, over TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.jobs.model import Actor, Job
from shared.i18n import gettext as _
from shared.messages.records import AccountRecord, IdentityPolicy, QueueRecord, UserRecord

VERIFIED, CLAIMED, UNKNOWN = "verified", "claimed", "unknown"


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks, as far as we know."""

    identity: str  # verified | claimed | unknown (nobody was named)
    address: str
    secure: bool  # the request came in TLS
    loopback: bool
    user: UserRecord | None = None  # the verified user, or the known one of the claimed name
    name: str = ""  # canonical; of the user, or as claimed
    by_token: bool = False  # verified by a print token, which makes nobody an operator

    @property
    def is_verified(self) -> bool:
        return self.identity == VERIFIED

    @property
    def is_operator(self) -> bool:
        if not self.is_verified or self.by_token or not self.secure:
            return False
        return self.user is not None and self.user.is_operator

    @property
    def may_sign_in(self) -> bool:
        """Whether a password may be asked for: it would not cross the network in clear."""
        return self.secure or self.loopback

    def actor(self) -> Actor:
        user_id = self.user.id if self.user is not None and self.is_verified else None
        return Actor("ipp", user_id=user_id, name=self.name, address=self.address)


def must_sign_in(account: AccountRecord, queue: QueueRecord, *, secure: bool) -> bool:
    """Whether the queue takes nobody's word for who they are."""
    if queue.identity is IdentityPolicy.SIGN_IN or not account.claimed_allowed:
        return True
    return queue.identity is IdentityPolicy.SIGN_IN_OVER_TLS and secure


def is_known_enough(account: AccountRecord, queue: QueueRecord, requester: Requester) -> bool:
    """Whether the requester has said who they are in the way that the queue wants."""
    return requester.is_verified or not must_sign_in(account, queue, secure=requester.secure)


def may_use(queue: QueueRecord, user: UserRecord | None) -> bool:
    """Whether the user may print to the queue; a queue without a list is for the account."""
    if user is None:
        return not queue.user_ids and not queue.group_ids
    if not user.enabled:
        return False
    if not queue.user_ids and not queue.group_ids:
        return True
    return user.id in queue.user_ids or bool(set(user.group_ids) & set(queue.group_ids))


def closed_words() -> str:
    """Say why a queue of a closed account takes nothing, and what still works."""
    return _("This account is closed: nothing new is taken; waiting jobs can still be printed.")


def no_printer_words() -> str:
    """Say why a direct queue takes nothing before it has a printer."""
    return _("This queue has no printer yet.")


def owns(requester: Requester, job: Job) -> bool:
    """Whether the job is the requester's, as far as IPP may know."""
    if requester.is_verified:
        return requester.user is not None and job.owner_id == requester.user.id
    return (
        requester.identity == CLAIMED
        and job.identity == CLAIMED
        and job.claimed_name == requester.name
        and job.source.address == requester.address
    )


def may_see(requester: Requester, job: Job) -> bool:
    return requester.is_operator or owns(requester, job)


def may_change(requester: Requester, job: Job) -> bool:
    """Whether the requester may hold, release or cancel the job."""
    return requester.is_operator or owns(requester, job)


def may_read_title(requester: Requester) -> bool:
    """Whether titles are shown: not to somebody whose name is only claimed."""
    return requester.is_verified
