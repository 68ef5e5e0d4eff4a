"""What an administrator asks and does in the course of the story, by the ``spoolhouse`` command."""

from __future__ import annotations

from typing import Any, Final

from script._demo.commands import Primary

Row = dict[str, Any]
ACCOUNT: Final = "alder"


class Desk:
    """Alder's administrator."""

    def __init__(self, cli: Primary) -> None:
        self._cli = cli

    async def jobs(self) -> list[Row]:
        """The newest jobs in the job list."""
        return rows(await self._cli.ask("job", "list", account=ACCOUNT, limit=50))

    async def job(self, job_id: str) -> Row:
        """One job with its timeline."""
        job: Row = await self._cli.ask("job", "show", job_id, account=ACCOUNT)
        return job

    async def audit(self) -> list[Row]:
        """The newest rows of the audit trail."""
        return rows(await self._cli.ask("audit", "list", account=ACCOUNT, limit=200))

    async def add_card(self, username: str, number: str) -> str:
        """Give somebody a card; returns its id."""
        card = await self._cli.ask("card", "add", account=ACCOUNT, user=username, number=number)
        return str(card["id"])

    async def revoke_card(self, card_id: str) -> None:
        await self._cli.ask("card", "revoke", card_id, account=ACCOUNT)

    async def new_terminal_code(self, printer: str) -> str:
        code = await self._cli.ask("terminal", "code", account=ACCOUNT, printer=printer)
        return str(code["code"])


def rows(answer: Any) -> list[Row]:
    """A list, whether it comes bare or as a page of items."""
    found: list[Row] = answer["items"] if isinstance(answer, dict) else answer
    return found
