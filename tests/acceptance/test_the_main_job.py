"""The main job: a write to a real database waits for a person, and then happens exactly once or not at all.

The database file itself is looked at, not what anybody says about it. `mcp-server-sqlite` is the upstream; the
official clients of both lines call it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Agent, Mode, Said, heard, mcp1, sdk
from tests.acceptance.harness import MCP1_BIN, Placet, Reviewer, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELD = {"write_query": {"action": "require_approval", "reason": "Writes need a person"}, "read_query": {}}
HASTY = {"write_query": {"action": "require_approval", "approval": {"timeout": "1s"}}}
Call = Callable[["Books", str, dict[str, Any]], Coroutine[Any, Any, Said]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A running gateway before a database of accounts."""

    placet: Placet
    file: Path
    ada: Reviewer

    def rows(self, owner: str) -> list[tuple[str, int]]:
        """What the file holds for one owner, now."""
        with closing(sqlite3.connect(self.file)) as db:
            return db.execute("select owner, amount from accounts where owner = ?", (owner,)).fetchall()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def books(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Books]:
    folder = tmp_path_factory.mktemp("books")
    file = folder / "accounts.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("create table accounts (owner text, amount integer)")
        db.commit()
    server = {"command": [str(MCP1_BIN / "mcp-server-sqlite"), "--db-path", str(file)]}
    placet = Placet(
        folder,
        servers={"books": server, "hasty": server},
        policies={"books": policy(HELD), "hasty": policy(HASTY)},
    )
    async with serving(placet):
        yield Books(placet=placet, file=file, ada=Reviewer(placet, placet.ada))


def insert(owner: str) -> dict[str, Any]:
    return {"query": f"insert into accounts values ('{owner}', 7)"}


def by_sdk(mode: Mode) -> Call:
    async def call(books: Books, server: str, arguments: dict[str, Any]) -> Said:
        async with sdk(books.placet, server, mode) as client:
            listed = [tool.name for tool in (await client.list_tools()).tools]
            assert "write_query" in listed
            return heard(await client.call_tool("write_query", arguments))

    return call


async def by_mcp1(books: Books, server: str, arguments: dict[str, Any]) -> Said:
    return await mcp1(books.placet, server, "write_query", arguments)


CLIENTS = [
    pytest.param(by_sdk("auto"), id="mcp 2, modern"),
    pytest.param(by_sdk("legacy"), id="mcp 2, legacy"),
    pytest.param(by_mcp1, id="mcp 1"),
]


@pytest.mark.parametrize("call", CLIENTS)
async def test_the_row_is_written_once_and_only_after_approval(
    books: Books, call: Call, request: pytest.FixtureRequest
) -> None:
    owner = f"approved-{request.node.callspec.id}"
    async with asyncio.TaskGroup() as group:
        called = group.create_task(call(books, "books", insert(owner)))
        asked = await books.ada.pending_of(**insert(owner))
        assert (asked["server"], asked["tool"], asked["rule"]) == ("books", "write_query", "/tools/write_query/action")
        assert (asked["agent"], asked["waiting"], asked["may_decide"]) == ("claude-ada", True, True)
        assert books.rows(owner) == []
        await books.ada.approve(asked)
        said = await called
    assert not said.refused
    assert "affected_rows" in said.text
    assert said.verdict == {
        "code": "approved",
        "request": asked["id"],
        "reviewers": ["ada@example.com"],
        "edited": False,
    }
    assert books.rows(owner) == [(owner, 7)]
    after = await books.ada.show(asked["id"])
    assert (after["state"], after["outcome"]["kind"]) == ("succeeded", "succeeded")
    assert after["votes"][0]["reviewer"] == "ada@example.com"


@pytest.mark.pain(9, 29)
@pytest.mark.parametrize("call", CLIENTS)
async def test_the_row_is_not_written_after_a_denial(books: Books, call: Call, request: pytest.FixtureRequest) -> None:
    owner = f"denied-{request.node.callspec.id}"
    async with asyncio.TaskGroup() as group:
        called = group.create_task(call(books, "books", insert(owner)))
        asked = await books.ada.pending_of(**insert(owner))
        await books.ada.deny(asked, "Not this quarter")
        said = await called
    assert said.refused
    assert (said.code, said.verdict["reason"]) == ("approval_denied", "Not this quarter")
    assert "denied by a person" in said.text
    assert "Not this quarter" in said.text
    assert books.rows(owner) == []
    assert (await books.ada.show(asked["id"]))["state"] == "denied"


@pytest.mark.parametrize("call", CLIENTS)
async def test_the_row_is_not_written_when_nobody_decides_in_time(
    books: Books, call: Call, request: pytest.FixtureRequest
) -> None:
    owner = f"late-{request.node.callspec.id}"
    said = await call(books, "hasty", insert(owner))
    assert (said.refused, said.code) == (True, "approval_expired")
    assert "nobody decided in time" in said.text
    assert books.rows(owner) == []
    ended = await books.ada.show(said.verdict["request"])
    assert (ended["state"], ended["cause"]) == ("expired", "timed_out")
    status, problem = await books.ada.decide(ended, "approve")
    assert (status, problem["code"]) == (409, "expired")
    assert books.rows(owner) == []


@pytest.mark.pain(26)
async def test_reading_needs_nobody_and_comes_back_as_the_server_said_it(books: Books) -> None:
    async with Agent(books.placet, "books") as agent:
        said = await agent.call("read_query", {"query": "select count(*) as n from accounts where owner = 'nobody'"})
        assert (said.refused, said.text, said.verdict) == (False, "[{'n': 0}]", {})


async def test_what_no_rule_names_is_neither_listed_nor_run(books: Books) -> None:
    async with Agent(books.placet, "books") as agent:
        assert sorted(await agent.tools()) == ["read_query", "write_query"]
        said = await agent.call("create_table", {"query": "create table sneaky (x)"})
    assert (said.refused, said.code) == (True, "policy_denied")
    with closing(sqlite3.connect(books.file)) as db:
        assert db.execute("select name from sqlite_master where name = 'sneaky'").fetchall() == []


async def test_two_agents_ask_the_same_and_two_rows_are_written(books: Books) -> None:
    arguments = insert("twice")
    async with (
        Agent(books.placet, "books") as first,
        Agent(books.placet, "books", books.placet.other_agent) as second,
        asyncio.TaskGroup() as group,
    ):
        calls = [group.create_task(one.call("write_query", arguments)) for one in (first, second)]
        asked = [one for one in await books.ada.next_pending(2) if one["arguments"] == arguments]
        assert {one["agent"] for one in asked} == {"claude-ada", "other"}
        for one in asked:
            await books.ada.approve(one)
        assert [(await one).code for one in calls] == ["approved", "approved"]
    assert books.rows("twice") == [("twice", 7), ("twice", 7)]
