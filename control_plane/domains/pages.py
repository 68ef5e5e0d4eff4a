"""A tenant's addresses: whose they are, how pages look there, what they show by TLS."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control_plane.database import utc_now
from control_plane.domains import brand, certificates
from control_plane.domains import service as domains
from control_plane.domains.dns import DnsLookup
from control_plane.domains.schemas import DomainChanges, NewDomain
from control_plane.errors import ConflictError, InvalidError, SpoolhouseError
from control_plane.security.permissions import Permission
from control_plane.web.caller import (
    actor,
    parts,
    reading,
    requires,
    tenant,
    vault,
    writing,
)
from control_plane.web.changing import attempt, carry_out, done, typed
from control_plane.web.forms import Form, read
from control_plane.web.pages import picture
from shared.i18n import gettext

_ = gettext
bp = Blueprint("domains", __name__, url_prefix="/domains")
_BRAND: Final = ("brand_name", "brand_color", "brand_side_color")


@bp.get("")
@requires(Permission.SEE_SETTINGS)
def list_domains() -> ResponseReturnValue:
    with reading() as session:
        return _list_page(session, Form())


@bp.post("")
@requires(Permission.CHANGE_SETTINGS)
def add_domain() -> ResponseReturnValue:
    form = typed("name")
    domain = carry_out(
        NewDomain, form, lambda session, body: domains.create(session, tenant(), body, actor())
    )
    if domain:
        said = _("%(name)s was added. It counts once it is verified.", name=domain.name)
        return done(said, "domains.show_domain", domain_id=domain.id)
    with reading() as session:
        return _list_page(session, form), 422


@bp.get("/<domain_id>")
@requires(Permission.SEE_SETTINGS)
def show_domain(domain_id: str) -> ResponseReturnValue:
    with reading() as session:
        return _page(session, domain_id)


@bp.post("/<domain_id>/verify")
@requires(Permission.CHANGE_SETTINGS)
def verify_domain(domain_id: str) -> ResponseReturnValue:
    """Ask DNS now; it may take some seconds, and no transaction is open meanwhile."""
    lookup = DnsLookup(parts().settings.dns_servers)
    try:
        domain = domains.check_and_verify(parts().database, tenant(), domain_id, actor(), lookup)
    except ConflictError as error:
        return _refused(domain_id, error, "")
    flash(_("%(name)s is verified: it shows your pages now.", name=domain.name))
    return _to(domain_id)


@bp.post("/<domain_id>/brand")
@requires(Permission.CHANGE_SETTINGS)
def set_brand(domain_id: str) -> ResponseReturnValue:
    form = Form({name: request.form.get(name, "").strip().lower() for name in _BRAND[1:]})
    form.values = {"brand_name": request.form.get("brand_name", "").strip(), **form.values}
    # What is left empty is taken away.
    body = read(DomainChanges, form)
    if body is None:
        form.errors = dict.fromkeys(form.errors, _("A colour is written #rrggbb."))
        with reading() as session:
            return _page(session, domain_id, form), 422
    whole = DomainChanges.model_validate(form.values)
    with writing() as session:
        domains.update(session, tenant(), domain_id, whole, actor())
    flash(_("Saved."))
    return _to(domain_id)


@bp.post("/<domain_id>/logo")
@requires(Permission.CHANGE_SETTINGS)
def set_logo(domain_id: str) -> ResponseReturnValue:
    file = request.files.get("logo")
    if file is None or not file.filename:
        return _refused(domain_id, InvalidError("logo", "choose a file"), "logo")
    with closing(file):
        data = file.stream.read(brand.MAX_BYTES + 1)
    return _try(
        domain_id,
        lambda session: brand.set_logo(session, tenant(), domain_id, data, actor()),
        ("logo",),
    )


@bp.post("/<domain_id>/logo/remove")
@requires(Permission.CHANGE_SETTINGS)
def remove_logo(domain_id: str) -> ResponseReturnValue:
    with writing() as session:
        brand.remove_logo(session, tenant(), domain_id, actor())
    flash(_("Saved."))
    return _to(domain_id)


@bp.get("/<domain_id>/logo")
@requires(Permission.SEE_SETTINGS)
def show_logo(domain_id: str) -> ResponseReturnValue:
    """Show the logo before the domain does."""
    with reading() as session:
        domain = domains.get_domain(session, tenant(), domain_id)
        return picture(domains.find_logo(session, domain.id))


@bp.get("/<domain_id>/preview.css")
@requires(Permission.SEE_SETTINGS)
def preview_style(domain_id: str) -> ResponseReturnValue:
    with reading() as session:
        domain = domains.get_domain(session, tenant(), domain_id)
        return Response(brand.preview_style(domain), mimetype="text/css")


@bp.post("/<domain_id>/certificate")
@requires(Permission.CHANGE_SETTINGS)
def bring_certificate(domain_id: str) -> ResponseReturnValue:
    given = {name: request.form.get(name, "") for name in ("chain", "key")}
    return _try(
        domain_id,
        lambda session: certificates.bring(
            session,
            tenant(),
            domain_id,
            actor(),
            **given,
            vault=vault(),
            own_names=parts().settings.own_names,
        ),
        ("chain", "key"),
        # What is shown again is the certificate alone; the key is typed again.
        {"chain": given["chain"][: certificates.MAX_CHARACTERS]},
    )


@bp.post("/<domain_id>/certificate/remove")
@requires(Permission.CHANGE_SETTINGS)
def remove_certificate(domain_id: str) -> ResponseReturnValue:
    with writing() as session:
        certificates.remove(session, tenant(), domain_id, actor())
    flash(_("Browsers are shown a certificate of this installation again."))
    return _to(domain_id)


@bp.post("/<domain_id>/delete")
@requires(Permission.CHANGE_SETTINGS)
def delete_domain(domain_id: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            domains.delete(session, tenant(), domain_id, actor())
    except ConflictError as error:
        return _refused(domain_id, error, "")
    return done(
        _("The domain was removed. Nobody reaches your pages there any more."),
        "domains.list_domains",
    )


def _try(
    domain_id: str,
    act: Callable[[Session], object],
    fields: tuple[str, ...],
    values: dict[str, Any] | None = None,
) -> ResponseReturnValue:
    form = Form({**dict.fromkeys(fields, ""), **(values or {})})
    attempt(form, act)
    if form.errors:
        with reading() as session:
            return _page(session, domain_id, form), 422
    flash(_("Saved."))
    return _to(domain_id)


def _refused(domain_id: str, error: SpoolhouseError, field: str) -> ResponseReturnValue:
    form = Form()
    form.refuse(error, (field,))
    with reading() as session:
        return _page(session, domain_id, form), 409 if isinstance(error, ConflictError) else 422


def _to(domain_id: str) -> ResponseReturnValue:
    return redirect(url_for("domains.show_domain", domain_id=domain_id), 303)


def _list_page(session: Session, form: Form) -> str:
    found = domains.list_domains(session, tenant())
    rows = domains.list_certificates(session, tenant())
    return render_template(
        "domains/list.html",
        form=form,
        domains=found,
        certificates={row.domain_id: row for row in rows},
        soon={row.domain_id for row in rows if certificates.ends_soon(row, utc_now())},
    )


def _page(session: Session, domain_id: str, form: Form | None = None) -> str:
    domain = domains.get_domain(session, tenant(), domain_id)
    form = form or Form()
    row = domains.find_certificate(session, domain.id)
    form.values = {**{name: getattr(domain, name) for name in _BRAND}, **form.values}
    return render_template(
        "domains/show.html",
        domain=domain,
        form=form,
        record=f"{domains.CHALLENGE_PREFIX}.{domain.name}",
        how=_how(domain.verified_by) if domain.verified_at else "",
        certificate=row,
        ends_soon=row is not None and certificates.ends_soon(row, utc_now()),
        has_ended=row is not None and row.ends_at <= utc_now(),
    )


def _how(verified_by: str | None) -> str:
    return {
        "dns": _("by its record in DNS"),
        "parent": _("by the owner of the domain above it"),
        "installation": _("by this installation"),
    }.get(verified_by or "", "")
