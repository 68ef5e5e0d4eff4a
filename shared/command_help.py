"""What both commands say of themselves, in the language of whoever types: argparse in other words.

Headings and help are ours. What is wrong with the arguments argparse says itself, in the words
that it finds in the catalogue of the process's text domain: for as long as a command line is read
that is our catalogue, and here stand the complaints that it has to know.
"""

from __future__ import annotations

import argparse
import gettext as gettext_library
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from shared import i18n
from shared.i18n import gettext, mark

_ = gettext
COMPLAINTS: Final = (
    mark("%(prog)s: error: %(message)s\n"),
    mark("argument %(argument_name)s: %(message)s"),
    mark("the following arguments are required: %s"),
    mark("unrecognized arguments: %s"),
    mark("expected one argument"),
    mark("not allowed with argument %s"),
    mark("ignored explicit argument %r"),
    mark("ambiguous option: %(option)s could match %(matches)s"),
    mark("invalid choice: %(value)r (choose from %(choices)s)"),
    mark("invalid %(type)s value: %(value)r"),
)


def shell_language() -> str:
    """Tell which language whoever types here reads."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return i18n.known_language(next((name for name in names if name), None))


@contextmanager
def speaking_as_the_shell() -> Iterator[None]:
    """Say help and complaints in the language of whoever types, until the block ends."""
    language, before = shell_language(), gettext_library.textdomain()
    gettext_library.bindtextdomain(i18n.DOMAIN, str(i18n.LOCALE_FOLDER))
    # The library asks LANGUAGE before LANG, we do not: who gets English help gets no other words.
    gettext_library.textdomain(before if language == i18n.DEFAULT_LANGUAGE else i18n.DOMAIN)
    try:
        with i18n.reading_as(language):
            yield
    finally:
        gettext_library.textdomain(before)


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
