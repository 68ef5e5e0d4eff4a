"""The primary's ingest and signer against the bytes of docs/link.md."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control_plane.database import Database
from control_plane.gateways.models import Gateway
from control_plane.ingest import facts, handlers, marks
from shared.crypto.signing import Signer, Verifier
from shared.ids import GatewayId
from shared.messages import codec, envelope
from shared.messages.envelope import RowText
from shared.messages.hello import Hello, LaneAction

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "link.json").read_text()
)
GATEWAY = GatewayId(VECTORS["gateway_id"])


@pytest.fixture
def gateway(database: Database) -> GatewayId:
    with database.writing() as session:
        session.add(
            Gateway(id=GATEWAY, tenant="installation", name="Hall", services={}, trusted_hosts=[])
        )
    return GATEWAY


def test_a_hello_and_its_batch_move_the_mark(database: Database, gateway: GatewayId) -> None:
    said = codec.from_plain(Hello, VECTORS["up"]["hello"])
    batch = envelope.decode_batch(bytes.fromhex(VECTORS["batch"]["compressed"]))
    lane = batch.header.lane
    with database.writing() as session:
        decision = marks.on_hello(session, gateway, lane, said.lanes[lane.value])
        assert decision.mark.action is LaneAction.CONTINUE
        ack = facts.receive(session, gateway, batch)
        assert (ack.upto_seq, ack.want) == (3, None)
        repeated = facts.receive(session, gateway, batch)
        assert (repeated.upto_seq, repeated.want) == (3, None)
        mark = marks.find_mark(session, gateway, lane)
        assert mark is not None
        assert mark.chain == VECTORS["chain"]["chains"][-1]


def test_the_primary_knows_what_to_do_with_a_list_of_jobs(
    database: Database, gateway: GatewayId
) -> None:
    kind = "jobs.listed"
    raw = VECTORS["facts"][kind].encode()
    text = json.loads(raw)
    row = RowText(text["seq"], text["kind"], text["entity"], text["at"], text["body"], raw)
    with database.writing() as session:
        handlers.apply(session, [(gateway, row)])
    with pytest.raises(handlers.UnknownFactError), database.writing() as session:
        handlers.apply(session, [(gateway, replace(row, kind=f"{kind}.newer"))])


def test_the_primary_s_signature_is_one_that_gateways_know() -> None:
    given = VECTORS["signing"]
    signer = Signer(bytes.fromhex(given["private_key"]))
    for what, vector in given["messages"].items():
        payload = signer.sign(vector["topic"], vector["message"])
        known = Verifier([bytes.fromhex(given["public_key"])])
        assert known.open(vector["topic"], payload) == vector["message"], what
