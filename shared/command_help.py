"""What both commands say of themselves, in the language of whoever types: argparse in other words.

Only help is translated. What goes wrong with the arguments argparse says itself, in English.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any

from shared import i18n
from shared.i18n import gettext

_ = gettext


def shell_language() -> str:
    """Tell which language whoever types here reads."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return i18n.known_language(next((name for name in names if name), None))


class Parser(argparse.ArgumentParser):
    """A parser whose headings are in the reader's language, too; so are those of its commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(add_help=False, formatter_class=_Formatter, **options)
        self._positionals.title = _("what it needs")
        self._optionals.title = _("options")
        self.add_argument("-h", "--help", action="help", help=_("show this help and end"))


class _Formatter(argparse.HelpFormatter):
    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[argparse._MutuallyExclusiveGroup],
        prefix: str | None = None,
    ) -> None:
        heading = _("usage:") + " " if prefix is None else prefix
        super().add_usage(usage, actions, groups, heading)
