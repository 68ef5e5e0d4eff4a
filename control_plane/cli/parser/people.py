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
    code = verb(user, "code", "people.make_code", _("make a one-time code for printers"))
    of_account(code)
    code.add_argument("--username", required=True)

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
    _groups(nouns)


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


def _groups(nouns: Any) -> None:
    group = noun(nouns, "group", _("groups of people, to whom queues are open"))
    for name, run, says in (
        ("add", "groups.add_group", _("add a group")),
        ("show", "groups.show_group", _("list the people of a group")),
        ("set", "groups.rename_group", _("give a group another name")),
        ("join", "groups.add_people", _("put people into a group")),
        ("leave", "groups.remove_person", _("take a person out of a group")),
        ("remove", "groups.delete_group", _("remove a group; its people stay")),
    ):
        leaf = verb(group, name, run, says)
        of_account(leaf)
        leaf.add_argument("--name", required=True)
        if name == "set":
            leaf.add_argument("--rename", required=True, metavar="NAME", help=_("the new one"))
        if name == "show":
            leaf.add_argument("--cursor")
        if name == "join":
            leaf.add_argument("--user", required=True, action="append", metavar="USERNAME")
        if name == "leave":
            leaf.add_argument("--user", required=True, metavar="USERNAME")
    found = verb(group, "list", "groups.list_groups", _("list groups"))
    of_account(found)
    paged(found)
    role = noun(nouns, "role", _("what people may do"))
    owned(verb(role, "list", "groups.list_roles", _("list roles and their permissions")))
