"""``spoolhouse printer|queue``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import tenants
from control_plane.accounts.models import Account
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk
from control_plane.cli.verbs import listed, of_account, removed
from control_plane.printers import service as printers
from control_plane.printers.schemas import NewPrinter, PrinterChanges, PrinterView
from control_plane.queues import service as queues
from control_plane.queues.schemas import NewQueue, QueueChanges, QueueView
from shared.ids import PrinterId

Arguments = argparse.Namespace


@of_account
def add_printer(desk: Desk, account: Account, arguments: Arguments) -> Any:
    new = NewPrinter(
        name=arguments.name,
        uri=arguments.uri,
        site_id=desks.site_id(desk, account.id, arguments.site),
        profile=arguments.profile,
        location=arguments.location or "",
        gateway_id=desks.gateway_id(desk, tenants.account(account.id), arguments.gateway),
    )
    printer = printers.create(desk.session, account.id, new, desk.by)
    return PrinterView.model_validate(printer)


@of_account
def list_printers(desk: Desk, account: Account, _arguments: Arguments) -> Any:
    found = printers.list_printers(desk.session, account.id).items
    return listed(PrinterView, found)


@of_account
def set_printer(desk: Desk, account: Account, arguments: Arguments) -> Any:
    printer = desks.printer(desk, account.id, arguments.name)
    wanted = desks.wishes(
        _places(desk, account, arguments),
        name=arguments.rename,
        uri=arguments.uri,
        location=arguments.location,
        profile=arguments.profile,
        enabled=arguments.enabled,
    )
    body = PrinterChanges.model_validate(wanted)
    changed = printers.update(desk.session, account.id, printer.id, body, desk.by)
    return PrinterView.model_validate(changed)


@of_account
def remove_printer(desk: Desk, account: Account, arguments: Arguments) -> Any:
    printer = desks.printer(desk, account.id, arguments.name)
    printers.delete(desk.session, account.id, PrinterId(printer.id), desk.by)
    return removed(printer.id)


@of_account
def add_queue(desk: Desk, account: Account, arguments: Arguments) -> Any:
    new = NewQueue.model_validate(
        {
            "name": arguments.name or arguments.path,
            "path": arguments.path,
            "type": arguments.type,
            "printer_id": desks.printer_id(desk, account.id, arguments.printer),
            "identity": arguments.identity,
            "raw_port": arguments.raw_port,
        }
    )
    return QueueView.model_validate(queues.create(desk.session, account.id, new, desk.by))


@of_account
def list_queues(desk: Desk, account: Account, _arguments: Arguments) -> Any:
    found = queues.list_queues(desk.session, account.id).items
    return listed(QueueView, found)


@of_account
def set_queue(desk: Desk, account: Account, arguments: Arguments) -> Any:
    queue = desks.queue(desk, account.id, arguments.path)
    wanted = desks.wishes(
        name=arguments.name,
        identity=arguments.identity,
        printer_id=desks.printer_id(desk, account.id, arguments.printer),
        raw_port=arguments.raw_port,
        retention_seconds=arguments.retention_seconds,
        keep_after_printing=arguments.keep_after_printing,
    )
    body = QueueChanges.model_validate(wanted)
    changed = queues.update(desk.session, account.id, queue.id, body, desk.by)
    return QueueView.model_validate(changed)


@of_account
def remove_queue(desk: Desk, account: Account, arguments: Arguments) -> Any:
    queue = desks.queue(desk, account.id, arguments.path)
    queues.delete(desk.session, account.id, queue.id, desk.by)
    return removed(queue.id)


def _places(desk: Desk, account: Account, arguments: Arguments) -> dict[str, str | None]:
    """Where a printer stands and who drives it, as far as that was said; empty takes it away."""
    found: dict[str, str | None] = {}
    if arguments.site is not None:
        found["site_id"] = desks.site_id(desk, account.id, arguments.site or None)
    if arguments.gateway is not None:
        owner = tenants.account(account.id)
        found["gateway_id"] = desks.gateway_id(desk, owner, arguments.gateway or None)
    return found
