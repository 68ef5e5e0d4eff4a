"""Operations on subscriptions (RFC 3995 section 11, RFC 3996 section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from edge_agent.intake import attributes as a
from edge_agent.intake.desk import Desk, not_yours
from edge_agent.intake.ipp_call import IppCall, RefusedError
from edge_agent.intake.job_attributes import message_of, reasons_of, seconds, state_of
from edge_agent.intake.job_creation import check_is_known, check_is_somebody
from edge_agent.intake.subscriptions import (
    EVENTS,
    LONGEST_USER_DATA,
    Event,
    Subscription,
    TooManySubscriptionsError,
)
from shared.i18n import gettext as _
from shared.ipp.enums import PrinterState, Status
from shared.ipp.message import Attribute, Group, Message
from shared.ipp.tags import Tag
from shared.ipp.values import UNSUPPORTED, Enum, OctetString

GET_INTERVAL_SECONDS: Final = 5
_MOST_AT_ONCE: Final = 10


async def create_printer_subscriptions(desk: Desk, call: IppCall) -> Message:
    return _create(desk, call, None)


async def create_job_subscriptions(desk: Desk, call: IppCall) -> Message:
    number = call.asked.find_integer("notify-job-id")
    if number is None:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("The request names no job."))
    job = await desk.find_job(call, number)
    if job.state.is_final:
        raise RefusedError(Status.CLIENT_ERROR_NOT_POSSIBLE, _("This job is over."))
    return _create(desk, call, job.number)


def _create(desk: Desk, call: IppCall, job_number: int | None) -> Message:
    check_is_known(call)
    check_is_somebody(call)
    wanted = call.message.list_groups(Tag.SUBSCRIPTION)[:_MOST_AT_ONCE]
    if not wanted:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("The request names no subscription."))
    answers = [_create_one(desk, call, group, job_number) for group in wanted]
    made = [item for item in answers if "notify-subscription-id" in item]
    if not made:
        status = Status.CLIENT_ERROR_IGNORED_ALL_SUBSCRIPTIONS
    elif len(made) < len(answers):
        status = Status.SUCCESSFUL_OK_IGNORED_SUBSCRIPTIONS
    else:
        status = Status.SUCCESSFUL_OK
    return call.ok(answers, status=status)


def _create_one(desk: Desk, call: IppCall, wanted: Group, job_number: int | None) -> Group:
    asked = tuple(dict.fromkeys(wanted.list_words("notify-events")))
    events = tuple(name for name in asked if name in EVENTS)
    user_data = wanted.find_value("notify-user-data", OctetString)
    if wanted.find("notify-recipient-uri") or (
        wanted.find_keyword("notify-pull-method") not in (None, "ippget")
    ):
        return _refused(
            Status.CLIENT_ERROR_URI_SCHEME_NOT_SUPPORTED,
            Attribute("notify-recipient-uri", (UNSUPPORTED,)),
        )
    if user_data is not None and len(user_data.value) > LONGEST_USER_DATA:
        return _refused(
            Status.CLIENT_ERROR_REQUEST_VALUE_TOO_LONG,
            Attribute("notify-user-data", (UNSUPPORTED,)),
        )
    if asked and not events:
        return _refused(
            Status.CLIENT_ERROR_ATTRIBUTES_OR_VALUES_NOT_SUPPORTED,
            a.keyword("notify-events", *asked),
        )
    try:
        made = desk.subscriptions.create(
            call.target.account.id,
            call.target.queue.id,
            call.requester,
            events,
            language=call.language,
            lease_seconds=wanted.find_integer("notify-lease-duration"),
            user_data=user_data.value if user_data else b"",
            job_number=job_number,
        )
    except TooManySubscriptionsError:
        return _refused(Status.CLIENT_ERROR_TOO_MANY_SUBSCRIPTIONS)
    answer = [a.integer("notify-subscription-id", made.id)]
    if job_number is None:
        answer.append(a.integer("notify-lease-duration", made.lease_seconds))
    ignored = [name for name in asked if name not in EVENTS]
    if ignored:
        answer.append(a.keyword("notify-events", *ignored))
        answer.append(
            a.enum("notify-status-code", Status.SUCCESSFUL_OK_IGNORED_OR_SUBSTITUTED_ATTRIBUTES)
        )
    return Group(Tag.SUBSCRIPTION, tuple(answer))


def _refused(status: Status, *unsupported: Attribute) -> Group:
    code = Attribute("notify-status-code", (Enum(int(status)),))
    return Group(Tag.SUBSCRIPTION, (*unsupported, code))


async def get_subscription_attributes(desk: Desk, call: IppCall) -> Message:
    subscription = _find(desk, call)
    requested = call.asked.list_words("requested-attributes") or ("all",)
    return call.ok((_describe(desk, call, subscription, requested),))


async def get_subscriptions(desk: Desk, call: IppCall) -> Message:
    """List the requester's own; an operator's list has everybody's."""
    check_is_known(call)
    check_is_somebody(call)
    number = call.asked.find_integer("notify-job-id")
    requested = call.asked.list_words("requested-attributes") or ("notify-subscription-id",)
    limit = call.asked.find_integer("limit") or len(EVENTS) * 100
    found = [
        item
        for item in desk.subscriptions.list_of(call.target.queue.id)
        if item.is_of(call.requester) and item.job_number == number
    ]
    return call.ok(_describe(desk, call, item, requested) for item in found[: max(limit, 1)])


