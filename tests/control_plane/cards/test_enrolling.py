"""Cards that people made theirs at a terminal: who is told of first has it, the rest is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from control_plane import tenants
from control_plane import vault as vaults
from control_plane.accounts import secrets
from control_plane.accounts import service as accounts
from control_plane.accounts.models import Account
from control_plane.accounts.schemas import AccountChanges
from control_plane.audit import service as audit
from control_plane.audit.words import sentence
from control_plane.cards import enrolling, rekeying
from control_plane.cards import service as cards
from control_plane.cards.models import Card
from control_plane.cards.schemas import NewCard
from control_plane.cli import main as spoolhouse
from control_plane.database import Database, sqlite_url, utc_now
from control_plane.feed.models import FeedRow
from control_plane.gateways.service import NotServedError
from control_plane.users import service as users
from control_plane.users.models import User
from control_plane.users.schemas import UserChanges
from control_plane.vault import Vault, VaultError
from shared.crypto import sealing
from shared.ids import CardId, PrinterId, UserId, new_id
from shared.messages.events import CardEnrolled
from shared.messages.records import UnknownCards, account_stream, card_context
from tests.support.houses import TESTER, House, Town
from tests.support.web import an_app, give_domains, signed_in

VAULT = Vault(b"k" * 32)
NUMBER = "04FFEEDDCCBB80"


@pytest.fixture(autouse=True)
def wanted(database: Database, town: Town) -> None:
    vaults.keep(database, VAULT)
    wants(database, town.alder, UnknownCards.ENROL)


def wants(database: Database, house: House, policy: UnknownCards) -> None:
    with database.writing() as session:
        body = AccountChanges(unknown_cards=policy)
        accounts.update(session, house.account.id, body, TESTER, vault=VAULT)


def enrolled(house: House, user: User, number: str = NUMBER) -> CardEnrolled:
    card_id, account_id = CardId(new_id()), house.account.id
    key = secrets.card_sealing_key(VAULT, account_id).public
    sealed = sealing.seal(key, number.encode(), card_context(account_id, card_id))
    return CardEnrolled(
        card_id, account_id, UserId(user.id), sealed, "ab" * 32, number[-4:], utc_now(),
        PrinterId(house.printer.id),
    )  # fmt: skip


def tell(database: Database, house: House, *facts: CardEnrolled) -> None:
    with database.writing() as session:
        enrolling.on_enrolled(session, house.gateway.id, facts)


def owner_of(database: Database, house: House, number: str = NUMBER) -> str | None:
    with database.reading() as session:
        card = cards.find_by_number(session, house.account.id, number, vault=VAULT)
        return card.user_id if card else None


def refusals(database: Database, house: House) -> list[tuple[str, str]]:
    with database.reading() as session:
        rows = audit.list_events(session, tenants.account(house.account.id)).items
        return [
            (sentence(row, {"u": ""}), row.detail["reason"])
            for row in rows
            if row.event == "card.enrolment-refused"
        ]


def told_to_gateways(database: Database, fact: CardEnrolled) -> bool | None:
    """Whether gateways have the card; None: they were told of nothing."""
    with database.reading() as session:
        key = (account_stream(fact.account_id), "card", fact.card_id)
        row = session.get(FeedRow, key)
        return None if row is None else not row.deleted


def test_the_card_is_theirs_with_last_four_and_where_and_gateways_hear_of_it(
    database: Database, town: Town
) -> None:
    fact = enrolled(town.alder, town.ada)
    tell(database, town.alder, fact)
    assert owner_of(database, town.alder) == town.ada.id
    assert told_to_gateways(database, fact) is True
    with database.reading() as session:
        card = cards.get_card(session, town.alder.account.id, fact.card_id)
        assert (card.last4, card.enrolled_printer_id) == ("BB80", town.alder.printer.id)
        assert cards.open_number(card, VAULT).hex == NUMBER
        event = audit.list_events(session, tenants.account(town.alder.account.id)).items[0]
        said = sentence(event, {town.ada.id: "Ada"})
    assert said == "Ada made the card …BB80 theirs at a terminal"


def test_it_is_hashed_anew_with_all_others(database: Database, town: Town) -> None:
    tell(database, town.alder, enrolled(town.alder, town.ada))
    with database.writing() as session:
        rekeying.change_key(session, town.alder.account.id, TESTER, vault=VAULT)
    assert owner_of(database, town.alder) == town.ada.id
    # And one that was enrolled under the key before, and is told of after it.
    tell(database, town.alder, enrolled(town.alder, town.ben, "04FFEEDDCCBB99"))
    assert owner_of(database, town.alder, "04FFEEDDCCBB99") == town.ben.id


def test_of_two_people_with_one_card_the_first_told_has_it_and_the_other_is_refused(
    database: Database, town: Town
) -> None:
    first, second = enrolled(town.alder, town.ben), enrolled(town.alder, town.ada)
    tell(database, town.alder, first)
    tell(database, town.alder, second)
    assert owner_of(database, town.alder) == town.ben.id
    assert told_to_gateways(database, first) is True
    assert told_to_gateways(database, second) is False
    assert [why for _, why in refusals(database, town.alder)] == ["card-taken"]


def test_the_same_person_at_two_gateways_has_one_card_and_is_refused_nothing(
    database: Database, town: Town
) -> None:
    first, second = enrolled(town.alder, town.ada), enrolled(town.alder, town.ada)
    tell(database, town.alder, first, second)
    assert told_to_gateways(database, second) is False
    assert refusals(database, town.alder) == []


def test_told_twice_it_is_one_card_and_one_refusal(database: Database, town: Town) -> None:
    good, bad = enrolled(town.alder, town.ada), enrolled(town.alder, town.ben)
    for _ in range(2):
        tell(database, town.alder, good)
        tell(database, town.alder, bad)
    with database.reading() as session:
        assert len(session.scalars(select(Card)).all()) == 1
    assert len(refusals(database, town.alder)) == 1


def test_a_card_that_was_given_or_taken_away_by_an_administrator_stays_so(
    database: Database, town: Town
) -> None:
    alder = town.alder.account.id
    with database.writing() as session:
        new = NewCard(user_id=town.ben.id, number=NUMBER)
        card = cards.create(session, alder, new, TESTER, vault=VAULT)
    tell(database, town.alder, enrolled(town.alder, town.ada))
    assert owner_of(database, town.alder) == town.ben.id
    with database.writing() as session:
        cards.revoke(session, alder, card.id, TESTER)
    tell(database, town.alder, enrolled(town.alder, town.ben))
    assert owner_of(database, town.alder) is None
    assert sorted(why for _, why in refusals(database, town.alder)) == ["card-taken", "revoked"]
    with database.writing() as session:  # An administrator may give it out again.
        cards.create(session, alder, new, TESTER, vault=VAULT)
    assert owner_of(database, town.alder) == town.ben.id


def test_where_it_is_not_wanted_any_more_it_is_refused(database: Database, town: Town) -> None:
    wants(database, town.alder, UnknownCards.REFUSE)
    fact = enrolled(town.alder, town.ada)
    tell(database, town.alder, fact)
    assert owner_of(database, town.alder) is None
    assert told_to_gateways(database, fact) is False
    assert [why for _, why in refusals(database, town.alder)] == ["not-wanted"]


def test_a_switched_off_person_another_accounts_person_and_no_card_are_refused(
    database: Database, town: Town
) -> None:
    house = town.alder
    with database.writing() as session:
        tenant = tenants.account(house.account.id)
        off = UserChanges(enabled=False)
        users.update(session, tenant, town.ben.id, off, TESTER, vault=VAULT)
    sealed_for_another = replace(enrolled(house, town.ada), card_id=CardId(new_id()))
    facts = [
        enrolled(house, town.ben),
        enrolled(house, town.cleo),
        enrolled(house, town.ada, "08A1B2C3"),
        sealed_for_another,
    ]
    tell(database, house, *facts)
    whys = [why for _, why in refusals(database, house)]
    assert sorted(whys) == ["disabled", "no-card", "no-card", "unknown-user"]
    with database.reading() as session:
        assert session.scalars(select(Card)).all() == []


def test_a_gateway_speaks_of_accounts_that_it_serves_alone(database: Database, town: Town) -> None:
    fact = enrolled(town.alder, town.ada)
    with pytest.raises(NotServedError):
        tell(database, town.cedar, fact)
    assert owner_of(database, town.alder) is None
    tell(database, town.alder, fact)
    assert owner_of(database, town.alder) == town.ada.id


def test_without_the_data_key_nothing_is_decided(town: Town, database: Database) -> None:
    bare = Database(str(database.engine.url.render_as_string(hide_password=False)))
    try:
        with pytest.raises(VaultError):
            tell(bare, town.alder, enrolled(town.alder, town.ada))
    finally:
        bare.close()
    tell(database, town.alder, enrolled(town.alder, town.ada))
    assert owner_of(database, town.alder) == town.ada.id


def test_no_gateway_gets_what_opens_the_numbers(database: Database, town: Town) -> None:
    private = secrets.card_sealing_key(VAULT, town.alder.account.id).private
    with database.reading() as session:
        known = secrets.open_secrets(session, VAULT, town.alder.account.id)
        record = accounts.record_of(accounts.get_account(session, town.alder.account.id))
    assert private not in {secret.secret for secret in known}
    assert record.card_sealing_key == sealing.public_key(private)


def test_the_settings_page_says_what_becomes_of_an_unknown_card(
    database: Database, town: Town, tmp_path: Path
) -> None:
    wants(database, town.alder, UnknownCards.REFUSE)
    give_domains(database, town)
    ada = signed_in(an_app(tmp_path, database, VAULT), database, "alder.localhost", town.ada)
    page = ada.get("/settings").text
    assert 'name="unknown_cards"' in page
    form = {
        "name": "Alder", "language": "en", "time_zone": "UTC",
        "retention_seconds": "86400", "offline_limit_seconds": "",
    }  # fmt: skip
    assert ada.post("/settings", data={**form, "unknown_cards": "anything"}).status_code == 422
    assert ada.post("/settings", data={**form, "unknown_cards": "enrol"}).status_code == 303
    with database.reading() as session:
        account = accounts.get_account(session, town.alder.account.id)
        assert (account.unknown_cards, bool(account.card_sealing_key)) == ("enrol", True)


def test_a_persons_page_says_where_they_enrolled_their_card(
    database: Database, town: Town, tmp_path: Path
) -> None:
    tell(database, town.alder, enrolled(town.alder, town.ben))
    give_domains(database, town)
    ada = signed_in(an_app(tmp_path, database, VAULT), database, "alder.localhost", town.ada)
    assert "enrolled by themselves: Hall" in ada.get(f"/users/{town.ben.id}").text


@pytest.mark.parametrize("policy", ["enrol", "refuse"])
def test_the_command_line_sets_it(tmp_path: Path, policy: str) -> None:
    folder = tmp_path / "primary"
    state = ["--state", str(folder), "--json"]
    for words in (
        ["vendor", "create", "--name", "Vic"],
        ["account", "create", "--vendor", "Vic", "--name", "Alder", "--short-name", "alder"],
    ):
        assert spoolhouse([*words, *state]) == 0
    assert (
        spoolhouse(["account", "set", "--account", "alder", "--unknown-cards", policy, *state]) == 0
    )
    database = Database(sqlite_url(folder / "spoolhouse.db"))
    try:
        with database.reading() as session:
            assert session.scalars(select(Account.unknown_cards)).one() == policy
    finally:
        database.close()
