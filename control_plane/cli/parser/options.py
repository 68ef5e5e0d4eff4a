"""What commands have in common: a state directory, JSON, whose things, pages of a list."""

from __future__ import annotations

from typing import Any

from control_plane.paging import DEFAULT_LIMIT
from shared.command_help import Parser
from shared.i18n import gettext

__all__ = ["Parser", "noun", "of_account", "owned", "paged", "verb"]

_ = gettext


def verb(verbs: Any, name: str, run: str, says: str) -> Parser:
    parser: Parser = verbs.add_parser(name, help=says, description=says)
    parser.add_argument("--state", metavar="DIR", help=_("state directory (or SPOOLHOUSE_STATE)"))
    parser.add_argument(
        "--database", metavar="URL", help=_("instead of SQLite in the state directory")
    )
    parser.add_argument("--json", action="store_true", help=_("answer as JSON"))
    parser.set_defaults(run=run)
    return parser


def noun(nouns: Any, name: str, says: str) -> Any:
    return nouns.add_parser(name, help=says, description=says).add_subparsers(
        metavar="VERB", required=True
    )


def owned(parser: Parser) -> None:
    parser.add_argument("--account", metavar="NAME", help=_("short name, name, domain or id"))
    parser.add_argument("--vendor", metavar="NAME", help=_("name, domain or id"))


def of_account(parser: Parser) -> None:
    parser.add_argument("--account", required=True, metavar="NAME")


def paged(parser: Parser) -> None:
    parser.add_argument("--limit", type=int, default=DEFAULT_LIMIT)
    parser.add_argument("--cursor")
