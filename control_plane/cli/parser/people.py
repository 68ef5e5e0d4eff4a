"""The words about people, their cards and their print tokens."""

from __future__ import annotations

from typing import Any

from control_plane.cli.parser.options import noun, of_account, owned, paged, verb
from shared.i18n import gettext

_ = gettext


def add(nouns: Any) -> None:
    user = noun(nouns, "user", _("people of vendors and accounts"))
    add = verb(user, "add", "people.add_user", _("add a person"))
    change = verb(user, "set", "people.set_user", _("change a person"))
    for leaf in (add, change):
        owned(leaf)
        leaf.add_argument("--username", required=True)
        leaf.add_argument("--display-name")
        leaf.add_argument("--password", help=_("better: --password-stdin"))
        leaf.add_argument("--password-stdin", action="store_true")
        leaf.add_argument("--pin")
        leaf.add_argument("--role", action="append", help=_("owner, administrator, help-desk, ..."))
    add.add_argument("--email")
    add.add_argument("--language")
    add.add_argument("--operator", action="store_true", help=_("may use IPP operator operations"))
    change.add_argument("--locked", choices=("yes", "no"))
    found = verb(user, "list", "people.list_users", _("list people"))
    owned(found)
    paged(found)
    found.add_argument("--text")
    remove = verb(user, "remove", "people.remove_user", _("remove a person with their cards"))
    owned(remove)
    remove.add_argument("--username", required=True)

    bring = verb(user, "import", "people.import_users", _("import people from a CSV file"))
    bring.add_argument("file", help=_("columns: username, display_name, email, password, pin, ..."))
    owned(bring)
    bring.add_argument("--dry-run", action="store_true", help=_("only say what would happen"))
    link = verb(user, "link", "people.recovery_link", _("make a link that sets a new password"))
    owned(link)
    link.add_argument("--username", required=True)

    card = noun(nouns, "card", _("what people tap"))
    add = verb(card, "add", "people.add_card", _("give a person a card"))
    of_account(add)
    add.add_argument("--user", required=True, metavar="USERNAME")
    add.add_argument("--number", required=True, help=_("hexadecimal, as a reader gives it"))
    revoke = verb(card, "revoke", "people.revoke_card", _("end a card, everywhere at once"))
    revoke.add_argument("id")
    of_account(revoke)
    of_account(verb(card, "rekey", "people.rekey_cards", _("hash all cards with a new key")))
    found = verb(card, "list", "people.list_cards", _("list cards"))
    of_account(found)
    paged(found)
    found.add_argument("--user", metavar="USERNAME")
    _tokens(nouns)


def _tokens(nouns: Any) -> None:
    token = noun(nouns, "token", _("print tokens: addresses for clients that cannot sign in"))
    add = verb(token, "add", "tokens.add_token", _("make a print token; it is shown once"))
    of_account(add)
    add.add_argument("--user", required=True, metavar="USERNAME")
    add.add_argument("--name", required=True, help=_("where it is used: Ada's phone"))
    add.add_argument("--queue", metavar="PATH", help=_("only for this queue"))
    add.add_argument("--days", type=int, help=_("ends by itself; else when it is revoked"))
    revoke = verb(
        token, "revoke", "tokens.revoke_token", _("end a print token, everywhere at once")
    )
    revoke.add_argument("id")
    of_account(revoke)
    found = verb(token, "list", "tokens.list_tokens", _("list print tokens"))
    of_account(found)
    paged(found)
    found.add_argument("--user", metavar="USERNAME")
