"""A new key for the card hashes of an account: a gateway was stolen, or it is simply time.

Each card's number lies here sealed, so every hash is made anew in one transaction. Gateways keep
the key before beside the new one and try both: whichever of the two hashes has reached them, a
tap finds its card. Older keys are taken back from them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.orm import Session

from control_plane import bulk, tenants
from control_plane.accounts import secrets
from control_plane.accounts import service as accounts
from control_plane.audit import service as audit
from control_plane.audit.actor import Actor
from control_plane.cards import service
from control_plane.cards.models import Card
from control_plane.feed import service as feed
from control_plane.gateways import service as gateways
from control_plane.vault import Vault
from shared import cards
from shared.ids import AccountId
from shared.messages.records import account_stream
from shared.secrets import KEY_BYTES

_KEPT: Final = 2  # keys at gateways: the new one, and the one before


@dataclass(frozen=True, slots=True)
class CardKey:
    """Which key hashes the cards of an account, and how many cards it hashes."""

    version: int
    cards: int


def current(session: Session, account_id: AccountId) -> CardKey:
    account = accounts.get_account(session, account_id)
    return CardKey(account.hash_key_version, service.count_used(session, account_id))


def change_key(session: Session, account_id: AccountId, by: Actor, *, vault: Vault) -> CardKey:
    """Make a new key and every card's hash anew; gateways that are heard follow within seconds."""
    account = accounts.get_account(session, account_id)
    old = secrets.get_secret(session, vault, account_id, secrets.CARD_HMAC)
    version, key = old.version + 1, os.urandom(KEY_BYTES)
    secrets.set_secret(session, vault, account_id, secrets.CARD_HMAC, key, version=version)
    oldest = version - _KEPT + 1
    secrets.forget_older(session, account_id, secrets.CARD_HMAC, oldest)
    gateways.renew_secrets(session, account_id, vault=vault)
    count = _hash_anew(session, account_id, key, version, vault)
    account.hash_key_version = version
    session.flush()
    feed.publish(session, account_stream(account_id), accounts.record_of(account))
    audit.record(
        session, tenants.account(account_id), "card.key-changed", by, subject_kind="account",
        subject_id=account_id, detail={"version": version, "cards": count},
    )  # fmt: skip
    return CardKey(version, count)


def _hash_anew(
    session: Session, account_id: AccountId, key: bytes, version: int, vault: Vault
) -> int:
    """Hash all cards with the new key, revoked ones too; returns how many are in use."""
    rows, records = [], []
    for card in service.list_all(session, account_id):
        card_hash = cards.card_hash(key, service.open_number(card, vault))
        rows.append(
            {
                "id": card.id,
                "version": card.version + 1,
                "card_hash": card_hash,
                "hash_key_version": version,
            }
        )
        if card.revoked_at is None:
            record = service.record_of(card)
            records.append(replace(record, card_hash=card_hash, hash_key_version=version))
    bulk.update(session, Card, rows)
    session.expire_all()
    return feed.publish_all(session, account_stream(account_id), records)
