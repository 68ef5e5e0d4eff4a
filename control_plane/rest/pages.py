"""The API's own page: what every route does and takes, read from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from control_plane.rest import api
from control_plane.rest.routing import PREFIX
from control_plane.security.routes import requires

bp = Blueprint("api_docs", __name__, url_prefix="/api-docs")


@bp.get("")
@requires()
def show() -> ResponseReturnValue:
    return render_template("rest/document.html", chapters=_chapters(), prefix=PREFIX)


@cache
def _chapters() -> Mapping[str, list[Mapping[str, Any]]]:
    """List all operations by noun, in the document's order."""
    document = api.describe()
    found: dict[str, list[Mapping[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = {
                "id": operation["operationId"].replace(".", "-"),
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "needs": operation["description"],
                "query": [p for p in operation["parameters"] if p["in"] == "query"],
                "body": list(_fields(document, operation)),
                "answers": list(operation["responses"]),
            }
            found.setdefault(operation["tags"][0], []).append(shown)
    return found


def _fields(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "requestBody" not in operation:
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    model = document["components"]["schemas"][_name(schema)]
    for name, value in model.get("properties", {}).items():
        is_required = name in model.get("required", ())
        yield {"name": name, "kind": kind_words(value), "is_required": is_required}


def kind_words(schema: Mapping[str, Any]) -> str:
    """Say in a few words what a value must be."""
    if "$ref" in schema:
        return _name(schema)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind_words(each) for each in schema["anyOf"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {kind_words(schema.get('items', {}))}"
    return str(schema.get("format", kind))


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]
