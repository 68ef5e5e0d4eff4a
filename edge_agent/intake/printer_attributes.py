"""What a queue says about itself (Get-Printer-Attributes): RFC 8011 5.2 and 5.4, PWG 5100.12/14.

The constant part is made once per queue and host name; what changes is added to each answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge_agent.intake import attributes as a
from edge_agent.intake import compression, templates
from edge_agent.intake.capabilities import ANY, PDF, Capabilities, MediaSize
from shared.ipp.enums import Operation
from shared.ipp.message import Attribute
from shared.ipp.values import UNKNOWN, Collection

VERSIONS: Final = ("1.0", "1.1", "2.0", "2.1", "2.2")
WHICH_JOBS: Final = (
    "completed",
    "not-completed",
    "aborted",
    "all",
    "canceled",
    "pending",
    "pending-held",
    "processing",
    "processing-stopped",
    "proof-print",
)
JOB_CREATION: Final = (
    "compression",
    "document-format",
    "document-name",
    "ipp-attribute-fidelity",
    "job-name",
    "job-hold-until",
    "requesting-user-name",
)
IDENTIFY_ACTIONS: Final = ("display", "sound")

# What 'job-template' names in requested-attributes, beside <template>-default/-supported/-ready.
_MORE_TEMPLATE: Final = frozenset(
    {"media-ready", "media-col-ready", "media-col-database", "finishings-ready"}
)
_ONLY_WHEN_NAMED: Final = frozenset({"media-col-database"})


@dataclass(frozen=True, slots=True)
class QueueFace:
    """Everything constant that a queue's attributes are made of."""

    name: str
    info: str
    location: str
    organization: str
    organizational_unit: str
    uuid: str
    uris: tuple[tuple[str, str, str], ...]  # uri, uri-security, uri-authentication
    web: str  # http(s)://host:port of the page about this listener
    language: str
    operations: tuple[Operation, ...]
    capabilities: Capabilities
    defaults: Mapping[str, Any]


class PrinterAttributes:
    """The attributes of one queue, ready to be chosen from."""

    def __init__(self, face: QueueFace, more: Iterable[Attribute] = ()) -> None:
        table = face.capabilities
        self.template = {item.name: item for item in _template(table, face.defaults)}
        self.description = {
            item.name: item for item in (*_description(face), *_raster(table), *more)
        }

    def choose(self, requested: Sequence[str], live: Sequence[Attribute]) -> tuple[Attribute, ...]:
        """Choose what was asked for; nothing asked means everything that is no database."""
        wanted = set(requested) or {"all"}
        chosen: list[Attribute] = []
        everything = "all" in wanted
        for part, group in ((self.template, "job-template"), (self.description, _DESCRIPTION)):
            if everything or group in wanted:
                chosen += [
                    item
                    for name, item in part.items()
                    if name not in _ONLY_WHEN_NAMED or name in wanted
                ]
            else:
                chosen += [part[name] for name in requested if name in part]
        if everything or _DESCRIPTION in wanted:
            chosen += live
        else:
            chosen += [item for item in live if item.name in wanted]
        return tuple({item.name: item for item in chosen}.values())

    def defaults(self) -> dict[str, Attribute]:
        return {name: item for name, item in self.template.items() if name.endswith("-default")}


_DESCRIPTION: Final = "printer-description"


def _template(table: Capabilities, defaults: Mapping[str, Any]) -> list[Attribute]:
    """Every ``-default``, ``-supported`` and ``-ready`` of job template attributes."""
    supported = [
        a.ranges("copies-supported", (1, table.copies)),
        a.enum("finishings-supported", *table.finishings),
        a.enum("finishings-ready", *table.finishings),
        a.keyword("job-hold-until-supported", *templates.HOLD_UNTIL),
        a.integer("job-priority-supported", 1),
        a.keyword("job-sheets-supported", *table.job_sheets),
        a.keyword("multiple-document-handling-supported", *templates.DOCUMENT_HANDLING),
        a.integer("number-up-supported", *table.number_up),
        a.enum("orientation-requested-supported", *table.orientations),
        a.keyword("output-bin-supported", *table.output_bins),
        a.keyword("overrides-supported", *templates.OVERRIDES),
        a.boolean("page-ranges-supported", value=True),
        a.keyword("print-color-mode-supported", *table.color_modes),
        a.keyword("print-content-optimize-supported", *table.content_optimize),
        a.enum("print-quality-supported", *table.qualities),
        a.keyword("print-rendering-intent-supported", *table.rendering_intents),
        a.keyword("print-scaling-supported", *templates.PRINT_SCALING),
        a.resolution("printer-resolution-supported", *table.resolutions_dpi),
        a.keyword("sides-supported", *table.sides),
    ]
    return [*_defaults(table, defaults), *supported, *_media(table)]


