"""A program of the demo's: it asks the public API by curl alone, as README shows it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.support.demo_site import DemoSite, wait_for


class Program:
    """Has the key of one account; ``site`` is the demo as it stood when it began."""

    def __init__(self, demo: DemoSite, account: str) -> None:
        self.site = demo.site
        self.key = self.site["api"][f"{account}_key"]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        sent = () if body is None else ("-H", "Content-Type: application/json",
                                        "-d", json.dumps(body))  # fmt: skip
        return curl(
            "-X", method, "--cacert", self.site["ca_file"],
            "-H", f"Authorization: Bearer {self.key}", *sent,
            f"{self.site['primary_url']}/api/v1{path}",
        )  # fmt: skip

    def items(self, path: str) -> list[dict[str, Any]]:
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        found: list[dict[str, Any]] = answer["items"]
        return found

    def order(self, username: str, queue: str, **more: Any) -> dict[str, Any]:
        """What an upload of somebody's says: their id and the queue's."""
        [user] = [each for each in self.items("/users") if each["username"] == username]
        [target] = [each for each in self.items("/queues") if each["path"] == queue]
        return {"queue_id": target["id"], "user_id": user["id"], **more}

    def upload(self, order: dict[str, Any]) -> dict[str, Any]:
        def given() -> Any:
            status, answer = self.ask("POST", "/jobs/uploads", order)
            # A gateway that started this moment has not told yet that its door is open.
            assert status in {201, 409}, answer
            return answer if status == 201 else None

        upload: dict[str, Any] = wait_for(given, "a gateway that takes uploads", 40)
        return upload

    def cancel_what_waits(self) -> None:
        """End every held job and wait until the gateway has said so."""
        held = "/jobs?state=pending-held&limit=200"
        # A primary that the test before killed is on its way.
        wait_for(lambda: self.ask("GET", held)[0] == 200, "the primary", 60)
        if waiting := [job["id"] for job in self.items(held)]:
            status, answer = self.ask("POST", "/jobs/cancel", {"job_ids": waiting})
            assert status == 202, answer
            wait_for(lambda: not self.items(held), "the jobs that waited to be canceled", 40)


def curl(*arguments: str) -> tuple[int, Any]:
    done = subprocess.run(
        ["curl", "-s", "--max-time", "300", "-w", "\n%{http_code}", *arguments],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body or "null")
