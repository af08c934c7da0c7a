"""The OpenAPI 3.1 document: made from the route table and the pydantic models, served as it is made.

Summaries are the handlers' docstrings, so the page, the code and the document cannot say different things.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from approvals.access import Access, access, access_of
from approvals.channels.standard_webhooks import HEADERS
from approvals.web.models import ProblemOut
from approvals.web.problems import PROBLEM_TYPE

if TYPE_CHECKING:
    from approvals.web.routes import Endpoint

DOCUMENT = web.AppKey("placet_openapi", bytes)

_REF = "#/components/schemas/{model}"
_ALWAYS = (400, 421, 500)
_QUERY: dict[str, tuple[dict[str, Any], str]] = {
    "state": ({"type": "string"}, "One state, or several with commas between; may be repeated."),
    "server": ({"type": "string", "maxLength": 200}, "Exactly this server."),
    "tool": ({"type": "string", "maxLength": 200}, "Exactly this tool."),
    "agent": ({"type": "string", "maxLength": 200}, "Exactly this agent."),
    "ground": ({"type": "string", "enum": ["silence", "break_glass"]}, "Let run by this instead of by votes."),
    "mine": (
        {"type": "string", "enum": ["0", "1", "false", "true"]},
        "You may decide it, have voted, or own its agent.",
    ),
    "snoozed": (
        {"type": "string", "enum": ["0", "1", "false", "true"]},
        "Only what you have put out of your own sight (1), or only the rest (0).",
    ),
    "q": ({"type": "string", "maxLength": 200}, "Text in ids, names and justifications; never in arguments."),
    "order": (
        {"type": "string", "enum": ["newest", "oldest", "ends"], "default": "newest"},
        "`ends`: least time left, of the queue.",
    ),
    "risk": ({"type": "string", "maxLength": 200}, "Exactly this risk."),
    "shown": ({"type": "string"}, "Ids with commas between, at most 200: rows that stay, though they have ended."),
    "request": ({"type": "string", "maxLength": 80}, "Exactly this request."),
    "actor": ({"type": "string", "maxLength": 200}, "Exactly this actor."),
    "action": ({"type": "string", "maxLength": 80}, "Exactly this action."),
    "in_force": ({"type": "string", "enum": ["0", "1", "false", "true"]}, "Only what holds now."),
    "from": ({"type": "string", "format": "date-time"}, "From this moment on; 30 days before `to` unless said."),
    "to": ({"type": "string", "format": "date-time"}, "Until this moment; now unless said. At most 400 days in all."),
    "limit": ({"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Rows of a page at most."),
    "cursor": ({"type": "string"}, "`next_cursor` of the page before."),
    "layer": ({"type": "integer", "minimum": 0}, "Which layer, from 0; not needed where there is only one."),
    "number": ({"type": "integer", "minimum": 1}, "A saved version, instead of a layer as it is enforced."),
}
_CHANGE_HEADERS = (
    "With a session cookie, changes need `Origin`, `X-CSRF-Token` (from `/api/v1/me`) and `application/json`; "
    "the bearer of a person's token needs only the last."
)


@access(Access.OPEN)
async def document(request: web.Request) -> web.StreamResponse:
    """This document."""
    text = request.app[DOCUMENT]
    tag = hashlib.sha256(text).hexdigest()[:16]
    headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
    if any(seen.value in {tag, "*"} for seen in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=text, content_type="application/json", charset="utf-8", headers=headers)


def write_document(endpoints: Iterable[Endpoint], *, version: str, cookie: str, public_url: str) -> bytes:
    """The document as JSON bytes."""
    listed = tuple(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in listed:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Placet",
            "version": version,
            "description": f"Approval requests, for people and their programs. {_CHANGE_HEADERS} "
            "An agent's token is never valid here. Lists: `limit`, `cursor`, `next_cursor`. Times: RFC 3339, UTC. "
            "Errors: RFC 9457 with a machine `code`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "security": [{"session": []}, {"person": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(listed),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
                "person": {"type": "http", "scheme": "bearer", "description": "`plc_person_…`"},
            },
        },
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    summary = (endpoint.handler.__doc__ or "").split("\n\n")[0].strip()
    found: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}_{getattr(endpoint.handler, '__name__', 'handler')}",
        "summary": summary,
        "parameters": _parameters(endpoint),
        "responses": {**_success(endpoint), **{str(s): _problem(s) for s in _statuses(endpoint)}},
    }
    if access_of(endpoint.handler) is not Access.PERSON:
        found["security"] = []
    if endpoint.takes is not None:
        schema = {"$ref": _REF.format(model=endpoint.takes.__name__)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "query", "schema": _QUERY[name][0], "description": _QUERY[name][1]}
        for name in endpoint.query
    ]
    found += [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]
    if endpoint.path.endswith("/events"):
        found.append({"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}})
    if access_of(endpoint.handler) is Access.SIGNED:
        signed = ({"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in HEADERS)
        found += signed
    if 428 in endpoint.refuses:
        text = "The ETag that a change was made from, where the body does not name it."
        found.append({"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": text})
    return found


def _success(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.path.endswith("/events"):
        kinds = '`{"kind": "stops"}` (a freeze began or ended), `{"kind": "refetch"}` or a heartbeat.'
        text = f'Server-Sent Events; data is `{{"kind": "request", "id": …}}`, {kinds}'
        return {"200": {"description": text, "content": {"text/event-stream": {"schema": {"type": "string"}}}}}
    if endpoint.path.endswith("/export"):
        whole = {kind: {"schema": {"type": "string"}} for kind in ("application/yaml", "application/json")}
        return {"200": {"description": "The file, byte for byte.", "content": whole}}
    if endpoint.gives is None and endpoint.method == "POST":
        return {"204": {"description": "Done."}}
    schema = {"$ref": _REF.format(model=endpoint.gives.__name__)} if endpoint.gives else {"type": "object"}
    return {"200": {"description": "OK.", "content": {"application/json": {"schema": schema}}}}


def _statuses(endpoint: Endpoint) -> list[int]:
    found = {*_ALWAYS, *endpoint.refuses}
    if access_of(endpoint.handler) is Access.PERSON:
        found |= {401, 403}
    if access_of(endpoint.handler) in {Access.SIGN_IN, Access.SIGNED}:
        found |= {401, 403}
    if endpoint.takes is not None:
        found |= {403, 408, 413, 415, 422, 503}
    if endpoint.query:
        found.add(422)
    return sorted(found)


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=ProblemOut.__name__)}
    return {"description": f"{HTTPStatus(status).phrase}.", "content": {PROBLEM_TYPE: {"schema": schema}}}


def _schemas(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    used = {model for endpoint in endpoints for model in (endpoint.takes, endpoint.gives) if model is not None}
    ordered: list[type[BaseModel]] = sorted(used | {ProblemOut}, key=lambda model: model.__name__)
    _, found = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    definitions: dict[str, Any] = found["$defs"]
    return definitions
