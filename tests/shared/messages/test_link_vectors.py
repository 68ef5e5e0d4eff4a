"""The bytes of docs/link.md, as both sides read and write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.crypto import sealing, signing
from shared.crypto.signing import Signer, Verifier
from shared.enrolment_code import EnrolmentCode, hash_secret, read_typed, write_typed
from shared.ids import GatewayId
from shared.messages import codec, envelope
from shared.messages.commands import Command
from shared.messages.envelope import Lane
from shared.messages.events import FACTS, CardEnrolled
from shared.messages.feed import FeedAsk, FeedPage
from shared.messages.hello import Ack, Hello, HelloAnswer, Presence
from shared.messages.records import card_context

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "link.json").read_text()
)
SIGNING = VECTORS["signing"]
DOWN = {
    "hello": HelloAnswer, "new-epoch": HelloAnswer, "ack": Ack, "feed": FeedPage,
    "command": Command,
}  # fmt: skip
UP = {"hello": Hello, "feed": FeedAsk, "presence": Presence}


def test_the_chain_of_rows() -> None:
    given = VECTORS["chain"]
    lane = Lane(given["lane"])
    chain = envelope.chain_start(GatewayId(VECTORS["gateway_id"]), lane, given["epoch"])
    chains = [chain.hex()]
    for row in given["rows"]:
        chain = envelope.chain_next(chain, row.encode())
        chains.append(chain.hex())
    assert chains == given["chains"]


def test_a_row_is_canonical_json() -> None:
    for text in VECTORS["chain"]["rows"]:
        row = json.loads(text)
        names = ("kind", "entity", "at", "body")
        values = [row[name] for name in names]
        assert envelope.encode_row(row["seq"], *values) == text.encode()


@pytest.mark.parametrize("kind", VECTORS["facts"])
def test_a_fact_is_read_and_written_as_this_row(kind: str) -> None:
    text = VECTORS["facts"][kind]
    row = json.loads(text)
    fact: Any = codec.from_plain(FACTS[kind], row["body"])
    assert (fact.KIND, fact.entity) == (row["kind"], row["entity"])
    names = ("kind", "entity", "at", "body")
    values = [row[name] for name in names]
    assert codec.to_plain(fact) == row["body"]
    assert envelope.encode_row(row["seq"], *values) == text.encode()


def test_the_number_of_an_enrolled_card_is_sealed_to_its_account() -> None:
    given = VECTORS["sealing"]
    body = json.loads(VECTORS["facts"]["card.enrolled"])["body"]
    fact = codec.from_plain(CardEnrolled, body)
    context = card_context(fact.account_id, fact.card_id)
    number = sealing.unseal(bytes.fromhex(given["private_key"]), fact.sealed_number, context)
    assert number.decode() == "04FFEEDDCCBB80"


@pytest.mark.parametrize("form", ["plain", "compressed"])
def test_a_batch_in_both_forms(form: str) -> None:
    text = VECTORS["batch"][form]
    batch = envelope.decode_batch(text.encode() if form == "plain" else bytes.fromhex(text))
    assert [row.raw.decode() for row in batch.rows] == VECTORS["chain"]["rows"]
    assert batch.header.epoch == VECTORS["chain"]["epoch"]
    assert (batch.header.first, batch.last) == (1, 3)


@pytest.mark.parametrize("what", DOWN)
def test_what_the_primary_says_is_signed_under_its_topic(what: str) -> None:
    given = SIGNING["messages"][what]
    verifier = Verifier([bytes.fromhex(SIGNING["public_key"])])
    plain = verifier.open(given["topic"], bytes.fromhex(given["payload"]))
    assert plain == given["message"]
    message: Any = codec.from_plain(DOWN[what], plain)
    assert codec.to_plain(message) == given["message"]


@pytest.mark.parametrize("what", UP)
def test_what_a_gateway_says(what: str) -> None:
    given = VECTORS["up"][what]
    assert codec.to_plain(codec.from_plain(UP[what], given)) == given


def test_the_signing_key() -> None:
    signer = Signer(bytes.fromhex(SIGNING["private_key"]))
    assert signer.public_key.hex() == SIGNING["public_key"]
    assert signing.key_id(signer.public_key).hex() == SIGNING["key_id"]


def test_a_sealed_box() -> None:
    given = VECTORS["sealing"]
    private_key = bytes.fromhex(given["private_key"])
    assert sealing.public_key(private_key).hex() == given["public_key"]
    secret = sealing.unseal(private_key, bytes.fromhex(given["box"]), given["context"])
    assert secret.hex() == given["secret"]


def test_an_enrolment_code() -> None:
    given = VECTORS["enrolment_code"]
    code = EnrolmentCode(bytes.fromhex(given["secret"]), bytes.fromhex(given["pin"]), given["url"])
    assert str(code) == given["text"]
    assert EnrolmentCode.parse(given["text"]) == code
    assert hash_secret(code.secret) == given["secret_hash"]
    assert write_typed(code.secret) == given["typed"]
    assert read_typed(given["typed"]) == code.secret
