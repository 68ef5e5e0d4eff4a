"""Every page of the primary, once: whose it is, where it is, and how to come to it.

``script/screens`` makes its pictures along this way, and a test looks at each page with axe.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from playwright.sync_api import Page

from control_plane.errors import ConflictError
from shared.ids import JobId
from tests.support.houses import PASSWORD
from tests.support.primary_site import Site

# These hand out files, fragments of pages that are on the tour, and what programs read.
NOT_PAGES: Final = frozenset(
    {
        "static", "health.live", "enrolment.authority", "web.brand_style", "web.brand_logo",
        "domains.show_logo", "domains.preview_style", "imports.example",
    }
)  # fmt: skip
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Stop:
    """One page in one state; ``then`` is what somebody does there before it is looked at."""

    name: str
    path: str
    who: str = "alder/ada"  # house and user name; without a name nobody is signed in
    then: Callable[[Page], None] | None = None
    breaks: str = ""  # what fails meanwhile, so that the page is an error
    error: Exception | None = None
    status: int = 200

    @property
    def house(self) -> str:
        return self.who.partition("/")[0]

    @property
    def username(self) -> str:
        return self.who.partition("/")[2]


def tour(site: Site, held: JobId, things: dict[str, str]) -> Iterator[Stop]:
    """The stops, by who is signed in: one sign-in each."""
    yield from _daily(site, held)
    yield from _people(site, things)
    yield from _places(site)
    yield from _errors()
    yield from _troubles(site, things)
    yield from _portal()
    yield from _empty()
    yield from _of_the_vendor(site, things)
    yield from _of_strangers(things)


def _of_strangers(things: dict[str, str]) -> Iterator[Stop]:
    yield Stop("sign-in", "/sign-in", "alder/")
    yield Stop("sign-in-refused", "/sign-in", "alder/", _sign_in_wrongly)
    yield Stop("recovery", f"/recover/{things['recovery']}", "alder/")
    yield Stop("error-404-outside", "/recover/never-was", "alder/", status=404)
    yield Stop("sign-in-closed", "/sign-in", "birch/", status=403)


def _daily(site: Site, held: JobId) -> Iterator[Stop]:
    yield Stop("now", "/")
    yield Stop("jobs", "/jobs")
    yield Stop("jobs-none-found", "/jobs?q=nobody+ever+sent+this")
    yield Stop("jobs-chosen", "/jobs", then=_tick_two)
    yield Stop("job", f"/jobs/{held}")
    yield Stop("job-unknown", "/jobs?state=quarantine", then=_follow("Statement.urf"))
    yield Stop("job-give", "/jobs?state=quarantine", then=_whose_it_is)
    yield Stop("find", "/find?q=re")
    yield Stop("find-nothing", "/find?q=zzzz")
    yield Stop("audit", "/audit")
    yield Stop("settings", "/settings")
    yield Stop("card-key", "/settings/card-key")
    yield Stop("profile", "/me")
    yield Stop("account-menu", "/", then=lambda page: page.locator(".menu > summary").click())
    yield Stop("api-docs", "/api-docs")
    yield Stop("api-keys", "/api-keys")
    yield Stop("api-key-made", "/api-keys", then=_make_key)
    yield Stop("api-key-refused", "/api-keys", then=_fill("name", "Report"))


def _people(site: Site, things: dict[str, str]) -> Iterator[Stop]:
    town = site.town
    yield Stop("people", "/users")
    yield Stop("people-none-found", "/users?q=zzzz")
    yield Stop("person", f"/users/{town.ada.id}")
    yield Stop("person-locked", f"/users/{things['carl']}")
    yield Stop("person-link", f"/users/{things['carl']}", then=_press("Make a link"))
    yield Stop("person-token", f"/users/{town.ben.id}", then=_make_token)
    yield Stop("person-new", "/users/new")
    yield Stop("person-new-refused", "/users/new", then=_fill("username", "ada"))
    yield Stop("import-new", "/users/import")
    yield Stop("groups", "/groups")
    yield Stop("group", "/groups", then=_follow("Accounting"))
    yield Stop("roles", "/roles")
    yield Stop("role", "/roles", then=_role)
    yield Stop("domains", "/domains")
    yield Stop("domain", f"/domains/{things['domain']}")
    yield Stop("domain-own", f"/domains/{things['own-domain']}")


def _places(site: Site) -> Iterator[Stop]:
    house = site.town.alder
    yield Stop("printers", "/printers")
    yield Stop("printers-none-found", "/printers?q=zzzz")
    yield Stop("printer", "/printers", then=_follow("Reception 1"))
    yield Stop("printer-new", "/printers/new")
    yield Stop("printer-remove", f"/printers/{house.printer.id}", then=_press("Remove"))
    yield Stop("printer-new-refused", "/printers/new", then=_refused_printer)
    yield Stop("sites", "/sites")
    yield Stop("site", "/sites", then=_follow("Head office"))
    yield Stop("gateway", f"/gateways/{house.gateway.id}")
    yield Stop("gateway-settings", f"/gateways/{house.gateway.id}/settings")
    yield Stop("gateway-code", f"/gateways/{house.gateway.id}", then=_enrolment_code)
    yield Stop("queues", "/queues")
    yield Stop("queue", f"/queues/{house.pull.id}")
    yield Stop("queue-limited", "/queues", then=_follow("Invoices"))
    yield Stop("queue-new", "/queues/new")
    yield Stop("readers", "/readers")
    yield Stop("reader", "/readers", then=_follow("Reader 1"))
    yield Stop("reader-new", "/readers/new")
    yield Stop("terminals", "/terminals")
    yield Stop("terminal-code", f"/printers/{house.printer.id}", then=_press("Pair a terminal"))


def _errors() -> Iterator[Stop]:
    yield Stop("error-404", "/there-is-no-such-page", status=404)
    yield Stop("error-403", "/users", "alder/ben", status=403)
    conflict = ConflictError("a file is being worked on; wait until it is done")
    yield Stop(
        "error-409", "/roles", status=409, error=conflict,
        breaks="control_plane.roles.service.list_roles",
    )  # fmt: skip
    yield Stop(
        "error-500", "/roles", status=500, error=RuntimeError("a test broke this"),
        breaks="control_plane.roles.service.list_roles",
    )  # fmt: skip


def _troubles(site: Site, things: dict[str, str]) -> Iterator[Stop]:
    cleo = "cedar/cleo"
    yield Stop("trouble-now", "/", cleo)
    yield Stop("trouble-settings", "/settings", cleo)
    yield Stop("jobs-lost", "/jobs?state=lost", cleo)
    yield Stop("job-lost", f"/jobs/{things['lost']}", cleo)
    yield Stop("job-lost-on-its-way", f"/jobs/{things['lost-on-its-way']}", cleo)
    yield Stop("parked", "/parked", cleo)
    yield Stop("parked-rows", f"/gateways/{things['parked']}/parked", cleo)
    yield Stop("parked-give-up", f"/gateways/{things['parked']}/parked", cleo, _give_up)
    yield Stop("parked-none", f"/gateways/{site.town.cedar.gateway.id}/parked", cleo)
    yield Stop("two-boxes", f"/gateways/{things['halted']}/parked", cleo)
    yield Stop("trouble-gateway", f"/gateways/{things['parked']}", cleo)
    yield Stop("trouble-gateway-halted", f"/gateways/{things['halted']}", cleo)
    yield Stop("gateway-approve", f"/gateways/{things['new-box']}", cleo)
    yield Stop("gateway-rehearses", f"/gateways/{site.town.cedar.gateway.id}", cleo)
    for name in ("waiting", "diagnosed", "printer", "identified", "refused", "rehearsal"):
        yield Stop(f"command-{name}", f"/commands/{things[f'asked-{name}']}", cleo)
    yield Stop("import-checked", f"/users/import/{things['import']}", cleo)
    yield Stop("trouble-sites", "/sites", cleo)


def _portal() -> Iterator[Stop]:
    for name, who in (("", "alder/ben"), ("-owner", "alder/ada"), ("-empty", "dogwood/dora")):
        yield Stop(f"my{name}", "/my", who)
    yield Stop("my-delete", "/my", "alder/ben", _delete_one)
    yield Stop("my-tokens", "/my/print-tokens", "alder/ben")
    yield Stop("my-token-made", "/my/print-tokens", "alder/ben", _my_token)


def _empty() -> Iterator[Stop]:
    for name in (
        "jobs", "printers", "users", "sites", "queues", "readers", "terminals", "groups",
        "roles", "domains", "audit", "settings", "api-keys",
    ):  # fmt: skip
        yield Stop(f"empty-{name}", f"/{name}", "dogwood/dora")
    yield Stop("empty-now", "/", "dogwood/dora")
    yield Stop("empty-parked", "/parked", "dogwood/dora")
    yield Stop("empty-queue-new", "/queues/new", "dogwood/dora")
    yield Stop("empty-reader-new", "/readers/new", "dogwood/dora")


def _of_the_vendor(site: Site, things: dict[str, str]) -> Iterator[Stop]:
    vic, town = "vic/vic", site.town
    yield Stop("vendor-accounts", "/accounts", vic)
    yield Stop("vendor-account", f"/customers/{town.alder.account.id}", vic)
    yield Stop("vendor-account-over", f"/customers/{town.cedar.account.id}", vic)
    yield Stop("vendor-account-new", "/accounts/new", vic)
    yield Stop("vendor-account-made", "/accounts/new", vic, _make_account)
    yield Stop("vendor-account-closed", f"/customers/{things['closed']}", vic)
    yield Stop("vendor-gateway", "/gateways", vic, _follow("Datacenter-1"))
    yield Stop("vendor-settings", "/vendor-settings", vic)
    yield Stop("vendor-vendor", f"/vendors/{things['partner']}", vic)
    for name in ("users", "roles", "domains", "audit", "gateways", "vendors", "api-keys"):
        yield Stop(f"vendor-{name}", f"/{name}", vic)
    yield Stop("vendor-looks-in", f"/accounts/{town.alder.account.id}/", vic)


@contextmanager
def broken(stop: Stop) -> Iterator[None]:
    """Let something fail while the page is asked for, where the stop is an error."""
    if not stop.breaks:
        yield
        return
    with patch(stop.breaks, side_effect=stop.error):
        yield


def sign_in(page: Page, site: Site, house: str, username: str) -> None:
    page.goto(site.url(house, "/sign-in"))
    page.locator("#username").fill(username)
    page.locator("#password").fill(PASSWORD)
    page.locator("form button").click()
    page.wait_for_selector(".frame h1")


def speak(page: Page, site: Site, language: str) -> None:
    """Choose a language at every house, as its menu does."""
    cookies: list[Any] = [
        {
            "name": "__Host-spoolhouse-language",
            "value": language,
            "url": site.url(house),
            "secure": True,
        }
        for house in ("alder", "birch", "cedar", "dogwood", "vic")
    ]
    page.context.add_cookies(cookies)


def go(page: Page, site: Site, stop: Stop) -> None:
    """Come to a stop; who it is for must be signed in."""
    with broken(stop):
        answer = page.goto(site.url(stop.house, stop.path))
    assert answer is not None, stop.name
    assert answer.status == stop.status, f"{stop.name}: {answer.status}"
    if stop.then is not None:
        stop.then(page)
        page.wait_for_load_state()


# What people do on the way. Names of buttons differ by language: these go by what stays.


def _sign_in_wrongly(page: Page) -> None:
    page.locator("#username").fill("ada")
    page.locator("#password").fill(f"wrong {next(_numbers)}")
    page.locator("form button").click()


def _tick_two(page: Page) -> None:
    for box in page.locator("input[name=job]").all()[:2]:
        box.check()


_ACTIONS: Final = {
    "Make a link": "form[action$='/recovery'] button",
    "Remove": "[data-open=delete-printer]",
    "Pair a terminal": "form[action$='/terminals/code'] button",
}


def _press(name: str) -> Callable[[Page], None]:
    return lambda page: page.locator(_ACTIONS[name]).click()


def _follow(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("link", name=name, exact=True).first.click()


def _role(page: Page) -> None:
    page.locator("main a[href^='/roles/']").first.click()


def _whose_it_is(page: Page) -> None:
    _follow("Statement.urf")(page)
    page.locator("a[href$='/give']").click()


def _fill(field: str, text: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.locator(f"#f-{field}").fill(text)
        page.locator("main form:not(.acts) .btn-primary").click()

    return act


def _make_token(page: Page) -> None:
    form = page.locator("form[action$='/print-tokens']")
    form.locator("#f-name").fill(f"Label printer {next(_numbers)}")
    form.locator("button").click()


def _make_key(page: Page) -> None:
    page.locator("#f-name").fill(f"Monthly report {next(_numbers)}")
    page.locator("input[value='jobs.see']").check()
    page.locator("main form:not(.acts) .btn-primary").click()


def _my_token(page: Page) -> None:
    form = page.locator("form[action$='/print-tokens']").first
    form.locator("#f-name").fill(f"Laptop {next(_numbers)}")
    form.locator("button").last.click()


def _refused_printer(page: Page) -> None:
    page.locator("#f-name").fill("Plotter room")
    page.locator("#f-uri").fill("http://192.0.2.9/")
    page.locator("form.form .btn-primary").click()


def _enrolment_code(page: Page) -> None:
    page.locator("form[action$='/code'] button").first.click()


def _give_up(page: Page) -> None:
    page.locator("[data-open=give-up-1]").click()


def _delete_one(page: Page) -> None:
    page.locator("[data-open^=delete-]").first.click()


def _make_account(page: Page) -> None:
    name = f"elm-{next(_numbers)}"
    for field, text in (("name", "Elm & Sons"), ("short_name", name), ("owner", "eva"),
                        ("domain", f"{name}.example.org")):  # fmt: skip
        page.locator(f"#f-{field}").fill(text)
    page.locator("form.form .btn-primary").click()
