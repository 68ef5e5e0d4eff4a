"""The words about sites, printers and queues."""

from __future__ import annotations

from typing import Any

from control_plane.cli.parser.options import noun, of_account, verb
from shared.i18n import gettext

_ = gettext


def add(nouns: Any) -> None:
    _sites(nouns)
    _printers(nouns)
    _queues(nouns)


def _sites(nouns: Any) -> None:
    site = noun(nouns, "site", _("places"))
    add = verb(site, "add", "places.add_site", _("add a site"))
    of_account(add)
    add.add_argument("--name", required=True)
    add.add_argument("--network", action="append", metavar="CIDR")
    of_account(verb(site, "list", "places.list_sites", _("list sites")))
    change = verb(site, "set", "places.set_site", _("change a site"))
    of_account(change)
    change.add_argument("--name", required=True)
    change.add_argument("--rename", metavar="NAME", help=_("the new one"))
    networks = change.add_mutually_exclusive_group()
    networks.add_argument(
        "--network", action="append", metavar="CIDR", help=_("instead of those it has")
    )
    networks.add_argument("--no-network", action="store_true", help=_("take its networks away"))
    remove = verb(site, "remove", "places.remove_site", _("remove a site where nothing stands"))
    of_account(remove)
    remove.add_argument("--name", required=True)


def _printers(nouns: Any) -> None:
    printer = noun(nouns, "printer", _("output devices"))
    add = verb(printer, "add", "printing.add_printer", _("add a printer"))
    of_account(add)
    add.add_argument("--name", required=True)
    add.add_argument("--uri", required=True, help=_("such as ipp://10.1.4.20/ipp/print"))
    add.add_argument("--site", metavar="NAME")
    add.add_argument("--profile", default="generic/ipp-everywhere")
    add.add_argument("--location")
    add.add_argument("--gateway", metavar="NAME", help=_("who drives it"))
    change = verb(printer, "set", "printing.set_printer", _("change a printer"))
    of_account(change)
    change.add_argument("--name", required=True)
    change.add_argument("--rename", metavar="NAME", help=_("the new one"))
    change.add_argument("--uri", help=_("such as ipp://10.1.4.20/ipp/print"))
    change.add_argument("--site", metavar="NAME", help=_("an empty one: no site"))
    change.add_argument("--profile")
    change.add_argument("--location")
    change.add_argument("--gateway", metavar="NAME", help=_("an empty one: any of its site"))
    change.add_argument("--enabled", choices=("yes", "no"), help=_("no: what is sent to it waits"))
    of_account(verb(printer, "list", "printing.list_printers", _("list printers")))
    remove = verb(printer, "remove", "printing.remove_printer", _("remove a printer"))
    of_account(remove)
    remove.add_argument("--name", required=True)


def _queues(nouns: Any) -> None:
    queue = noun(nouns, "queue", _("what people print to"))
    add = verb(queue, "add", "printing.add_queue", _("add a queue"))
    of_account(add)
    add.add_argument("--path", required=True, help=_("in /ipp/print/PATH, and the LPD queue name"))
    add.add_argument("--name", help=_("shown to people (the path)"))
    add.add_argument("--type", required=True, choices=("pull", "direct"))
    add.add_argument("--printer", metavar="NAME", help=_("of a direct queue"))
    add.add_argument(
        "--identity", default="sign-in", choices=("sign-in", "sign-in-over-tls", "claimed")
    )
    add.add_argument("--raw-port", type=int)
    of_account(verb(queue, "list", "printing.list_queues", _("list queues")))
    change = verb(queue, "set", "printing.set_queue", _("change a queue"))
    of_account(change)
    change.add_argument("--path", required=True, help=_("of which queue"))
    change.add_argument("--name", help=_("shown to people"))
    change.add_argument("--printer", metavar="NAME", help=_("of a direct queue"))
    change.add_argument("--identity", choices=("sign-in", "sign-in-over-tls", "claimed"))
    change.add_argument("--raw-port", type=int)
    change.add_argument("--retention-seconds", type=int, help=_("how long its jobs wait"))
    change.add_argument(
        "--keep-after-printing",
        choices=("yes", "no"),
        help=_("yes: a printed job can be printed again"),
    )
    remove = verb(queue, "remove", "printing.remove_queue", _("remove a queue"))
    of_account(remove)
    remove.add_argument("--path", required=True)
