"""``spoolhouse gateway|reader|terminal``."""

from __future__ import annotations

import argparse
from typing import Any

from control_plane import tenants
from control_plane.cli import desk as desks
from control_plane.cli.desk import Desk, at_desk
from control_plane.cli.telling import CommandError
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


def add_gateway(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        gateway = _create_gateway(desk, owner, arguments)
        return GatewayView.model_validate(gateway)


def set_gateway(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        gateway = desks.gateway(desk, owner, arguments.gateway)
        body = GatewayChanges.model_validate(
            {
                "services": _services(arguments, gateway.services),
                "trusted_hosts": arguments.trusted_host or gateway.trusted_hosts,
            }
        )
        changed = gateways.update(desk.session, owner, gateway.id, body, desk.by)
        return GatewayView.model_validate(changed)


def gateway_code(arguments: Arguments) -> Any:
    """A one-time enrolment code, for a gateway that is there or is made by this."""
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
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


def serve_account(arguments: Arguments) -> Any:
    """Let a gateway of a vendor (or of the account itself) serve an account."""
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
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


def list_gateways(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        found = gateways.list_gateways(desk.session, desks.tenant(desk, arguments)).items
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


def revoke_gateway(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        owner = desks.tenant(desk, arguments)
        gateway = desks.gateway(desk, owner, arguments.gateway)
        revoked = gateways.revoke(desk.session, owner, gateway.id, desk.by)
        return GatewayView.model_validate(revoked)


def add_reader(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
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


def list_readers(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        found = readers.list_readers(desk.session, account.id).items
        return {"items": [ReaderView.model_validate(reader) for reader in found]}


def terminal_code(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        new = NewTerminalCode(
            printer_id=desks.printer(desk, account.id, arguments.printer).id,
            reader_id=desks.reader_id(desk, account.id, arguments.reader),
        )
        row, code = terminals.create_code(desk.session, account.id, new, desk.by)
        return {"id": row.id, "code": code, "expires_at": row.expires_at}


def list_terminals(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
        found = terminals.list_terminals(desk.session, account.id).items
        return {"items": [TerminalView.model_validate(terminal) for terminal in found]}


def revoke_terminal(arguments: Arguments) -> Any:
    with at_desk(arguments) as desk:
        account = desks.account(desk, arguments.account)
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
