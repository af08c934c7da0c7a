"""The catalogue: what it keeps, what it leaves out, when it asks again, and how it checks arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from approvals.domain.fingerprint import of_tool
from gateway.catalog import VARIANTS, Catalog, Place
from gateway.upstreams import (
    Hear,
    Hello,
    InputRequired,
    NoAnswer,
    Peer,
    Relay,
    Result,
    RpcError,
    Unsent,
    Wants,
    nothing,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


def tool(name: Any = "echo", **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": SCHEMA, **more}


class Listing:
    """An upstream whose list is set by the test."""

    def __init__(self, *tools: dict[str, Any]) -> None:
        self.name = "peer"
        self.on_tools_changed: Callable[[], None] = nothing
        self.tools = list(tools)
        self.failure: Exception | None = None
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.up: bool | None = None
        self.trouble: str | None = None

    async def list_tools(self, *, session: str = "", capabilities: bytes = b"{}") -> list[dict[str, Any]]:
        self.asked += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return self.tools

    async def request(self, relay: Relay, *, peer: Peer, sent: Callable[[], None]) -> Result | RpcError | InputRequired:
        raise AssertionError("the catalogue asks for its tools and nothing else")

    async def hello(self, *, session: str = "", capabilities: bytes = b"{}") -> Hello:
        raise AssertionError("the catalogue does not greet")

    def listen(
        self, wants: Wants, *, session: str, capabilities: bytes, hear: Hear
    ) -> AbstractAsyncContextManager[Wants]:
        raise AssertionError("the catalogue does not listen")

    async def forget(self, session: str) -> None:
        raise AssertionError("the catalogue has no sessions")

    async def run(self) -> None:
        return

    async def close(self) -> None:
        return


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def catalog_of(upstream: Listing) -> tuple[Catalog, Clock]:
    clock = Clock()
    return Catalog({"peer": upstream}, ttl=60, clock=clock), clock


async def names(catalog: Catalog, **more: Any) -> list[str]:
    return [found.name for found in await catalog.tools("peer", **more)]


async def test_a_tool_is_known_with_its_definition_and_the_fingerprint_of_all_of_it() -> None:
    definition = tool(title="Echo", annotations={"readOnlyHint": True}, _meta={"x": 1}, unknown=[1.5])
    catalog, _ = catalog_of(Listing(definition))
    found = await catalog.tool("peer", "echo")
    assert found is not None
    assert found.definition == definition
    assert found.fingerprint == of_tool(definition)
    assert found.unusable is None
    assert await catalog.tool("peer", "Echo") is None
    assert await catalog.tool("peer", "echo\n") is None


async def test_key_order_does_not_change_a_fingerprint_and_any_value_does() -> None:
    upstream = Listing(tool(description="a"))
    catalog, _ = catalog_of(upstream)

    async def seen() -> str:
        upstream.on_tools_changed()
        found = await catalog.tool("peer", "echo")
        assert found is not None
        return found.fingerprint

    first = await seen()
    upstream.tools = [dict(reversed(tool(description="a").items()))]
    assert await seen() == first
    upstream.tools = [tool(description="b")]
    assert await seen() != first


LEFT_OUT = [
    pytest.param([tool("bad name")], "bad name", "its name is not 1 to 128", id="a blank in the name"),
    pytest.param([tool("x" * 129)], "x" * 129, "its name is not 1 to 128", id="a long name"),
    pytest.param([tool("écho")], "écho", "its name is not 1 to 128", id="beyond ASCII"),
    pytest.param([tool("echo\n")], "echo\n", "its name is not 1 to 128", id="a line end after the name"),
    pytest.param([tool(7)], "7", "its name is not 1 to 128", id="a number as name"),
    pytest.param([{"inputSchema": SCHEMA}], "None", "its name is not 1 to 128", id="no name"),
    pytest.param([tool("twin"), tool("twin", title="other")], "twin", "lists 2 tools of this name", id="listed twice"),
    pytest.param(
        [tool("job", execution={"taskSupport": "required"})], "job", "only be called as a task", id="tasks only"
    ),
    pytest.param([{"name": "bare"}], "bare", "it has no input schema", id="no schema"),
    pytest.param(
        [tool("ref", inputSchema={"$ref": "http://127.0.0.1/x"})], "ref", "is not valid", id="remote reference"
    ),
    pytest.param(
        [tool("file", inputSchema={"$ref": "file:///etc/hostname"})], "file", "not valid", id="file reference"
    ),
    pytest.param([tool("typo", inputSchema={"type": "objekt"})], "typo", "is not valid", id="an invalid schema"),
    pytest.param(
        [tool("regex", inputSchema={"properties": {"a": {"pattern": "("}}})], "regex", "not valid", id="bad pattern"
    ),
    pytest.param([tool("huge", x=2**60)], "huge", "no exact form", id="a number without an exact form"),
    pytest.param([tool("sur", description="\ud800")], "sur", "no exact form", id="half a character"),
    pytest.param([tool("long", description="x" * 300_000)], "long", "longer than 262144", id="a huge definition"),
    pytest.param(
        [
            tool(
                "bomb",
                inputSchema={
                    "$defs": {
                        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]}
                        for i in range(40)
                    },
                    "$ref": "#/$defs/d0",
                },
            )
        ],
        "bomb",
        "multiply beyond",
        id="references that multiply",
    ),
]


@pytest.mark.parametrize(("definitions", "name", "why"), LEFT_OUT)
async def test_a_tool_that_cannot_be_used_safely_is_not_listed_and_says_why(
    definitions: list[dict[str, Any]], name: str, why: str
) -> None:
    catalog, _ = catalog_of(Listing(tool("good"), *definitions))
    assert await names(catalog) == ["good"]
    found = await catalog.tool("peer", name)
    assert found is not None
    assert found.unusable is not None
    assert why in found.unusable
    assert [out.name for out in catalog.withheld("peer")] == [name]
    assert f"cannot be called: {found.unusable}" in found.problems({})[0].message


async def test_a_left_out_tool_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    catalog, clock = catalog_of(Listing(tool("bad name")))
    for _ in range(3):
        await names(catalog)
        clock.now += 61
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        pytest.param({"a": 1}, [], id="they fit"),
        pytest.param({}, ['the arguments: "a" is a required property: add it'], id="one is missing"),
        pytest.param({"a": "x"}, ['/a: "x" is not of type "integer"'], id="a wrong type"),
        pytest.param(
            {"a": 1, "b/c": 2},
            ["the arguments: Additional properties are not allowed ('b/c' was unexpected): remove them"],
            id="one too many",
        ),
    ],
)
async def test_arguments_are_checked_with_a_pointer_and_what_to_do(
    arguments: dict[str, Any], problems: list[str]
) -> None:
    catalog, _ = catalog_of(Listing(tool()))
    found = await catalog.tool("peer", "echo")
    assert found is not None
    assert [str(problem) for problem in found.problems(arguments)] == problems


async def test_problems_are_bounded_in_number_and_length() -> None:
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    catalog, _ = catalog_of(Listing(tool(inputSchema=schema)))
    found = await catalog.tool("peer", "echo")
    assert found is not None
    problems = found.problems({f"k{number}": "x" * 1_000 for number in range(50)})
    assert len(problems) == 5
    assert all(len(str(problem)) < 700 for problem in problems)


LONG = {f"k{number}": "x" * 80 for number in range(9_000)}
"""So much that the errors of each value, each with a copy of the whole, would fill gigabytes."""


@pytest.mark.parametrize(
    ("schema", "problems"),
    [
        pytest.param(
            {"properties": {"a": {}}, "additionalProperties": False},
            [f"/k{n}: the tool takes no such argument: remove it" for n in range(5)],
            id="arguments it does not take",
        ),
        pytest.param({"propertyNames": {"pattern": "^[a-j]"}}, ['the arguments: "k0" does not match'], id="names"),
        pytest.param({"additionalProperties": {"type": "integer"}}, ["/k0: "], id="values"),
        pytest.param(
            {"patternProperties": {"^k": {"type": "integer"}}, "properties": {}, "additionalProperties": False},
            ["/k0: "],
            id="values of a pattern",
        ),
        pytest.param(
            {"anyOf": [{"propertyNames": {"pattern": "^a"}}, {"propertyNames": {"pattern": "^b"}}]},
            ["the arguments: they do not fit the tool's input schema; read it again"],
            id="branches",
        ),
        pytest.param(
            {"required": ["a"], "anyOf": [{"propertyNames": {"pattern": "^a"}}]},
            ['the arguments: "a" is required: add it'],
            id="one missing, and branches",
        ),
    ],
)
async def test_what_is_wrong_with_many_arguments_is_said_without_copying_them_for_each(
    schema: dict[str, Any], problems: list[str]
) -> None:
    catalog, _ = catalog_of(Listing(tool(inputSchema={"type": "object", **schema})))
    found = await catalog.tool("peer", "echo")
    assert found is not None
    told = [str(problem) for problem in found.problems(LONG)]
    assert len(told) == len(problems)
    assert all(said.startswith(start) for said, start in zip(told, problems, strict=True))
    assert all(len(said) < 700 for said in told)


async def test_a_schema_that_refers_to_itself_is_checked_without_its_error_tree() -> None:
    """Building the tree of errors for this one takes longer than the test may run."""
    branch = {"properties": {"a": {"$ref": "#/$defs/x"}}}
    schema = {
        "type": "object",
        "required": ["top"],
        "properties": {"top": {"$ref": "#/$defs/x"}},
        "$defs": {"x": {"type": ["object", "integer"], "anyOf": [{**branch, "required": ["zz"]}, branch]}},
    }
    deep: Any = "wrong"
    for _ in range(40):
        deep = {"a": deep}
    catalog, _ = catalog_of(Listing(tool(inputSchema=schema)))
    found = await catalog.tool("peer", "echo")
    assert found is not None
    assert found.problems({"top": 1}) == ()
    assert [str(problem) for problem in found.problems({"top": deep})] == [
        "the arguments: they do not fit the tool's input schema; read it again"
    ]
    assert [str(problem) for problem in found.problems({})] == ['the arguments: "top" is required: add it']


async def test_execution_is_not_shown_to_agents() -> None:
    catalog, _ = catalog_of(Listing(tool(execution={"taskSupport": "optional"})))
    found = await catalog.tool("peer", "echo")
    assert found is not None
    assert found.listing() == tool()


async def test_many_at_once_ask_once() -> None:
    upstream = Listing(tool())
    upstream.gate.clear()
    catalog, _ = catalog_of(upstream)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(names(catalog)) for _ in range(20)]
        await asyncio.sleep(0)
        upstream.gate.set()
    assert {tuple(task.result()) for task in tasks} == {("echo",)}
    assert upstream.asked == 1


async def test_when_the_one_who_asks_is_cancelled_another_asks() -> None:
    upstream = Listing(tool())
    upstream.gate.clear()
    catalog, _ = catalog_of(upstream)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(names(catalog))
        second = group.create_task(names(catalog))
        await asyncio.sleep(0)
        first.cancel()
        upstream.gate.set()
    assert second.result() == ["echo"]
    assert upstream.asked == 2


async def test_a_list_is_asked_for_again_when_it_is_old_or_the_server_says_so_or_the_caller_wants_it_newer() -> None:
    upstream = Listing(tool())
    catalog, clock = catalog_of(upstream)
    await names(catalog)
    clock.now += 59
    await names(catalog)
    assert upstream.asked == 1
    clock.now += 2
    await names(catalog)
    assert upstream.asked == 2
    upstream.on_tools_changed()
    await names(catalog)
    assert upstream.asked == 3
    clock.now += 2
    await names(catalog, max_age=1)
    assert upstream.asked == 4


async def test_a_change_announced_while_the_list_is_read_outdates_it() -> None:
    upstream = Listing(tool())
    upstream.gate.clear()
    catalog, _ = catalog_of(upstream)
    async with asyncio.TaskGroup() as group:
        group.create_task(names(catalog))
        await asyncio.sleep(0)
        upstream.on_tools_changed()
        upstream.gate.set()
    await names(catalog)
    assert upstream.asked == 2


@pytest.mark.parametrize("failure", [Unsent("peer is down"), NoAnswer("peer is odd")], ids=["unsent", "no answer"])
async def test_while_the_server_is_down_the_last_list_is_good_for_listing_only(failure: Exception) -> None:
    upstream = Listing(tool())
    catalog, clock = catalog_of(upstream)
    await names(catalog)
    clock.now += 61
    upstream.failure = failure
    assert await names(catalog) == ["echo"]
    with pytest.raises(type(failure), match=str(failure)):
        await catalog.tool("peer", "echo", max_age=0)
    upstream.failure = None
    upstream.tools = [tool("other")]
    assert await names(catalog) == ["echo"]
    clock.now += 6
    assert await names(catalog) == ["other"]


async def test_a_server_that_was_never_reached_is_asked_again_after_a_pause() -> None:
    upstream = Listing(tool())
    upstream.failure = Unsent("peer is down")
    catalog, clock = catalog_of(upstream)
    for _ in range(3):
        clock.now += 1
        with pytest.raises(Unsent, match="peer is down"):
            await names(catalog)
    assert upstream.asked == 1
    clock.now += 6
    upstream.failure = None
    assert await names(catalog) == ["echo"]


async def test_a_reload_keeps_what_is_known_of_unchanged_servers() -> None:
    old, new = Listing(tool("old")), Listing(tool("new"))
    catalog, _ = catalog_of(old)
    await names(catalog)
    catalog.replace({"peer": old, "more": new})
    await names(catalog)
    assert old.asked == 1
    catalog.replace({"peer": new})
    assert await names(catalog) == ["new"]
    with pytest.raises(KeyError):
        await catalog.tools("more")


class Picky(Listing):
    """Shows one more tool to a client that declares sampling."""

    async def list_tools(self, *, session: str = "", capabilities: bytes = b"{}") -> list[dict[str, Any]]:
        base = await super().list_tools(session=session, capabilities=capabilities)
        return [*base, tool("sample")] if b"sampling" in capabilities else base


async def test_a_tool_that_a_server_shows_to_able_clients_is_there_for_them_alone() -> None:
    peer = Picky(tool())
    catalog = Catalog({"peer": peer})
    able = Place("s1", b'{"sampling":{}}')
    assert [one.name for one in await catalog.tools("peer")] == ["echo"]
    assert [one.name for one in await catalog.tools("peer", place=able)] == ["echo", "sample"]
    assert await catalog.tool("peer", "sample") is None
    found = await catalog.tool("peer", "sample", place=Place("s2", able.capabilities))
    assert found is not None
    assert [one.name for one in await catalog.tools("peer")] == ["echo"]


async def test_only_so_many_declarations_are_asked_about() -> None:
    peer = Picky(tool())
    catalog = Catalog({"peer": peer})
    for number in range(VARIANTS + 5):
        await catalog.tools("peer", place=Place("s", b'{"sampling":{"n":%d}}' % number))
    assert peer.asked == VARIANTS + 1
