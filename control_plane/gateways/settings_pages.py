"""What a gateway of one's own runs: its name, its place, its services and where they listen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.gateways import service as gateways
from control_plane.gateways import words
from control_plane.gateways.schemas import DEFAULT_SERVICES, GatewayChanges, Service
from control_plane.security.permissions import Permission
from control_plane.sites import service as sites
from control_plane.web.caller import account_id, actor, reading, requires, tenant
from control_plane.web.changing import attempt, done, require, typed
from control_plane.web.forms import Form, read
from shared.i18n import gettext
from shared.ids import GatewayId

_ = gettext
bp = Blueprint("gateway_settings", __name__, url_prefix="/gateways")
_ALL: Final = 200
# Raw ports are named by queues; readers are called, or call at ports of their own.
_WITH_PORT: Final = frozenset({"ipp", "lpd", "api", "terminal-client", "health"})
_WITH_HOST: Final = _WITH_PORT | {"raw", "card-readers"}
_USUAL_PORTS: Final[Mapping[str, int]] = {
    **{name: service.port for name, service in DEFAULT_SERVICES.items() if service.port},
    "lpd": 515,
    "api": 8634,
}


@bp.get("/<gateway_id>/settings")
@requires(Permission.CHANGE_THINGS)
def show(gateway_id: str) -> ResponseReturnValue:
    with reading() as session:
        gateway = gateways.get_own(session, tenant(), GatewayId(gateway_id))
        return _page(session, gateway, Form(_values(gateway)))


@bp.post("/<gateway_id>/settings")
@requires(Permission.CHANGE_THINGS)
def change(gateway_id: str) -> ResponseReturnValue:
    with reading() as session:
        gateway = gateways.get_own(session, tenant(), GatewayId(gateway_id))
    fields = (f"{what}-{name}" for name in words.SERVICES for what in ("host", "port"))
    switches = {f"on-{name}": f"on-{name}" in request.form for name in words.SERVICES}
    form = typed("name", "site_id", "trusted_hosts", *fields, **switches)
    require(form, ("name",))
    wishes = _wishes(form, gateway)
    body = read(GatewayChanges, Form(wishes, form.errors))
    if body is not None and not form.errors:
        changed = attempt(
            form,
            lambda session: gateways.update(
                session,
                tenant(),
                gateway.id,
                body.model_copy(update={"site_id": wishes["site_id"]}),
                actor(),
            ),
        )
        if changed:
            said = _("Saved. The gateway takes it up within seconds, or says here why not.")
            return done(said, "gateways.show_gateway", gateway_id=gateway_id)
    with reading() as session:
        return _page(session, gateway, form), 422


def _values(gateway: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": gateway.name,
        "site_id": gateway.site_id or "",
        "trusted_hosts": "\n".join(gateway.trusted_hosts),
    }
    for name in words.SERVICES:
        setting = gateway.services.get(name)
        values[f"on-{name}"] = setting is not None and setting.get("enabled", True)
        values[f"host-{name}"] = (setting or {}).get("host", "")
        values[f"port-{name}"] = str((setting or {}).get("port") or _USUAL_PORTS.get(name, ""))
    return values


def _wishes(form: Form, gateway: Any) -> dict[str, Any]:
    """What was typed, as one change; what is wrong with a service stands beside its field."""
    return {
        "name": form.values["name"],
        "site_id": form.values["site_id"] or None,
        "trusted_hosts": form.values["trusted_hosts"].replace(",", " ").split(),
        "services": dict(_services(form, gateway)),
    }


def _services(form: Form, gateway: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in words.SERVICES:
        before, is_on = gateway.services.get(name), form.values[f"on-{name}"]
        if before is None and not is_on:
            continue
        typed_here = {
            "host": form.values[f"host-{name}"] if name in _WITH_HOST else "",
            "port": form.values[f"port-{name}"] if name in _WITH_PORT else "",
        }
        if is_on and name in _WITH_PORT:
            require(form, (f"port-{name}",))
        inner = Form({key: text for key, text in typed_here.items() if text})
        service = read(Service, inner)
        form.errors.update({f"{key}-{name}": said for key, said in inner.errors.items()})
        if service is not None:
            kept = dict(before or {})  # its options, which are set through the API
            yield name, {**kept, **service.model_dump(exclude_unset=True), "enabled": is_on}


def _page(session: Session, gateway: Any, form: Form) -> str:
    places = sites.list_sites(session, account_id(), limit=_ALL).items if _is_of_account() else ()
    return render_template(
        "gateways/settings.html",
        gateway=gateway,
        form=form,
        sites=[(site.id, site.name) for site in places],
        services=[
            (name, words.section_name(name), name in _WITH_HOST, name in _WITH_PORT)
            for name in words.SERVICES
        ],
    )


def _is_of_account() -> bool:
    return tenant().account_id is not None
