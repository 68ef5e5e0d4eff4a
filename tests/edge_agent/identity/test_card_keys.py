"""While the key of the cards changes, a tap finds its card by the old hash and by the new one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shared import cards
from shared.ids import CardId, new_id
from shared.messages.records import SecretRecord, gateway_stream
from tests.support.people import CARD_KEY, People, people

NEW_KEY = b"n" * 32
NUMBERS = {"ada": cards.canonical("04A224B2C35E80"), "ben": cards.canonical("04B17C6A915D80")}


def give_cards(site: People) -> None:
    """Ada's card is hashed with the old key, Ben's has been hashed with the new one."""
    for (name, number), key in zip(NUMBERS.items(), (CARD_KEY, NEW_KEY), strict=True):
        card = replace(
            next(iter(site.alder.cards.values())),
            id=CardId(new_id()),
            user_id=site.alder.users[name].id,
            card_hash=cards.card_hash(key, number),
        )
        site.feed.put(site.alder.stream, card)


def give_key(site: People) -> None:
    record_id = f"{site.alder.id}/card-hmac/2"
    secret = SecretRecord(record_id, site.alder.id, "card-hmac", 2, NEW_KEY)
    site.feed.put(gateway_stream(site.gateway_id), secret)


def found(site: People) -> set[str]:
    holders = [site.directory.user_by_card(site.alder.id, number) for number in NUMBERS.values()]
    return {holder.user.username for holder in holders if holder is not None}


def test_both_keys_count_while_both_are_here(tmp_path: Path) -> None:
    site = people(tmp_path)
    give_cards(site)
    assert found(site) == {"ada"}
    give_key(site)
    assert found(site) == {"ada", "ben"}
    old = f"{site.alder.id}/card-hmac/1"
    site.feed.remove(gateway_stream(site.gateway_id), SecretRecord, old)
    assert found(site) == {"ben"}
