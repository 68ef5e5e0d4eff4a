"""Routes of the REST API: bodies in, models out, one transaction around each.

A route gets an open session as its first argument: a reading one for GET, a writing one else.
``Idempotency-Key`` on a POST and ``If-Match`` on changes are handled here, for all alike.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar, cast

from flask import Blueprint, Response, json, request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from control_plane.errors import InvalidError
from control_plane.paging import DEFAULT_LIMIT, MAX_LIMIT, Page
from control_plane.request import caller, reading, vault, writing
from control_plane.schemas import Body, View
from control_plane.security import idempotency
from control_plane.security.permissions import Permission
from control_plane.security.routes import requires

PREFIX: Final = "/api/v1"
_JSON: Final = "application/json"
V = TypeVar("V")
W = TypeVar("W", bound=View)
F = TypeVar("F", bound=Callable[..., Any])


class PageQuery(BaseModel):
    """What every list understands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: str | None = None
    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)


class TextQuery(PageQuery):
    text: str | None = Field(default=None, max_length=200)


class Items(View, Generic[V]):
    """One page of a list; ``next_cursor`` null: these were the last."""

    items: list[V]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One route, as the OpenAPI document tells of it."""

    method: str
    path: str
    endpoint: str
    summary: str
    needs: tuple[Permission, ...]
    status: HTTPStatus
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answer: Any  # a model, or None
    own_transactions: bool = False


class Rest:
    """A blueprint of the API that remembers its operations."""

    def __init__(self, name: str, import_name: str) -> None:
        self.bp = Blueprint(f"api_{name}", import_name, url_prefix=PREFIX)
        self.operations: list[Operation] = []
        self.name = name

    def get(
        self, path: str, *needs: Permission, answer: Any, query: type[BaseModel] | None = None
    ) -> Callable[[F], F]:
        return self._route("GET", path, needs, HTTPStatus.OK, query=query, answer=answer)

    def post(
        self, path: str, *needs: Permission, answer: Any, body: type[Body] | None = None
    ) -> Callable[[F], F]:
        """Make something new."""
        return self._route("POST", path, needs, HTTPStatus.CREATED, body=body, answer=answer)

    def act(
        self,
        path: str,
        *needs: Permission,
        answer: Any,
        body: type[Body] | None = None,
        own_transactions: bool = False,  # it waits for the outside world, and gets no session
    ) -> Callable[[F], F]:
        """Do something to what is there; it is done when this is answered."""
        status = HTTPStatus.NO_CONTENT if answer is None else HTTPStatus.OK
        return self._route(
            "POST", path, needs, status, body=body, answer=answer,
            own_transactions=own_transactions,
        )  # fmt: skip

    def ask(
        self,
        path: str,
        *needs: Permission,
        answer: Any,
        body: type[Body] | None = None,
        own_transactions: bool = False,
    ) -> Callable[[F], F]:
        """Begin what takes its time or what others carry out: the answer tells how far it is."""
        return self._route(
            "POST", path, needs, HTTPStatus.ACCEPTED, body=body, answer=answer,
            own_transactions=own_transactions,
        )  # fmt: skip

    def patch(
        self, path: str, *needs: Permission, body: type[Body], answer: Any
    ) -> Callable[[F], F]:
        return self._route("PATCH", path, needs, HTTPStatus.OK, body=body, answer=answer)

    def put(self, path: str, *needs: Permission, body: type[Body], answer: Any) -> Callable[[F], F]:
        return self._route("PUT", path, needs, HTTPStatus.OK, body=body, answer=answer)

    def delete(self, path: str, *needs: Permission) -> Callable[[F], F]:
        return self._route("DELETE", path, needs, HTTPStatus.NO_CONTENT)

    def _route(
        self,
        method: str,
        path: str,
        needs: tuple[Permission, ...],
        status: HTTPStatus,
        *,
        query: type[BaseModel] | None = None,
        body: type[Body] | None = None,
        answer: Any = None,
        own_transactions: bool = False,
    ) -> Callable[[F], F]:
        def register(view: F) -> F:
            summary = (view.__doc__ or view.__name__.replace("_", " ")).strip().split("\n")[0]
            operation = Operation(
                method,
                path,
                view.__name__,
                summary,
                needs,
                status,
                query,
                body,
                answer,
                own_transactions,
            )
            self.operations.append(operation)
            served = requires(*needs)(_serve(view, operation))
            self.bp.add_url_rule(path, view.__name__, served, methods=[method])
            return view

        return register


def _serve(view: Callable[..., Any], operation: Operation) -> Callable[..., Response]:
    @functools.wraps(view)
    def served(**path_values: Any) -> Response:
        given = dict(path_values)
        if operation.query is not None:
            given["query"] = operation.query.model_validate(request.args.to_dict())
        if operation.body is not None:
            given["body"] = _read_body(operation.body)
        if operation.own_transactions:
            return _answer(view(**given), operation.status)
        if operation.method == "GET":
            with reading() as session:
                return _answer(view(session, **given), operation.status)
        with writing() as session:
            return _change(session, view, given, operation)

    return served


def _change(
    session: Session, view: Callable[..., Any], given: dict[str, Any], operation: Operation
) -> Response:
    key = request.headers.get("Idempotency-Key") if operation.method == "POST" else None
    if not key:
        return _answer(view(session, **given), operation.status)
    if len(key) > idempotency.MAX_KEY:
        raise InvalidError("Idempotency-Key", "is too long")
    sent = f"{request.method} {request.full_path}\n".encode() + request.get_data()
    asked = idempotency.mark_of(vault(), sent)
    if known := idempotency.find(session, caller(), key, asked):
        return Response(json.dumps(known.body), status=known.status, mimetype=_JSON)
    answer = _answer(view(session, **given), operation.status)
    once: frozenset[str] = getattr(operation.answer, "SHOWN_ONCE", frozenset())
    body = {name: value for name, value in (answer.get_json() or {}).items() if name not in once}
    idempotency.keep(session, caller(), key, asked, status=answer.status_code, body=body)
    return answer


def _read_body(model: type[BaseModel]) -> BaseModel:
    if request.mimetype != _JSON:
        raise UnsupportedMediaType
    try:
        plain = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise BadRequest from None
    return model.model_validate_json(json.dumps(plain))


def _answer(value: Any, status: HTTPStatus) -> Response:
    if value is None:
        return Response(status=HTTPStatus.NO_CONTENT)
    assert isinstance(value, BaseModel)
    answer = Response(value.model_dump_json(), status=status, mimetype=_JSON)
    version = getattr(value, "version", None)
    if version is not None:
        answer.headers["ETag"] = f'"{version}"'
    return answer


def expected_version() -> int | None:
    """The version the asker has seen, from If-Match; None where they did not say.

    Raises:
        InvalidError: It is none of our ETags.
    """
    header = request.headers.get("If-Match")
    if header is None or header == "*":
        return None
    text = header.strip('"')
    if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004  # what an integer column holds
        raise InvalidError("If-Match", "is none of our ETags")
    return int(text)


def items(page: Page[Any], view: type[W]) -> Items[W]:
    """Show a page of rows."""
    shown = [view.model_validate(row) for row in page.items]
    model = Items[view]  # type: ignore[valid-type]
    return cast("Items[W]", model(items=shown, next_cursor=page.next_cursor))


def few(found: Sequence[Any], view: type[W], query: PageQuery) -> Items[W]:
    """Show one page of a list that is short by its nature; the cursor is the last id seen.

    Raises:
        InvalidError: No row of the list has this id.
    """
    ids = [row.id for row in found]
    if query.cursor is not None and query.cursor not in ids:
        raise InvalidError("cursor", "this cursor is none of ours; begin again")
    begin = 0 if query.cursor is None else ids.index(query.cursor) + 1
    end = begin + query.limit
    return items(Page(found[begin:end], ids[end - 1] if end < len(ids) else None), view)
