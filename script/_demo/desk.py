"""What an administrator asks and does in the course of the story, by the REST API."""

from __future__ import annotations

from typing import Any

from script._demo.api import Api

Row = dict[str, Any]


class Desk:
    """Alder's administrator."""

    def __init__(self, api: Api, user_ids: dict[str, str]) -> None:
        self._api = api
        self._user_ids = user_ids

    async def jobs(self) -> list[Row]:
        """The newest jobs in the job list."""
        return await self._api.items("/jobs", limit=50)

    async def job(self, job_id: str) -> Row:
        """One job with its timeline."""
        job: Row = await self._api.get(f"/jobs/{job_id}")
        return job

    async def audit(self) -> list[Row]:
        """The newest rows of the audit trail."""
        return await self._api.items("/audit", limit=200)

    async def add_card(self, username: str, number: str) -> str:
        """Give somebody a card; returns its id."""
        user_id = self._user_ids[username]
        card = await self._api.post("/cards", {"user_id": user_id, "number": number})
        return str(card["id"])

    async def revoke_card(self, card_id: str) -> None:
        await self._api.delete(f"/cards/{card_id}")

    async def new_terminal_code(self, printer_id: str) -> str:
        code = await self._api.post("/terminal-codes", {"printer_id": printer_id})
        return str(code["code"])
