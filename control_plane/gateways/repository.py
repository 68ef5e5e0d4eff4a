from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from control_plane import bulk, tenants
from control_plane.gateways.models import Gateway, GatewayAccount, GatewayState
from control_plane.paging import DEFAULT_LIMIT, Column, Page, contains, paginate
from control_plane.tenants import Tenant
from shared.ids import AccountId, GatewayId, SiteId

MOST_AT_ONCE: Final = 1_000
_SORTS: Final[Mapping[str, Column]] = {"name": Gateway.name, "since": Gateway.created_at}


def get_by_id(session: Session, gateway_id: GatewayId) -> Gateway | None:
    """Whoever's it is: for the link, which knows a gateway by its certificate."""
    return session.get(Gateway, gateway_id)


def find_gateway(session: Session, tenant: Tenant, gateway_id: GatewayId) -> Gateway | None:
    """A gateway of one's own."""
    return session.scalars(
        select(Gateway).where(Gateway.tenant == str(tenant), Gateway.id == gateway_id)
    ).one_or_none()


def find_by_name(session: Session, tenant: Tenant, name: str) -> Gateway | None:
    return session.scalars(
        select(Gateway)
        .where(Gateway.tenant == str(tenant), Gateway.name == name, Gateway.revoked_at.is_(None))
        .limit(1)
    ).one_or_none()


def _visible_to(tenant: Tenant) -> Select[Gateway]:
    """A tenant's own, and for an account also those that serve it."""
    own = Gateway.tenant == str(tenant)
    if tenant.account_id is None:
        return select(Gateway).where(own)
    serving = select(GatewayAccount.gateway_id).where(
        GatewayAccount.account_id == tenant.account_id, GatewayAccount.ended_at.is_(None)
    )
    return select(Gateway).where(or_(own, Gateway.id.in_(serving)))


def find_visible(session: Session, tenant: Tenant, gateway_id: GatewayId) -> Gateway | None:
    return session.scalars(_visible_to(tenant).where(Gateway.id == gateway_id)).one_or_none()


def list_gateways(
    session: Session,
    tenant: Tenant,
    *,
    text: str | None = None,
    order: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Gateway]:
    query = _visible_to(tenant).where(Gateway.revoked_at.is_(None))
    if text:
        query = query.where(contains(Gateway.name, text))
    by = (Gateway.name, Gateway.id)
    return paginate(session, query, by, cursor=cursor, limit=limit, sorts=_SORTS, order=order)


def list_at(
    session: Session, tenant: Tenant, site_ids: Collection[SiteId], *, unplaced: bool
) -> Sequence[Gateway]:
    """List what stands at some sites by name, and where asked what stands at none."""
    query = _visible_to(tenant).where(Gateway.revoked_at.is_(None))
    at = Gateway.site_id.in_(site_ids)
    query = query.where(or_(at, Gateway.site_id.is_(None)) if unplaced else at)
    return session.scalars(query.order_by(Gateway.name, Gateway.id).limit(MOST_AT_ONCE)).all()


def find_serving(session: Session, account_id: AccountId, gateway_id: GatewayId) -> Gateway | None:
    return session.scalars(
        select(Gateway)
        .join(GatewayAccount, GatewayAccount.gateway_id == Gateway.id)
        .where(
            GatewayAccount.account_id == account_id,
            GatewayAccount.ended_at.is_(None),
            Gateway.id == gateway_id,
        )
    ).one_or_none()


def find_service(
    session: Session, gateway_id: GatewayId, account_id: AccountId
) -> GatewayAccount | None:
    return session.get(GatewayAccount, (gateway_id, account_id))


def ever_served(
    session: Session, ids: Collection[GatewayId]
) -> Sequence[tuple[GatewayId, AccountId]]:
    """Which accounts gateways serve or served."""
    query = select(GatewayAccount.gateway_id, GatewayAccount.account_id)
    query = query.where(bulk.among(session, GatewayAccount.gateway_id, ids))
    return [(row[0], row[1]) for row in session.execute(query)]


def now_served(
    session: Session, ids: Collection[GatewayId]
) -> Sequence[tuple[GatewayId, AccountId]]:
    """Which accounts gateways serve now."""
    query = select(GatewayAccount.gateway_id, GatewayAccount.account_id)
    query = query.where(bulk.among(session, GatewayAccount.gateway_id, ids))
    query = query.where(GatewayAccount.ended_at.is_(None)).order_by(GatewayAccount.account_id)
    return [(row[0], row[1]) for row in session.execute(query)]


