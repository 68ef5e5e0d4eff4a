"""``spoolhouse gateway|reader|terminal``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import tenants
from control_plane.accounts.models import Account
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk
from control_plane.cli.telling import CommandError
from control_plane.cli.verbs import listed, of_account, of_tenant
from control_plane.enrolment import service as enrolment
from control_plane.enrolment import words
from control_plane.gateways import service as gateways
from control_plane.gateways.models import Gateway
from control_plane.gateways.schemas import (
    DEFAULT_SERVICES,
    GatewayChanges,
    GatewayStateView,
    GatewayView,
    NewGateway,
    ServiceName,
)
from control_plane.pki.keys import KeyRing
from control_plane.readers import service as readers
from control_plane.readers.schemas import NewReader, ReaderView
from control_plane.settings import parse_listen
from control_plane.tenants import Tenant
from control_plane.terminals import service as terminals
from control_plane.terminals.schemas import NewTerminalCode, TerminalView
from shared.enrolment_code import write_typed
from shared.ids import TerminalId

Arguments = argparse.Namespace
_LISTENERS: dict[str, ServiceName] = {
    "ipp": "ipp",
    "terminal": "terminal-client",
    "health": "health",
    "lpd": "lpd",
    "raw": "raw",
    "api": "api",
}


@of_tenant
def add_gateway(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    gateway = _create_gateway(desk, owner, arguments)
    return GatewayView.model_validate(gateway)


@of_tenant
def set_gateway(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    gateway = desks.gateway(desk, owner, arguments.gateway)
    body = GatewayChanges.model_validate(
        {
            "services": _services(arguments, gateway.services),
            "trusted_hosts": arguments.trusted_host or gateway.trusted_hosts,
        }
    )
    changed = gateways.update(desk.session, owner, gateway.id, body, desk.by)
    return GatewayView.model_validate(changed)


@of_tenant
def gateway_code(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    """A one-time enrolment code, for a gateway that is there or is made by this."""
    if arguments.gateway:
        gateway = desks.gateway(desk, owner, arguments.gateway)
    elif arguments.name:
        gateway = _create_gateway(desk, owner, arguments)
    else:
        raise CommandError("say which: --gateway NAME for one that is there, or --name NAME")
    pem = KeyRing.open_or_create(desk.settings.keys).authority.pem
    code, expires_at = enrolment.create_code(
        desk.session,
        gateway,
        desk.by,
        url=arguments.url or desk.settings.url,
        authority_pem=pem,
    )
    return {
        "gateway_id": gateway.id,
        "code": str(code),
        "typed": write_typed(code.secret),
        "authority_fingerprint": words.fingerprint(code.pin.hex()),
        "expires_at": expires_at,
    }


@of_account
def serve_account(desk: Desk, account: Account, arguments: Arguments) -> Any:
    """Let a gateway of a vendor (or of the account itself) serve an account."""
    owner = (
        tenants.vendor(desks.vendor(desk, arguments.vendor).id)
        if arguments.vendor
        else tenants.account(account.id)
    )
    gateway = desks.gateway(desk, owner, arguments.gateway)
    if arguments.stop:
        gateways.stop_serving(desk.session, gateway, account.id, desk.by)
    else:
        gateways.serve(desk.session, gateway, account.id, desk.by, vault=desk.vault)
    served = gateways.served_accounts(desk.session, gateway.id)
    return {"gateway_id": gateway.id, "serves": list(served)}


@of_tenant
def list_gateways(desk: Desk, owner: Tenant, _arguments: Arguments) -> Any:
    found = gateways.list_gateways(desk.session, owner).items
    states = gateways.states(desk.session, [gateway.id for gateway in found])
    return {
        "items": [
            {
                **GatewayView.model_validate(gateway).model_dump(mode="json"),
                "state": GatewayStateView.model_validate(states[gateway.id])
                if gateway.id in states
                else None,
            }
            for gateway in found
        ]
    }


@of_tenant
def revoke_gateway(desk: Desk, owner: Tenant, arguments: Arguments) -> Any:
    gateway = desks.gateway(desk, owner, arguments.gateway)
    revoked = gateways.revoke(desk.session, owner, gateway.id, desk.by)
    return GatewayView.model_validate(revoked)


@of_account
def add_reader(desk: Desk, account: Account, arguments: Arguments) -> Any:
    owner = tenants.account(account.id)
    new = NewReader.model_validate(
        {
            "name": arguments.name,
            "gateway_id": desks.gateway(desk, owner, arguments.gateway).id,
            "printer_id": desks.printer(desk, account.id, arguments.printer).id,
            "mode": arguments.mode,
            "role": arguments.role,
            "address": arguments.address,
            "port": arguments.port,
            "profile": arguments.profile,
        }
    )
    return ReaderView.model_validate(readers.create(desk.session, account.id, new, desk.by))


@of_account
def list_readers(desk: Desk, account: Account, _arguments: Arguments) -> Any:
    found = readers.list_readers(desk.session, account.id).items
    return listed(ReaderView, found)


@of_account
def terminal_code(desk: Desk, account: Account, arguments: Arguments) -> Any:
    new = NewTerminalCode(
        printer_id=desks.printer(desk, account.id, arguments.printer).id,
        reader_id=desks.reader_id(desk, account.id, arguments.reader),
    )
    row, code = terminals.create_code(desk.session, account.id, new, desk.by)
    return {"id": row.id, "code": code, "expires_at": row.expires_at}


@of_account
def list_terminals(desk: Desk, account: Account, _arguments: Arguments) -> Any:
    found = terminals.list_terminals(desk.session, account.id).items
    return listed(TerminalView, found)


@of_account
def revoke_terminal(desk: Desk, account: Account, arguments: Arguments) -> Any:
    terminals.revoke(desk.session, account.id, TerminalId(arguments.id), desk.by)
    return {"id": arguments.id, "revoked": True}


def _create_gateway(desk: Desk, owner: Tenant, arguments: Arguments) -> Gateway:
    site = None
    if arguments.site:
        if owner.account_id is None:
            raise CommandError("a vendor's gateway stands at no site of an account")
        site = desks.site_id(desk, owner.account_id, arguments.site)
    defaults: dict[str, Any] = {
        name: service.model_dump() for name, service in DEFAULT_SERVICES.items()
    }
    new = NewGateway.model_validate(
        {
            "name": arguments.name,
            "site_id": site,
            "services": _services(arguments, defaults),
            "trusted_hosts": arguments.trusted_host or [],
        }
    )
    return gateways.create(desk.session, owner, new, desk.by, vault=desk.vault)


def _services(arguments: Arguments, present: dict[str, Any]) -> dict[str, Any]:
    found = {name: dict(service) for name, service in present.items()}
    for option, name in _LISTENERS.items():
        if listen := getattr(arguments, option):
            host, port = parse_listen(f"--{option}", listen)
            found[name] = {**found.get(name, {}), "enabled": True, "host": host, "port": port}
    if arguments.readers:
        # Readers have ports of their own; this is the address where we wait for them.
        found["card-readers"] = {**found.get("card-readers", {}), "host": arguments.readers}
    for name in arguments.without or ():
        found[name] = {**found.get(name, {}), "enabled": False}
    return found
