"""The OpenAPI document says what is served: valid, complete, and nothing that is not there."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

from approvals.access import Access, access_of
from approvals.storage.engine import Database
from approvals.web.openapi import write_document
from approvals.web.routes import API
from tests.fakes.keys import VAULT
from tests.fakes.web import Console, serving
from tests.fakes.whole_service import whole_service

ROOT = Path(__file__).parents[2]
APPS: list[web.Application] = []


@pytest.fixture
async def console(sqlite_url: str) -> AsyncIterator[Console]:
    APPS.clear()
    async with Database.opened(sqlite_url, VAULT) as db, serving(db, more=APPS.append) as running:
        yield running


async def test_the_document_is_valid_and_open_to_read(console: Console) -> None:
    got = await console.get("/api/openapi.json")
    assert got.status == 200
    document = got.json()
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    assert (await console.get("/api/openapi.json", If_None_Match=got.headers["ETag"])).status == 304


async def test_every_api_route_of_the_application_is_in_it_and_nothing_else(console: Console) -> None:
    document = (await console.get("/api/openapi.json")).json()
    served = {
        (route.method, route.resource.canonical)
        for route in APPS[0].router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/") and route.method != "HEAD"
    }
    written = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert served == written


def document() -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    found: dict[str, dict[str, dict[str, dict[str, object]]]] = json.loads(
        write_document(API, version="1", cookie="__Host-session", public_url="https://placet.example.com")
    )
    return found


@pytest.mark.parametrize("endpoint", API, ids=lambda one: f"{one.method} {one.path}")
def test_every_operation_says_what_it_is_for_and_who_may(endpoint: object) -> None:
    operation = document()["paths"][endpoint.path][endpoint.method.lower()]  # type: ignore[attr-defined]
    assert str(operation["summary"]).endswith(".")
    person = access_of(endpoint.handler) is Access.PERSON  # type: ignore[attr-defined]
    assert ("security" in operation) == (not person)
    responses = operation["responses"]
    assert isinstance(responses, dict)
    assert ("401" in responses) == (access_of(endpoint.handler) is not Access.OPEN)  # type: ignore[attr-defined]
    assert ("requestBody" in operation) == (endpoint.method == "POST")  # type: ignore[attr-defined]


def test_the_document_of_the_whole_service_is_valid() -> None:
    """The one in the repository, with the routes of every part; validity takes in that operation ids are unique."""
    OpenAPIV31SpecValidator(json.loads((ROOT / "docs" / "openapi.json").read_text())).validate()


async def test_every_rest_route_of_the_whole_service_is_in_the_file_and_nothing_else(tmp_path: Path) -> None:
    app = web.Application()
    async with whole_service(tmp_path) as service:
        service.mount(app)
    routed = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD" and is_rest(route, route.resource.canonical)
    }
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    assert routed == {(method.upper(), path) for path, item in paths.items() for method in item}


def is_rest(route: web.AbstractRoute, path: str) -> bool:
    """Is a route of the contract with people's programs? What Slack posts is Slack's own."""
    spoken_to = access_of(route.handler) in {Access.PERSON, Access.SIGN_IN, Access.SIGNED}
    return path.startswith("/api/") or (spoken_to and not path.startswith("/slack/"))


def test_operation_ids_are_unique() -> None:
    ids = [one["operationId"] for item in document()["paths"].values() for one in item.values()]
    assert len(ids) == len(set(map(str, ids)))


def test_bodies_in_are_closed_to_unknown_members() -> None:
    schemas = document()["components"]["schemas"]
    for endpoint in API:
        if endpoint.takes is not None:
            assert schemas[endpoint.takes.__name__]["additionalProperties"] is False