async def renew_subscription(desk: Desk, call: IppCall) -> Message:
    subscription = _find(desk, call)
    if subscription.job_number is not None:
        raise RefusedError(Status.CLIENT_ERROR_NOT_POSSIBLE, _("It lasts as long as its job."))
    wanted = call.message.group(Tag.SUBSCRIPTION)
    asked = wanted.find_integer("notify-lease-duration")
    if asked is None:
        asked = call.asked.find_integer("notify-lease-duration")
    desk.subscriptions.renew(subscription, asked)
    lease = a.integer("notify-lease-duration", subscription.lease_seconds)
    return call.ok((Group(Tag.SUBSCRIPTION, (lease,)),))


async def cancel_subscription(desk: Desk, call: IppCall) -> Message:
    desk.subscriptions.cancel(_find(desk, call))
    return call.ok()


async def get_notifications(desk: Desk, call: IppCall) -> Message:
    """Give the events that are kept; the client asks again after the interval."""
    numbers = call.asked.list_integers("notify-subscription-ids")
    if not numbers:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("The request names no subscription."))
    firsts = call.asked.list_integers("notify-sequence-numbers")
    groups: list[Group] = []
    for place, number in enumerate(numbers[:_MOST_AT_ONCE]):
        subscription = _find(desk, call, number)
        first = firsts[place] if place < len(firsts) else 1
        groups += _tell(desk, call, subscription, first)
    now = seconds(desk.clock.now()) or 1
    named = (
        a.integer("notify-get-interval", GET_INTERVAL_SECONDS),
        a.integer("printer-up-time", now),
    )
    return call.ok(groups, attributes=named)


def _tell(desk: Desk, call: IppCall, subscription: Subscription, first: int) -> Iterable[Group]:
    for event in desk.subscriptions.events_of(subscription, first):
        yield Group(
            Tag.EVENT_NOTIFICATION,
            (
                a.charset("notify-charset", "utf-8"),
                a.language("notify-natural-language", subscription.language),
                a.integer("notify-subscription-id", subscription.id),
                a.uri("notify-printer-uri", call.printer_uri),
                a.integer("notify-sequence-number", event.number),
                a.keyword("notify-subscribed-event", event.name),
                a.keyword("notify-event", event.name),
                Attribute("notify-user-data", (OctetString(subscription.user_data),)),
                a.text("notify-text", _text(event, call)),
                a.integer("printer-up-time", seconds(event.at) or 1),
                *(_of_job(event) if event.job is not None else _of_queue(desk, call)),
            ),
        )


def _text(event: Event, call: IppCall) -> str:
    if event.job is None:
        return _("The queue %(name)s has changed.", name=call.target.queue.name)
    return _("Job %(number)s: %(says)s", number=event.job.number, says=message_of(event.job))


def _of_job(event: Event) -> tuple[Attribute, ...]:
    job = event.job
    assert job is not None
    return (
        a.integer("notify-job-id", job.number),
        a.integer("job-id", job.number),
        a.enum("job-state", state_of(job)),
        a.keyword("job-state-reasons", *reasons_of(job)),
        a.integer("job-impressions-completed", job.impressions_completed or 0),
    )


def _of_queue(desk: Desk, call: IppCall) -> tuple[Attribute, ...]:
    status = desk.queues.status(call.target.queue.id)
    state = status.state(is_printing=False)
    paused = state is PrinterState.STOPPED
    return (
        a.enum("printer-state", state),
        a.keyword("printer-state-reasons", "paused" if paused else "none"),
        a.boolean(
            "printer-is-accepting-jobs",
            value=status.is_accepting and not call.target.account.is_closed,
        ),
    )


def _find(desk: Desk, call: IppCall, number: int | None = None) -> Subscription:
    check_is_known(call)
    if number is None:
        number = call.asked.find_integer("notify-subscription-id")
    if number is None:
        raise RefusedError(Status.CLIENT_ERROR_BAD_REQUEST, _("The request names no subscription."))
    found = desk.subscriptions.find(number, call.target.queue.id)
    if found is None:
        raise RefusedError(
            Status.CLIENT_ERROR_NOT_FOUND,
            _("There is no subscription %(number)s here.", number=number),
        )
    if not found.is_of(call.requester):
        raise not_yours(call.requester, _("This subscription belongs to somebody else."))
    return found


def _describe(
    desk: Desk, call: IppCall, subscription: Subscription, requested: Iterable[str]
) -> Group:
    s = subscription
    remaining = max(0, round(s.expires_at - desk.clock.monotonic()))
    now = seconds(desk.clock.now()) or 1
    described = [
        a.integer("notify-subscription-id", s.id),
        a.keyword("notify-events", *s.events),
        a.keyword("notify-pull-method", "ippget"),
        a.charset("notify-charset", "utf-8"),
        a.language("notify-natural-language", s.language),
        Attribute("notify-user-data", (OctetString(s.user_data),)),
        a.uri("notify-printer-uri", call.printer_uri),
        a.name("notify-subscriber-user-name", s.subscriber.name),
        a.integer("notify-sequence-number", s.kept[-1].number if s.kept else 0),
        a.integer("notify-printer-up-time", now),
    ]
    if s.job_number is None:
        described.append(a.integer("notify-lease-duration", s.lease_seconds))
        described.append(a.integer("notify-lease-expiration-time", now + remaining))
    else:
        described.append(a.integer("notify-job-id", s.job_number))
    wanted = set(requested)
    everything = bool(wanted & {"all", "subscription-template", "subscription-description"})
    return Group(
        Tag.SUBSCRIPTION, tuple(item for item in described if everything or item.name in wanted)
    )
