"""Collect the messages people see, merge them into the catalogues, compile them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from shared.i18n import DOMAIN, LOCALE_FOLDER

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("shared", "edge_agent", "control_plane")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "mark": None,
    # Refusals are shown on pages, too: their text is collected where they are raised.
    "InvalidError": (2,),
    "ConflictError": (1,),
    "SpoolhouseError": (1,),
}
METHODS = [
    ("**/static/**", "ignore"),
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
]
OPTIONS = {"**/templates/**.html": {"newstyle_gettext": "true", "trimmed": "true"}}
# Without dates and names: a second run changes nothing.
HEADER = r"""msgid ""
msgstr ""
"Project-Id-Version: spoolhouse\n"
"Language: {language}\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""


def extracted() -> Catalog:
    """Read every message that the programs can show."""
    catalogue = Catalog(domain=DOMAIN, charset="utf-8", fuzzy=False)
    for room in ROOMS:
        for name, line, message, _comments, context in extract_from_dir(
            ROOT / room, METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True
        ):
            catalogue.add(message, None, [(f"{room}/{name}", line)], context=context)
    return catalogue


def po_path(language: str) -> Path:
    return LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read_catalogue(language: str) -> Catalog:
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    # Babel would write today's date into the header.
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def untranslated(language: str) -> Iterator[str]:
    """Name the messages that have no translation, or an uncertain one."""
    known = read_catalogue(language)
    for message in extracted():
        if not message.id:
            continue
        found = known.get(message.id)
        strings = (
            () if found is None or found.fuzzy
            else found.string if isinstance(found.string, (tuple, list)) else (found.string,)
        )  # fmt: skip
        if not strings or not all(strings):
            yield message.id if isinstance(message.id, str) else message.id[0]


def update(language: str) -> list[str]:
    catalogue = read_catalogue(language)
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    body = io.BytesIO()
    write_po(body, catalogue, sort_output=True, no_location=True, width=100, omit_header=True)
    po_path(language).write_bytes(HEADER.format(language=language).encode() + body.getvalue())
    po_path(language).with_suffix(".mo").write_bytes(compiled(read_catalogue(language)))
    return sorted(set(untranslated(language)))


def main() -> int:
    missing = update("de")
    for message in missing:
        print(f"no German yet: {message!r}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
