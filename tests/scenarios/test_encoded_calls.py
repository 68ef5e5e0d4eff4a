"""The story inside one gateway with every service call encoded and decoded on its way.

What passes here passes between machines too: nothing in a call or its answer is more than its
message says.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.crypto import sealing
from shared.messages.calls import ANSWERS
from shared.messages.records import UnknownCards
from tests.support.box import a_box
from tests.support.people import ADAS_CARD, BENS_CARD, PASSWORD

NEW_CARD = "04FFEEDDCCBB80"


@pytest.mark.timeout(120)
async def test_the_story_comes_true_with_every_call_encoded(tmp_path: Path) -> None:
    async with a_box(tmp_path, encode_calls=True) as box:
        first, second = await box.send("first.pdf"), await box.send("second.pdf")
        await box.send("third.pdf")

        mark = box.terminal.mark()
        await box.tap(box.people.chooser.port, BENS_CARD)
        bens = await box.terminal.wait_for(
            lambda state: state["state"] == "session", "Ben's session", since=mark
        )
        await box.terminal.sign_out()

        mark = box.terminal.mark()
        await box.tap(box.people.chooser.port, ADAS_CARD)
        adas = await box.terminal.wait_for(
            lambda state: state["state"] == "session" and len(state["jobs"]) == 3,
            "Ada's three", since=mark,
        )  # fmt: skip
        by_title = {job["title"]: job["id"] for job in adas["jobs"]}
        await box.terminal.delete(by_title["third.pdf"])
        await box.terminal.release(by_title["first.pdf"])
        chosen = await box.paper(1)

        await box.tap(box.people.reader.port, ADAS_CARD)
        everything = await box.paper(2)

        box.people.feed.into(box.agent.parts.replica)
        key = sealing.public_key(sealing.new_key())
        box.people.change_account(
            box.people.alder, unknown_cards=UnknownCards.ENROL, card_sealing_key=key
        )
        mark = box.terminal.mark()
        await box.tap(box.people.chooser.port, NEW_CARD)
        await box.terminal.wait_for(
            lambda state: state["state"] == "enrol", "a new card", since=mark
        )
        await box.terminal.sign_in("ben", PASSWORD)
        enrolled = await box.terminal.wait_for(
            lambda state: state["state"] == "session", "Ben's session", since=mark
        )

    assert bens["jobs"] == []
    assert chosen == [first]
    assert everything == [first, second]
    assert enrolled["person"]["display_name"] == "Ben"
    here = {call.CALL for call in ANSWERS} - {"authenticate-password"}
    assert here <= set(box.asked)
