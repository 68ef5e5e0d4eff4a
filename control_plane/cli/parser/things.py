"""The words about gateways, readers and terminals."""

from __future__ import annotations

from typing import Any

from control_plane.cli.parser.options import Parser, noun, of_account, owned, verb
from shared.i18n import gettext

_ = gettext


def add(nouns: Any) -> None:
    gateway = noun(nouns, "gateway", _("servers near the customer"))
    add = verb(gateway, "add", "things.add_gateway", _("prepare a gateway"))
    owned(add)
    add.add_argument("--name", required=True)
    add.add_argument("--site", metavar="NAME")
    _gateway_options(add)
    change = verb(gateway, "set", "things.set_gateway", _("change what a gateway runs"))
    owned(change)
    change.add_argument("--gateway", required=True, metavar="NAME")
    _gateway_options(change)
    code = verb(gateway, "code", "things.gateway_code", _("make a one-time enrolment code"))
    owned(code)
    code.add_argument("--gateway", metavar="NAME", help=_("one that is there"))
    code.add_argument("--name", help=_("make one of this name"))
    code.add_argument("--site", metavar="NAME")
    code.add_argument("--url", help=_("where the gateway finds this primary"))
    _gateway_options(code)
    serve = verb(gateway, "serve", "things.serve_account", _("let a gateway serve an account"))
    owned(serve)
    serve.add_argument("--gateway", required=True, metavar="NAME")
    serve.add_argument("--stop", action="store_true", help=_("make it forget the account"))
    owned(verb(gateway, "list", "things.list_gateways", _("list gateways and how they are")))
    revoke = verb(gateway, "revoke", "things.revoke_gateway", _("end a gateway for good"))
    owned(revoke)
    revoke.add_argument("--gateway", required=True, metavar="NAME")
    _approval(gateway)
    _parked(gateway)
    _devices(nouns)


def _gateway_options(parser: Parser) -> None:
    for option, says in (
        ("ipp", _("IPP")),
        ("terminal", _("the terminal's page")),
        ("health", _("the health page")),
        ("lpd", _("LPD")),
        ("raw", _("raw printing")),
        ("api", _("the door for uploads")),
    ):
        parser.add_argument(
            f"--{option}", metavar="HOST:PORT", help=_("where %(service)s listens", service=says)
        )
    parser.add_argument(
        "--readers", metavar="HOST", help=_("where card readers that come to us find us")
    )
    parser.add_argument("--without", action="append", metavar="SERVICE", help=_("switch one off"))
    parser.add_argument("--trusted-host", action="append", metavar="NAME")


def _approval(gateway: Any) -> None:
    for name, run, says in (
        ("waiting", "list_waiting", _("list machines that wait for approval")),
        ("approve", "approve", _("let the machine with this key become the gateway")),
        ("refuse", "refuse", _("do not let the machine with this key become the gateway")),
    ):
        leaf = verb(gateway, name, f"approving.{run}", says)
        owned(leaf)
        leaf.add_argument("--gateway", required=name != "waiting", metavar="NAME")
        if name != "waiting":
            leaf.add_argument("--fingerprint", required=True, help=_("as the machine shows it"))


def _parked(gateway: Any) -> None:
    for name, run, says in (
        ("parked", "list_parked", _("list what it said and the primary could not take in")),
        ("retry", "retry", _("try to take in what it said about one thing again")),
        ("give-up", "give_up", _("never take in what it said about one thing")),
        ("boxes", "list_boxes", _("list the boxes that claim to be this gateway")),
        ("choose", "choose", _("choose the box that is the gateway; the other one is off")),
    ):
        leaf = verb(gateway, name, f"parked.{run}", says)
        owned(leaf)
        leaf.add_argument("--gateway", required=True, metavar="NAME")
        if name in ("retry", "give-up"):
            leaf.add_argument("--entity", required=True, help=_("as the list names it: job:ID"))
        if name == "choose":
            leaf.add_argument(
                "--box", required=True, metavar="BOOT_ID", help=_("as boxes names it")
            )


def _devices(nouns: Any) -> None:
    reader = noun(nouns, "reader", _("card readers"))
    add = verb(reader, "add", "things.add_reader", _("add a card reader at a printer"))
    of_account(add)
    add.add_argument("--name", required=True)
    add.add_argument("--gateway", required=True, metavar="NAME")
    add.add_argument("--printer", required=True, metavar="NAME")
    add.add_argument("--mode", default="print-all", choices=("print-all", "choose"))
    add.add_argument("--role", default="client", choices=("client", "server"))
    add.add_argument("--address", required=True, help=_("the reader's own address"))
    add.add_argument("--port", type=int, required=True)
    add.add_argument("--profile", default="generic/tcp-line")
    of_account(verb(reader, "list", "things.list_readers", _("list card readers")))

    terminal = noun(nouns, "terminal", _("screens at printers"))
    code = verb(terminal, "code", "things.terminal_code", _("make a one-time pairing code"))
    of_account(code)
    code.add_argument("--printer", required=True, metavar="NAME")
    code.add_argument("--reader", metavar="NAME")
    of_account(verb(terminal, "list", "things.list_terminals", _("list paired terminals")))
    revoke = verb(terminal, "revoke", "things.revoke_terminal", _("end a terminal"))
    revoke.add_argument("id")
    of_account(revoke)
