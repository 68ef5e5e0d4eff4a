"""The words of the command line. Every command takes --state and --json.

What runs is named as ``module.function`` and imported when it does: a command starts in a moment.
"""

from __future__ import annotations

import argparse
from typing import Any

from control_plane.paging import DEFAULT_LIMIT
from control_plane.settings import DEFAULT_LISTEN

Parser = argparse.ArgumentParser


def build_parser() -> Parser:
    parser = Parser(prog="spoolhouse", description="The primary of Spoolhouse.")
    nouns = parser.add_subparsers(metavar="COMMAND", required=True)
    _running(nouns)
    _customers(nouns)
    _tenancy(nouns)
    _people(nouns)
    _things(nouns)
    _looking(nouns)
    return parser


def _leaf(verbs: Any, name: str, run: str, says: str) -> Parser:
    parser: Parser = verbs.add_parser(name, help=says, description=says)
    parser.add_argument("--state", metavar="DIR", help="state directory (or SPOOLHOUSE_STATE)")
    parser.add_argument(
        "--database", metavar="URL", help="instead of SQLite in the state directory"
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.set_defaults(run=run)
    return parser


def _noun(nouns: Any, name: str, says: str) -> Any:
    return nouns.add_parser(name, help=says, description=says).add_subparsers(
        metavar="VERB", required=True
    )


def _owner(parser: Parser) -> None:
    parser.add_argument("--account", metavar="NAME", help="short name, name, domain or id")
    parser.add_argument("--vendor", metavar="NAME", help="name, domain or id")


def _account(parser: Parser) -> None:
    parser.add_argument("--account", required=True, metavar="NAME")


def _pages(parser: Parser) -> None:
    parser.add_argument("--limit", type=int, default=DEFAULT_LIMIT)
    parser.add_argument("--cursor")


def _running(nouns: Any) -> None:
    primary = _leaf(nouns, "primary", "running.run_primary", "run the primary")
    primary.add_argument(
        "--trusted-proxy", action="append", metavar="CIDR", help="believe its X-Forwarded-For"
    )
    primary.add_argument("--listen", metavar="HOST:PORT", help=f"web pages ({DEFAULT_LISTEN})")
    _broker_elsewhere(primary)
    primary.add_argument(
        "--database-pool", type=int, metavar="N", help="connections kept to the database (16)"
    )
    broker = _leaf(nouns, "broker", "primaries.run_broker", "run a broker on its own")
    for leaf in (primary, broker):
        leaf.add_argument("--public-host", metavar="NAME", help="the name gateways use for us")
        leaf.add_argument("--name", action="append", metavar="NAME", help="further name of ours")
        leaf.add_argument(
            "--log-level", default="info", choices=("debug", "info", "warning", "error")
        )
        leaf.add_argument("--broker-host", metavar="HOST", help="where gateways come")
        leaf.add_argument("--broker-port", type=int, metavar="N", help="0: choose a free one")
    copy = _leaf(nouns, "backup", "backups.back_up", "copy database and keys into one file")
    copy.add_argument("file", metavar="FILE", help="made with mode 0600; the primary may run")
    bring = _leaf(nouns, "restore", "backups.restore", "bring a backup back; no primary may run")
    bring.add_argument("file", metavar="FILE")
    key = _noun(nouns, "signing-key", "the key that gateways believe this installation by")
    _leaf(key, "announce", "keys.announce", "make the next key, and let gateways know it first")
    broker = _leaf(
        nouns, "broker-certificate", "keys.broker_certificate", "for a broker that others run"
    )
    broker.add_argument("names", nargs="+", metavar="HOST", help="as gateways reach it")
    broker.add_argument("--out", required=True, metavar="DIR", help="ca.pem, broker.pem, .key")
    use = _leaf(key, "use", "keys.use", "sign with the announced key from the next start on")
    use.add_argument("--anyway", action="store_true", help="some gateways have not heard of it")
    _leaf(nouns, "migrate", "running.migrate", "bring the database to this program's schema")
    _leaf(nouns, "doctor", "doctor.examine", "look for what keeps the primary from working")
    simulate = _leaf(
        nouns, "simulate", "simulating.run_simulation", "run a fleet of simulated gateways"
    )
    simulate.add_argument("scenario", metavar="SCENARIO.toml", help="see docs/simulate.md")
    simulate.add_argument("--url", help="where the primary is (as in its settings)")
    simulate.add_argument("--broker", metavar="HOST:PORT", help="where its broker is")
    batch = _leaf(nouns, "batch", "batch.run_batch", "run many commands, one a line")
    batch.add_argument("file", nargs="?", default="-", help="lines of commands; - or none: input")


def _broker_elsewhere(parser: Parser) -> None:
    parser.add_argument(
        "--broker-address", metavar="HOST:PORT", help="a broker that is run elsewhere; ours: none"
    )
    parser.add_argument("--broker-ca", metavar="FILE", help="its authority, where not our own")
    parser.add_argument(
        "--broker-roles", choices=("keep", "leave"), help="whether we tell it who may what (keep)"
    )
    parser.add_argument("--broker-name", metavar="NAME", help="the name it knows us by")


def _customers(nouns: Any) -> None:
    vendor = _noun(nouns, "vendor", "resellers and partners")
    create = _leaf(vendor, "create", "tenancy.create_vendor", "make a vendor")
    create.add_argument("--name", required=True)
    create.add_argument("--domain", metavar="HOST", help="its host name, verified by you")
    create.add_argument("--parent", metavar="NAME", help="the vendor it stands under")
    _leaf(vendor, "list", "tenancy.list_vendors", "list vendors")
    delete = _leaf(
        vendor, "delete", "tenancy.delete_vendor", "delete a vendor that has nothing left"
    )
    delete.add_argument("--vendor", required=True, metavar="NAME", help="name, domain or id")

    account = _noun(nouns, "account", "end customers")
    create = _leaf(account, "create", "tenancy.create_account", "make an account of a vendor")
    create.add_argument("--vendor", required=True, metavar="NAME")
    create.add_argument("--name", required=True)
    create.add_argument("--short-name", required=True, help="in paths of queues: a-z, 0-9, -")
    create.add_argument("--domain", metavar="HOST", help="its host name, verified by you")
    create.add_argument("--language", default="en")
    create.add_argument("--time-zone", default="UTC")
    found = _leaf(account, "list", "tenancy.list_accounts", "list accounts")
    found.add_argument("--vendor", metavar="NAME")
    extend = _leaf(account, "extend", "tenancy.extend_licence", "extend an account's licence")
    _account(extend)
    extend.add_argument("--devices", type=int, required=True)
    extend.add_argument("--days", type=int, required=True)

    close = _leaf(account, "close", "tenancy.close_account", "take nothing new, lose nothing")
    _account(close)
    close.add_argument("--keep-days", type=int, default=30, help="then it is erased (30)")
    _account(_leaf(account, "reopen", "tenancy.reopen_account", "open a closed account again"))
    delete = _leaf(account, "delete", "tenancy.delete_account", "erase a closed account for good")
    _account(delete)
    delete.add_argument("--confirm", required=True, metavar="SHORT-NAME", help="once more")
    delete.add_argument(
        "--without-waiting", action="store_true", help="for gateways that never come back"
    )


def _tenancy(nouns: Any) -> None:
    domain = _noun(nouns, "domain", "host names of vendors and accounts")
    for name, run, says in (
        ("add", "tenancy.add_domain", "claim a host name"),
        ("verify", "tenancy.verify_domain", "vouch for a host name as the installation's owner"),
    ):
        leaf = _leaf(domain, name, run, says)
        _owner(leaf)
        leaf.add_argument("--name", required=True, metavar="HOST")
        if name == "add":
            leaf.add_argument("--verified", action="store_true", help="vouch for it at once")
    _owner(_leaf(domain, "list", "tenancy.list_domains", "list host names"))

    grant = _noun(nouns, "grant", "what an account lets its vendor's staff do")
    give = _leaf(grant, "give", "tenancy.give_grant", "let the vendor's staff in for a time")
    _account(give)
    give.add_argument("--permission", action="append", required=True)
    give.add_argument("--hours", type=int, default=8)
    give.add_argument("--reason", required=True)

    key = _noun(nouns, "key", "API keys")
    create = _leaf(key, "create", "tenancy.create_key", "make an API key; it is shown once")
    _owner(create)
    create.add_argument("--name", required=True)
    create.add_argument("--role", default="administrator", help="may do what this role may")
    create.add_argument("--permission", action="append", help="may do this, and only this")
    create.add_argument("--network", action="append", metavar="CIDR", help="usable from there")
    create.add_argument("--days", type=int, default=365)
    revoke = _leaf(key, "revoke", "tenancy.revoke_key", "end an API key")
    revoke.add_argument("id")
    _owner(revoke)


def _people(nouns: Any) -> None:
    user = _noun(nouns, "user", "people of vendors and accounts")
    add = _leaf(user, "add", "people.add_user", "add a person")
    change = _leaf(user, "set", "people.set_user", "change a person")
    for leaf in (add, change):
        _owner(leaf)
        leaf.add_argument("--username", required=True)
        leaf.add_argument("--display-name")
        leaf.add_argument("--password", help="better: --password-stdin")
        leaf.add_argument("--password-stdin", action="store_true")
        leaf.add_argument("--pin")
        leaf.add_argument("--role", action="append", help="owner, administrator, help-desk, ...")
    add.add_argument("--email")
    add.add_argument("--language")
    add.add_argument("--operator", action="store_true", help="may use IPP operator operations")
    change.add_argument("--locked", choices=("yes", "no"))
    found = _leaf(user, "list", "people.list_users", "list people")
    _owner(found)
    _pages(found)
    found.add_argument("--text")
    remove = _leaf(user, "remove", "people.remove_user", "remove a person with their cards")
    _owner(remove)
    remove.add_argument("--username", required=True)

    bring = _leaf(user, "import", "people.import_users", "import people from a CSV file")
    bring.add_argument("file", help="columns: username, display_name, email, password, pin, ...")
    _owner(bring)
    bring.add_argument("--dry-run", action="store_true", help="only say what would happen")
    link = _leaf(user, "link", "people.recovery_link", "make a link that sets a new password")
    _owner(link)
    link.add_argument("--username", required=True)

    card = _noun(nouns, "card", "what people tap")
    add = _leaf(card, "add", "people.add_card", "give a person a card")
    _account(add)
    add.add_argument("--user", required=True, metavar="USERNAME")
    add.add_argument("--number", required=True, help="hexadecimal, as a reader gives it")
    revoke = _leaf(card, "revoke", "people.revoke_card", "end a card, everywhere at once")
    revoke.add_argument("id")
    _account(revoke)
    _account(_leaf(card, "rekey", "people.rekey_cards", "hash all cards with a new key"))
    found = _leaf(card, "list", "people.list_cards", "list cards")
    _account(found)
    _pages(found)
    found.add_argument("--user", metavar="USERNAME")
    _tokens(nouns)


def _tokens(nouns: Any) -> None:
    token = _noun(nouns, "token", "print tokens: addresses for clients that cannot sign in")
    add = _leaf(token, "add", "tokens.add_token", "make a print token; it is shown once")
    _account(add)
    add.add_argument("--user", required=True, metavar="USERNAME")
    add.add_argument("--name", required=True, help="where it is used: Ada's phone")
    add.add_argument("--queue", metavar="PATH", help="only for this queue")
    add.add_argument("--days", type=int, help="ends by itself; else when it is revoked")
    revoke = _leaf(token, "revoke", "tokens.revoke_token", "end a print token, everywhere at once")
    revoke.add_argument("id")
    _account(revoke)
    found = _leaf(token, "list", "tokens.list_tokens", "list print tokens")
    _account(found)
    _pages(found)
    found.add_argument("--user", metavar="USERNAME")


def _gateway_options(parser: Parser) -> None:
    for option, says in (
        ("ipp", "IPP"),
        ("terminal", "the terminal's page"),
        ("health", "the health page"),
        ("lpd", "LPD"),
        ("raw", "raw printing"),
        ("api", "the door for uploads"),
    ):
        parser.add_argument(f"--{option}", metavar="HOST:PORT", help=f"where {says} listens")
    parser.add_argument(
        "--readers", metavar="HOST", help="where card readers that come to us find us"
    )
    parser.add_argument("--without", action="append", metavar="SERVICE", help="switch one off")
    parser.add_argument("--trusted-host", action="append", metavar="NAME")


def _things(nouns: Any) -> None:
    site = _noun(nouns, "site", "places")
    add = _leaf(site, "add", "things.add_site", "add a site")
    _account(add)
    add.add_argument("--name", required=True)
    add.add_argument("--network", action="append", metavar="CIDR")
    _account(_leaf(site, "list", "things.list_sites", "list sites"))

    gateway = _noun(nouns, "gateway", "servers near the customer")
    add = _leaf(gateway, "add", "things.add_gateway", "prepare a gateway")
    _owner(add)
    add.add_argument("--name", required=True)
    add.add_argument("--site", metavar="NAME")
    _gateway_options(add)
    change = _leaf(gateway, "set", "things.set_gateway", "change what a gateway runs")
    _owner(change)
    change.add_argument("--gateway", required=True, metavar="NAME")
    _gateway_options(change)
    code = _leaf(gateway, "code", "things.gateway_code", "make a one-time enrolment code")
    _owner(code)
    code.add_argument("--gateway", metavar="NAME", help="one that is there")
    code.add_argument("--name", help="make one of this name")
    code.add_argument("--site", metavar="NAME")
    code.add_argument("--url", help="where the gateway finds this primary")
    _gateway_options(code)
    serve = _leaf(gateway, "serve", "things.serve_account", "let a gateway serve an account")
    _owner(serve)
    serve.add_argument("--gateway", required=True, metavar="NAME")
    serve.add_argument("--stop", action="store_true", help="make it forget the account")
    _owner(_leaf(gateway, "list", "things.list_gateways", "list gateways and how they are"))
    revoke = _leaf(gateway, "revoke", "things.revoke_gateway", "end a gateway for good")
    _owner(revoke)
    revoke.add_argument("--gateway", required=True, metavar="NAME")
    _approval(gateway)
    _parked(gateway)
    _devices(nouns)


def _approval(gateway: Any) -> None:
    for name, run, says in (
        ("waiting", "list_waiting", "list machines that wait for approval"),
        ("approve", "approve", "let the machine with this key become the gateway"),
        ("refuse", "refuse", "do not let the machine with this key become the gateway"),
    ):
        leaf = _leaf(gateway, name, f"approving.{run}", says)
        _owner(leaf)
        leaf.add_argument("--gateway", required=name != "waiting", metavar="NAME")
        if name != "waiting":
            leaf.add_argument("--fingerprint", required=True, help="as the machine shows it")


def _parked(gateway: Any) -> None:
    for name, run, says in (
        ("parked", "list_parked", "list what it said and the primary could not take in"),
        ("retry", "retry", "try to take in what it said about one thing again"),
        ("give-up", "give_up", "never take in what it said about one thing"),
        ("boxes", "list_boxes", "list the boxes that claim to be this gateway"),
        ("choose", "choose", "choose the box that is the gateway; the other one is off"),
    ):
        leaf = _leaf(gateway, name, f"parked.{run}", says)
        _owner(leaf)
        leaf.add_argument("--gateway", required=True, metavar="NAME")
        if name in ("retry", "give-up"):
            leaf.add_argument("--entity", required=True, help="as the list names it: job:ID")
        if name == "choose":
            leaf.add_argument("--box", required=True, metavar="BOOT_ID", help="as boxes names it")


def _devices(nouns: Any) -> None:
    printer = _noun(nouns, "printer", "output devices")
    add = _leaf(printer, "add", "things.add_printer", "add a printer")
    _account(add)
    add.add_argument("--name", required=True)
    add.add_argument("--uri", required=True, help="such as ipp://10.1.4.20/ipp/print")
    add.add_argument("--site", metavar="NAME")
    add.add_argument("--profile", default="generic/ipp-everywhere")
    add.add_argument("--location")
    add.add_argument("--gateway", metavar="NAME", help="who drives it")
    _account(_leaf(printer, "list", "things.list_printers", "list printers"))
    remove = _leaf(printer, "remove", "things.remove_printer", "remove a printer")
    _account(remove)
    remove.add_argument("--name", required=True)

    queue = _noun(nouns, "queue", "what people print to")
    add = _leaf(queue, "add", "things.add_queue", "add a queue")
    _account(add)
    add.add_argument("--path", required=True, help="in /ipp/print/PATH, and the LPD queue name")
    add.add_argument("--name", help="shown to people (the path)")
    add.add_argument("--type", required=True, choices=("pull", "direct"))
    add.add_argument("--printer", metavar="NAME", help="of a direct queue")
    add.add_argument(
        "--identity", default="sign-in", choices=("sign-in", "sign-in-over-tls", "claimed")
    )
    add.add_argument("--raw-port", type=int)
    _account(_leaf(queue, "list", "things.list_queues", "list queues"))

    reader = _noun(nouns, "reader", "card readers")
    add = _leaf(reader, "add", "things.add_reader", "add a card reader at a printer")
    _account(add)
    add.add_argument("--name", required=True)
    add.add_argument("--gateway", required=True, metavar="NAME")
    add.add_argument("--printer", required=True, metavar="NAME")
    add.add_argument("--mode", default="print-all", choices=("print-all", "choose"))
    add.add_argument("--role", default="client", choices=("client", "server"))
    add.add_argument("--address", required=True, help="the reader's own address")
    add.add_argument("--port", type=int, required=True)
    add.add_argument("--profile", default="generic/tcp-line")
    _account(_leaf(reader, "list", "things.list_readers", "list card readers"))

    terminal = _noun(nouns, "terminal", "screens at printers")
    code = _leaf(terminal, "code", "things.terminal_code", "make a one-time pairing code")
    _account(code)
    code.add_argument("--printer", required=True, metavar="NAME")
    code.add_argument("--reader", metavar="NAME")
    _account(_leaf(terminal, "list", "things.list_terminals", "list paired terminals"))
    revoke = _leaf(terminal, "revoke", "things.revoke_terminal", "end a terminal")
    revoke.add_argument("id")
    _account(revoke)


def _looking(nouns: Any) -> None:
    job = _noun(nouns, "job", "what people print")
    found = _leaf(job, "list", "looking.list_jobs", "list jobs, newest first")
    _account(found)
    _pages(found)
    found.add_argument("--text")
    found.add_argument("--job-state", action="append", metavar="STATE", help="pending-held, ...")
    show = _leaf(job, "show", "looking.show_job", "show a job with its timeline")
    show.add_argument("id")
    _account(show)

    audit = _noun(nouns, "audit", "who did what")
    found = _leaf(audit, "list", "looking.list_audit", "list the audit, newest first")
    _owner(found)
    _pages(found)
    found.add_argument("--event", metavar="PREFIX", help="such as card.")
    verify = _leaf(audit, "verify", "looking.verify_audit", "prove that no row was touched")
    verify.add_argument("file", nargs="?", help="an export of the API; none: the database")
