"""The words about vendors, accounts, domains, grants and keys."""

from __future__ import annotations

from typing import Any

from control_plane.cli.parser.options import noun, of_account, owned, verb
from shared.i18n import gettext

_ = gettext


def add(nouns: Any) -> None:
    _customers(nouns)
    _tenancy(nouns)


def _customers(nouns: Any) -> None:
    vendor = noun(nouns, "vendor", _("resellers and partners"))
    create = verb(vendor, "create", "tenancy.create_vendor", _("make a vendor"))
    create.add_argument("--name", required=True)
    create.add_argument("--domain", metavar="HOST", help=_("its host name, verified by you"))
    create.add_argument("--parent", metavar="NAME", help=_("the vendor it stands under"))
    verb(vendor, "list", "tenancy.list_vendors", _("list vendors"))
    change = verb(vendor, "set", "tenancy.change_vendor", _("give a vendor another name"))
    change.add_argument("--vendor", required=True, metavar="NAME", help=_("name, domain or id"))
    change.add_argument("--name", required=True, help=_("the new one"))
    delete = verb(
        vendor, "delete", "tenancy.delete_vendor", _("delete a vendor that has nothing left")
    )
    delete.add_argument("--vendor", required=True, metavar="NAME", help=_("name, domain or id"))

    account = noun(nouns, "account", _("end customers"))
    create = verb(account, "create", "tenancy.create_account", _("make an account of a vendor"))
    create.add_argument("--vendor", required=True, metavar="NAME")
    create.add_argument("--name", required=True)
    create.add_argument("--short-name", required=True, help=_("in paths of queues: a-z, 0-9, -"))
    create.add_argument("--domain", metavar="HOST", help=_("its host name, verified by you"))
    create.add_argument("--language", default="en")
    create.add_argument("--time-zone", default="UTC")
    found = verb(account, "list", "tenancy.list_accounts", _("list accounts"))
    found.add_argument("--vendor", metavar="NAME")
    change = verb(account, "set", "tenancy.change_account", _("change what is true for an account"))
    of_account(change)
    change.add_argument(
        "--unknown-cards", choices=("refuse", "enrol"), required=True,
        help=_("refuse a card that nobody has, or let who signs in beside it enrol it"),
    )  # fmt: skip
    extend = verb(account, "extend", "tenancy.extend_licence", _("extend an account's licence"))
    of_account(extend)
    extend.add_argument("--devices", type=int, required=True)
    extend.add_argument("--days", type=int, required=True)

    close = verb(account, "close", "tenancy.close_account", _("take nothing new, lose nothing"))
    of_account(close)
    close.add_argument("--keep-days", type=int, default=30, help=_("then it is erased (30)"))
    of_account(verb(account, "reopen", "tenancy.reopen_account", _("open a closed account again")))
    delete = verb(account, "delete", "tenancy.delete_account", _("erase a closed account for good"))
    of_account(delete)
    delete.add_argument("--confirm", required=True, metavar="SHORT-NAME", help=_("once more"))
    delete.add_argument(
        "--without-waiting", action="store_true", help=_("for gateways that never come back")
    )


def _tenancy(nouns: Any) -> None:
    domain = noun(nouns, "domain", _("host names of vendors and accounts"))
    for name, run, says in (
        ("add", "tenancy.add_domain", _("claim a host name")),
        ("verify", "tenancy.verify_domain", _("vouch for a host name as the installation's owner")),
        ("remove", "tenancy.remove_domain", _("give a host name up")),
    ):
        leaf = verb(domain, name, run, says)
        owned(leaf)
        leaf.add_argument("--name", required=True, metavar="HOST")
        if name == "add":
            leaf.add_argument("--verified", action="store_true", help=_("vouch for it at once"))
    owned(verb(domain, "list", "tenancy.list_domains", _("list host names")))

    grant = noun(nouns, "grant", _("what an account lets its vendor's staff do"))
    give = verb(grant, "give", "tenancy.give_grant", _("let the vendor's staff in for a time"))
    of_account(give)
    give.add_argument("--permission", action="append", required=True)
    give.add_argument("--hours", type=int, default=8)
    give.add_argument("--reason", required=True)

    key = noun(nouns, "key", _("API keys"))
    create = verb(key, "create", "tenancy.create_key", _("make an API key; it is shown once"))
    owned(create)
    create.add_argument("--name", required=True)
    create.add_argument("--role", default="administrator", help=_("may do what this role may"))
    create.add_argument("--permission", action="append", help=_("may do this, and only this"))
    create.add_argument("--network", action="append", metavar="CIDR", help=_("usable from there"))
    create.add_argument("--days", type=int, default=365)
    owned(verb(key, "list", "tenancy.list_keys", _("list API keys; none is shown again")))
    revoke = verb(key, "revoke", "tenancy.revoke_key", _("end an API key"))
    revoke.add_argument("id")
    owned(revoke)
