"""``/accounts/<id>/...`` on a vendor's host: the same pages, about one of its accounts.

The prefix moves into SCRIPT_NAME, so that addresses made by ``url_for`` keep it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

ACCOUNT_KEY: Final = "spoolhouse.account"
_PREFIX: Final = re.compile(r"/accounts/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=/)")

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def middleware(app: Wsgi) -> Wsgi:
    """Take the prefix off a path before routes are matched."""

    def prefixed(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ.pop(ACCOUNT_KEY, None)
        if match := _PREFIX.match(environ.get("PATH_INFO", "")):
            environ[ACCOUNT_KEY] = match[1]
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + match[0]
            environ["PATH_INFO"] = environ["PATH_INFO"][match.end() :]
        return app(environ, start_response)

    return prefixed