def _defaults(table: Capabilities, chosen: Mapping[str, Any]) -> list[Attribute]:
    built_in = [
        a.integer("copies", 1),
        a.enum("finishings", table.finishings[0]),
        a.keyword("job-hold-until", "no-hold"),
        a.integer("job-priority", 50),
        a.keyword("job-sheets", table.job_sheets[0]),
        a.keyword("media", table.media_ready[0]),
        a.keyword("multiple-document-handling", templates.DOCUMENT_HANDLING[0]),
        a.integer("number-up", table.number_up[0]),
        a.enum("orientation-requested", table.orientations[0]),
        a.keyword("output-bin", table.output_bins[0]),
        a.keyword("print-color-mode", table.color_modes[0]),
        a.keyword("print-content-optimize", table.content_optimize[0]),
        a.enum("print-quality", table.qualities[0]),
        a.keyword("print-rendering-intent", table.rendering_intents[0]),
        a.keyword("print-scaling", templates.PRINT_SCALING[0]),
        a.resolution("printer-resolution", table.resolutions_dpi[0]),
        a.keyword("sides", table.sides[0]),
    ]
    result = []
    for item in built_in:
        wanted = templates.from_plain(item.name, chosen[item.name]) if item.name in chosen else None
        if wanted is None or not templates.can_do(wanted, table):
            wanted = item
        result.append(Attribute(f"{item.name}-default", wanted.values))
    return result


def _media(table: Capabilities) -> list[Attribute]:
    ready = [size for name in table.media_ready if (size := table.find_media(name))]
    margins = sorted({size.margin for size in table.media})
    source, kind = table.media_sources[0], table.media_types[0]
    return [
        a.keyword("media-supported", *table.media_names),
        a.keyword("media-ready", *(size.name for size in ready)),
        a.keyword("media-col-supported", *templates.MEDIA_COL),
        a.collection("media-col-default", media_col(ready[0], source, kind)),
        a.collection("media-col-ready", *(media_col(size, source, kind) for size in ready)),
        a.collection("media-col-database", *(media_col(size) for size in table.media)),
        a.collection("media-size-supported", *(_media_size(size) for size in table.media)),
        a.keyword("media-source-supported", *table.media_sources),
        a.keyword("media-type-supported", *table.media_types),
        *(
            a.integer(f"media-{side}-margin-supported", *margins)
            for side in ("bottom", "left", "right", "top")
        ),
    ]


def media_col(size: MediaSize, source: str | None = None, kind: str | None = None) -> Collection:
    """Describe a sheet as ``media-col`` does."""
    members = [
        a.keyword("media-size-name", size.name),
        a.collection("media-size", _media_size(size)),
        *(
            a.integer(f"media-{side}-margin", size.margin)
            for side in ("bottom", "left", "right", "top")
        ),
    ]
    if source is not None:
        members.append(a.keyword("media-source", source))
    if kind is not None:
        members.append(a.keyword("media-type", kind))
    return Collection(tuple(members))


def _media_size(size: MediaSize) -> Collection:
    return Collection((a.integer("x-dimension", size.x), a.integer("y-dimension", size.y)))