def admitted(session: Session, ids: Collection[GatewayId]) -> set[GatewayId]:
    """Which of these are gateways: enrolled, and not revoked."""
    query = select(Gateway.id).where(bulk.among(session, Gateway.id, ids))
    query = query.where(Gateway.enrolled_at.is_not(None), Gateway.revoked_at.is_(None))
    return set(session.scalars(query))


def names_of_enrolled(session: Session, *, without: Collection[GatewayId]) -> list[str]:
    """Names of the gateways that may connect, but for some."""
    query = select(Gateway.id, Gateway.name).order_by(Gateway.name)
    query = query.where(Gateway.enrolled_at.is_not(None), Gateway.revoked_at.is_(None))
    return [row[1] for row in session.execute(query) if row[0] not in without]


def tenants_of(session: Session, ids: Collection[GatewayId]) -> dict[GatewayId, str]:
    """Whose gateways these are."""
    query = select(Gateway.id, Gateway.tenant).where(bulk.among(session, Gateway.id, ids))
    return {row[0]: row[1] for row in session.execute(query)}


def served_accounts(session: Session, gateway_id: GatewayId) -> Sequence[AccountId]:
    return session.scalars(
        select(GatewayAccount.account_id)
        .where(GatewayAccount.gateway_id == gateway_id, GatewayAccount.ended_at.is_(None))
        .order_by(GatewayAccount.account_id)
    ).all()


def serving_gateways(session: Session, account_id: AccountId) -> Sequence[Gateway]:
    return session.scalars(
        select(Gateway)
        .join(GatewayAccount, GatewayAccount.gateway_id == Gateway.id)
        .where(
            GatewayAccount.account_id == account_id,
            GatewayAccount.ended_at.is_(None),
            Gateway.revoked_at.is_(None),
        )
        .order_by(Gateway.id)
    ).all()


def states(session: Session, ids: Sequence[GatewayId]) -> dict[GatewayId, GatewayState]:
    rows = session.scalars(select(GatewayState).where(GatewayState.gateway_id.in_(ids)))
    return {row.gateway_id: row for row in rows}


def names(session: Session, account_id: AccountId, ids: Sequence[GatewayId]) -> dict[str, str]:
    rows = session.scalars(_visible_to(tenants.account(account_id)).where(Gateway.id.in_(ids)))
    return {gateway.id: gateway.name for gateway in rows}


def count_remembering(session: Session, account_id: AccountId) -> int:
    """Count the gateways that were told to forget an account, and have not said that they did."""
    return (
        session.scalar(
            select(func.count())
            .select_from(GatewayAccount)
            .join(Gateway, Gateway.id == GatewayAccount.gateway_id)
            .where(
                GatewayAccount.account_id == account_id,
                GatewayAccount.forgotten_at.is_(None),
                Gateway.enrolled_at.is_not(None),
                Gateway.revoked_at.is_(None),
            )
        )
        or 0
    )


def list_living(session: Session, tenant: Tenant) -> Sequence[Gateway]:
    """List all gateways of one's own that are not revoked."""
    own = select(Gateway).where(Gateway.tenant == str(tenant), Gateway.revoked_at.is_(None))
    return session.scalars(own.order_by(Gateway.id)).all()


def count_serving(session: Session, ids: Sequence[AccountId]) -> dict[AccountId, int]:
    """Count the gateways that serve each of some accounts."""
    rows = session.execute(
        select(GatewayAccount.account_id, func.count())
        .join(Gateway, Gateway.id == GatewayAccount.gateway_id)
        .where(
            GatewayAccount.account_id.in_(ids),
            GatewayAccount.ended_at.is_(None),
            Gateway.revoked_at.is_(None),
        )
        .group_by(GatewayAccount.account_id)
    )
    return {row[0]: row[1] for row in rows}


def count_accounts(session: Session, ids: Sequence[GatewayId]) -> dict[GatewayId, int]:
    """Count the accounts that each of some gateways serves."""
    rows = session.execute(
        select(GatewayAccount.gateway_id, func.count())
        .where(GatewayAccount.gateway_id.in_(ids), GatewayAccount.ended_at.is_(None))
        .group_by(GatewayAccount.gateway_id)
    )
    return {row[0]: row[1] for row in rows}


def count_served(session: Session, account_id: AccountId) -> dict[GatewayId, int]:
    """Count the accounts of each gateway that serves this one."""
    ours = select(GatewayAccount.gateway_id).where(
        GatewayAccount.account_id == account_id, GatewayAccount.ended_at.is_(None)
    )
    rows = session.execute(
        select(GatewayAccount.gateway_id, func.count())
        .where(GatewayAccount.gateway_id.in_(ours), GatewayAccount.ended_at.is_(None))
        .group_by(GatewayAccount.gateway_id)
    )
    return {row[0]: row[1] for row in rows}
