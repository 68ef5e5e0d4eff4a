"""The OpenAPI 3.1 document, made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from control_plane.rest.routing import PREFIX, Operation, Rest

_REFERENCE: Final = "#/components/schemas/{model}"
_PROBLEM: Final = {
    "type": "object",
    "required": ["title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "says": {"type": "string"}},
            },
        },
    },
}
_ALWAYS: Final = (401, 403, 404, 421, 422, 429)
_CHANGES: Final = (400, 409, 412, 413, 415)


def document(rests: Iterable[Rest], version: str) -> dict[str, Any]:
    """Describe all operations."""
    operations = [(rest, operation) for rest in rests for operation in rest.operations]
    schemas, definitions = _schemas([operation for _, operation in operations])
    paths: dict[str, dict[str, Any]] = {}
    for rest, operation in operations:
        path = PREFIX + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", operation.path)
        said = _operation(rest.name, operation, schemas)
        paths.setdefault(path, {})[operation.method.lower()] = said
    return {
        "openapi": "3.1.0",
        "info": {"title": "Spoolhouse", "version": version},
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {**definitions, "Problem": _PROBLEM},
        },
    }


def _schemas(
    operations: list[Operation],
) -> tuple[dict[Any, Any], dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], Any], None] = {}
    for operation in operations:
        if operation.body is not None:
            wanted[operation.body, "validation"] = None
        if operation.answer is not None:
            wanted[operation.answer, "serialization"] = None
    schemas, top = models_json_schema(list(wanted), ref_template=_REFERENCE)
    return dict(schemas), top.get("$defs", {})


def _operation(tag: str, operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    needs = [permission.value for permission in operation.needs]
    said: dict[str, Any] = {
        "operationId": f"{tag}.{operation.endpoint}",
        "tags": [tag],
        "summary": operation.summary,
        "description": f"Needs {', '.join(needs)}." if needs else "Needs no permission.",
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, schemas),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": schemas[operation.body, "validation"]}}
        said["requestBody"] = {"required": True, "content": content}
    if operation.method == "PATCH":
        said["parameters"].append(_header("If-Match", "the ETag that was seen"))
    if operation.method == "POST":
        said["parameters"].append(_header("Idempotency-Key", "a repeat with it does nothing"))
    return said


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"<(?:\w+:)?(\w+)>", operation.path)
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    properties = operation.query.model_json_schema(ref_template=_REFERENCE)["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _header(name: str, says: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": says, "schema": {"type": "string"}}


def _responses(operation: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": operation.status.phrase}
    if operation.answer is not None:
        schema = schemas[operation.answer, "serialization"]
        good["content"] = {"application/json": {"schema": schema}}
    found = {str(operation.status.value): good}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    wait: dict[str, Any] = {
        "Retry-After": {
            "required": True,
            "description": "in seconds",
            "schema": {"type": "integer"},
        }
    }
    for status in _ALWAYS if operation.method == "GET" else (*_ALWAYS, *_CHANGES):
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    found["429"]["headers"] = wait
    return found