def _description(face: QueueFace) -> list[Attribute]:
    table = face.capabilities
    creation = dict.fromkeys((*JOB_CREATION, *sorted(templates.checks(table))))
    return [
        a.charset("charset-configured", "utf-8"),
        a.charset("charset-supported", "utf-8", "us-ascii"),
        a.boolean("color-supported", value=table.has_color),
        a.keyword("compression-supported", *compression.SUPPORTED),
        a.media_type("document-format-default", ANY),
        a.media_type("document-format-preferred", PDF),
        a.media_type("document-format-supported", *table.formats),
        a.language("generated-natural-language-supported", "en", "de"),
        a.keyword("identify-actions-default", IDENTIFY_ACTIONS[0]),
        a.keyword("identify-actions-supported", *IDENTIFY_ACTIONS),
        a.keyword("ipp-features-supported", "ipp-everywhere"),
        a.keyword("ipp-versions-supported", *VERSIONS),
        a.keyword("job-creation-attributes-supported", *creation),
        a.boolean("job-ids-supported", value=True),
        a.ranges("job-k-octets-supported", (0, 4 << 20)),
        a.boolean("multiple-document-jobs-supported", value=True),
        a.keyword("multiple-operation-time-out-action", "abort-job"),
        a.language("natural-language-configured", face.language),
        a.enum("operations-supported", *face.operations),
        a.integer("pages-per-minute", table.pages_per_minute),
        *([a.integer("pages-per-minute-color", table.pages_per_minute)] if table.has_color else []),
        a.keyword("pdl-override-supported", "attempted"),
        a.boolean("preferred-attributes-supported", value=False),
        a.text("printer-device-id", _device_id(table)),
        a.name("printer-dns-sd-name", face.info),
        a.name("printer-firmware-name", "Spoolhouse"),
        a.text("printer-firmware-string-version", _version()),
        Attribute("printer-geo-location", (UNKNOWN,)),
        a.keyword("printer-get-attributes-supported", "document-format"),
        a.uri("printer-icons", *(f"{face.web}/icons/queue-{size}.png" for size in ICON_SIZES)),
        a.text("printer-info", face.info),
        a.text("printer-location", face.location),
        a.text("printer-make-and-model", table.make_and_model),
        a.uri("printer-more-info", f"{face.web}/"),
        a.name("printer-name", face.name),
        a.text("printer-organization", face.organization),
        a.text("printer-organizational-unit", face.organizational_unit),
        a.octets("printer-supply", _SUPPLY),
        a.text("printer-supply-description", "Supplies of the output device"),
        a.uri("printer-supply-info-uri", f"{face.web}/supplies"),
        a.uri("printer-uri-supported", *(uri for uri, _, _ in face.uris)),
        a.keyword("uri-security-supported", *(security for _, security, _ in face.uris)),
        a.keyword("uri-authentication-supported", *(way for _, _, way in face.uris)),
        a.uri("printer-uuid", f"urn:uuid:{face.uuid}"),
        a.keyword("which-jobs-supported", *WHICH_JOBS),
    ]


ICON_SIZES: Final = (48, 128, 512)
# The queue has no supplies of its own; -2 is "unknown" (RFC 3805 prtMarkerSuppliesLevel).
_SUPPLY: Final = (
    "index=1;class=supplyThatIsConsumed;type=toner;unit=percent;maxcapacity=100;level=-2;"
    "colorantname=unknown;"
)
_COMMANDS: Final = {
    "application/pdf": "PDF",
    "application/postscript": "PS",
    "image/jpeg": "JPEG",
    "image/pwg-raster": "PWG",
    "image/urf": "URF",
}


def _device_id(table: Capabilities) -> str:
    commands = ",".join(_COMMANDS[item] for item in table.formats if item in _COMMANDS)
    return f"MFG:Spoolhouse;MDL:{table.make_and_model};CMD:{commands};"


def _raster(table: Capabilities) -> list[Attribute]:
    return [
        a.resolution("pwg-raster-document-resolution-supported", *table.raster_resolutions_dpi),
        a.keyword("pwg-raster-document-sheet-back", "normal"),
        a.keyword("pwg-raster-document-type-supported", *table.raster_types),
        a.keyword("urf-supported", *table.urf),
    ]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("spoolhouse")
    except PackageNotFoundError:  # a frozen agent carries no metadata
        return "0"
