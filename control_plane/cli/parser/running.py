"""The words of what runs: the primary, its broker, backups, keys, a fleet."""

from __future__ import annotations

from typing import Any

from control_plane.cli.parser.options import Parser, noun, verb
from control_plane.settings import DEFAULT_LISTEN
from shared.i18n import gettext

_ = gettext


def add(nouns: Any) -> None:
    primary = verb(nouns, "primary", "running.run_primary", _("run the primary"))
    primary.add_argument(
        "--trusted-proxy", action="append", metavar="CIDR", help=_("believe its X-Forwarded-For")
    )
    primary.add_argument(
        "--listen", metavar="HOST:PORT", help=_("web pages (%(address)s)", address=DEFAULT_LISTEN)
    )
    _broker_elsewhere(primary)
    primary.add_argument(
        "--database-pool", type=int, metavar="N", help=_("connections kept to the database (16)")
    )
    broker = verb(nouns, "broker", "primaries.run_broker", _("run a broker on its own"))
    for leaf in (primary, broker):
        leaf.add_argument("--public-host", metavar="NAME", help=_("the name gateways use for us"))
        leaf.add_argument("--name", action="append", metavar="NAME", help=_("further name of ours"))
        leaf.add_argument(
            "--log-level", default="info", choices=("debug", "info", "warning", "error")
        )
        leaf.add_argument("--broker-host", metavar="HOST", help=_("where gateways come"))
        leaf.add_argument("--broker-port", type=int, metavar="N", help=_("0: choose a free one"))
    copy = verb(nouns, "backup", "backups.back_up", _("copy database and keys into one file"))
    copy.add_argument("file", metavar="FILE", help=_("made with mode 0600; the primary may run"))
    bring = verb(nouns, "restore", "backups.restore", _("bring a backup back; no primary may run"))
    bring.add_argument("file", metavar="FILE")
    key = noun(nouns, "signing-key", _("the key that gateways believe this installation by"))
    verb(key, "announce", "keys.announce", _("make the next key, and let gateways know it first"))
    broker = verb(
        nouns, "broker-certificate", "keys.broker_certificate", _("for a broker that others run")
    )
    broker.add_argument("names", nargs="+", metavar="HOST", help=_("as gateways reach it"))
    broker.add_argument("--out", required=True, metavar="DIR", help=_("ca.pem, broker.pem, .key"))
    use = verb(key, "use", "keys.use", _("sign with the announced key from the next start on"))
    use.add_argument("--anyway", action="store_true", help=_("some gateways have not heard of it"))
    verb(nouns, "migrate", "running.migrate", _("bring the database to this program's schema"))
    verb(nouns, "doctor", "doctor.examine", _("look for what keeps the primary from working"))
    simulate = verb(
        nouns, "simulate", "simulating.run_simulation", _("run a fleet of simulated gateways")
    )
    simulate.add_argument("scenario", metavar="SCENARIO.toml", help=_("see docs/simulate.md"))
    simulate.add_argument("--url", help=_("where the primary is (as in its settings)"))
    simulate.add_argument("--broker", metavar="HOST:PORT", help=_("where its broker is"))
    batch = verb(nouns, "batch", "batch.run_batch", _("run many commands, one a line"))
    batch.add_argument(
        "file", nargs="?", default="-", help=_("lines of commands; - or none: input")
    )


def _broker_elsewhere(parser: Parser) -> None:
    parser.add_argument(
        "--broker-address",
        metavar="HOST:PORT",
        help=_("a broker that is run elsewhere; ours: none"),
    )
    parser.add_argument("--broker-ca", metavar="FILE", help=_("its authority, where not our own"))
    parser.add_argument(
        "--broker-roles",
        choices=("keep", "leave"),
        help=_("whether we tell it who may what (keep)"),
    )
    parser.add_argument("--broker-name", metavar="NAME", help=_("the name it knows us by"))
