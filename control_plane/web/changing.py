"""What every form on a page does: read what was typed, act on it, and say so or show it again.

A page that changes something reads like this, and falls through to itself where that was refused::

    form = typed("name", "networks")
    if carry_out(NewSite, form, lambda session, body: sites.create(session, ..., body, actor())):
        return done(_("The site was added."), "sites.list_sites")
    with reading() as session:
        return sites_page(session, form), 422
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from sqlalchemy.orm import Session

from control_plane.errors import SpoolhouseError
from control_plane.request import writing
from control_plane.web.forms import Form, read
from shared.i18n import gettext

_ = gettext
B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")


def typed(*names: str, **more: Any) -> Form:
    """What was sent of these fields, without the spaces around it; ``more`` is not typed."""
    return Form({**{name: request.form.get(name, "").strip() for name in names}, **more})


def carry_out(
    kind: type[B], form: Form, act: Callable[[Session, B], T], *, needs: Iterable[str] = ()
) -> T | None:
    """Do what a form asks for, in one transaction; None with the reasons in the form.

    Of a change that is sent through the API a field may be left out; a page shows the fields that
    it ``needs``, and to empty one is no wish that could be granted.

    Raises:
        SpoolhouseError: It is none that typing something else could mend.
    """
    require(form, needs)
    body = read(kind, form)
    if body is None or form.errors:
        return None
    return attempt(form, lambda session: act(session, body))


def require(form: Form, names: Iterable[str]) -> None:
    """Refuse fields that were left empty."""
    for name in names:
        if not form.values.get(name):
            form.errors[name] = _("Please fill this in.")


def attempt(form: Form, act: Callable[[Session], T]) -> T | None:
    """The same where there is nothing to check beforehand."""
    try:
        with writing() as session:
            return act(session)
    except SpoolhouseError as error:
        form.refuse(error, form.values)
        return None


def done(message: str, endpoint: str, **values: Any) -> ResponseReturnValue:
    """Say what was done, on the page where one goes on."""
    flash(message)
    return redirect(url_for(endpoint, **values), 303)


def confirmed(form: Form, name: str) -> bool:
    """Whether the name was typed once more, for what cannot be undone (parts.retyped)."""
    if form.values.get("confirm") == name:
        return True
    form.errors["confirm"] = _("Type the name %(name)s: this cannot be undone.", name=name)
    return False
