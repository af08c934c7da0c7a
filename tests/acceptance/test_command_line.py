"""The command line beside a running service: the same rights, and an effect within a second."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from approvals import tokens
from tests.acceptance.agents import Agent
from tests.acceptance.counting import Shop, open_shop
from tests.acceptance.harness import BIN, PATIENCE_SECONDS, Reviewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

DENIED, USAGE = 3, 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made


async def told(it: Shop, *arguments: str, **options: Any) -> Any:
    """The JSON a command prints."""
    out, _ = await it.placet.cli(*arguments, "--json", **options)
    return json.loads(out)


async def test_a_request_is_listed_shown_and_approved(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", {"to": "cli", "amount": 5}))
        asked = await it.ada.pending_of(to="cli")
        (listed,) = (await told(it, "requests", "list"))["requests"]
        assert (listed["id"], listed["arguments"], listed["binding"]) == (
            asked["id"],
            asked["arguments"],
            asked["binding"],
        )
        text, _ = await it.placet.cli("requests", "show", asked["id"])
        for word in (asked["id"], "shop/pay", "claude-ada", asked["binding"], '"to": "cli"'):
            assert word in text
        await it.placet.cli("requests", "comment", asked["id"], "--text", "looks odd")
        assert "wrote: looks odd" in (await it.placet.cli("requests", "show", asked["id"]))[0]
        _, err = await it.placet.cli("requests", "approve", asked["id"], "--binding", "0" * 64, code=1)
        assert "Traceback" not in err
        assert it.seen("cli") == 0
        approved = await told(it, "requests", "approve", asked["id"], "--binding", asked["binding"])
        assert (approved["state"], approved["votes"][0]["via"]) == ("approved", "cli")
        assert (await called).code == "approved"
        text, _ = await it.placet.cli("requests", "show", asked["id"])
        assert "  result\n" in text
        _, err = await it.placet.cli("requests", "deny", asked["id"], code=1, person="bob@example.com")
        assert "Ada" in err
    assert it.seen("cli") == 1


async def test_a_request_is_denied_with_a_reason_while_another_command_watches(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", {"to": "watched", "amount": 5}))
        asked = await it.ada.pending_of(to="watched")
        watching = group.create_task(it.placet.cli("requests", "watch", asked["id"], code=DENIED))
        extended = await told(it, "requests", "extend", asked["id"], "--by", "1h")
        assert extended["expires_at"] > asked["expires_at"]
        await told(it, "requests", "deny", asked["id"], "--reason", "not from a terminal")
        said = await called
        assert (said.code, said.verdict["reason"]) == ("approval_denied", "not from a terminal")
        assert f"{asked['id']}  denied" in (await watching)[0]
    assert it.seen("watched") == 0


async def test_who_may_not_decide_is_refused_and_told_why(it: Shop) -> None:
    await it.placet.cli("people", "add", "eve@example.com", "--group", "sales", person=None)
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", {"to": "eve", "amount": 5}))
        asked = await it.ada.pending_of(to="eve")
        eve = await it.placet.cli("requests", "approve", asked["id"], code=1, person="eve@example.com")
        nobody = await it.placet.cli("requests", "approve", asked["id"], code=USAGE, person="no@example.com")
        unnamed = await it.placet.cli("requests", "approve", asked["id"], code=USAGE, person=None)
        assert "request" in eve[1]
        assert "There is no person no@example.com" in nobody[1]
        assert "Who are you?" in unnamed[1]
        assert (await it.ada.show(asked["id"]))["state"] == "pending"
        await it.ada.deny(asked, "done")
        await called
    assert it.seen("eve") == 0


async def test_a_new_person_signs_in_and_decides_within_a_second(it: Shop) -> None:
    added = await told(
        it, "people", "add", "Cy@Example.com", "--name", "Cy", "--group", "finance", "--role", "reviewer", person=None
    )
    assert (added["id"], added["groups"]) == ("cy@example.com", ["finance"])
    shown = {one["id"]: one["source"] for one in (await told(it, "people", "list"))["people"]}
    assert (shown["cy@example.com"], shown["ada@example.com"]) == ("added", "config")
    token = tokens.parse(
        tokens.Kind.PERSON, (await told(it, "people", "token", "cy@example.com", person=None))["token"]
    )
    assert token is not None
    cy = Reviewer(it.placet, token)
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", {"to": "cy", "amount": 5}))
        asked = await it.ada.pending_of(to="cy")
        status, body = await cy.decide(asked, "approve")
        assert (status, body["votes"][0]["reviewer"]) == (200, "cy@example.com")
        assert (await called).code == "approved"
    await it.placet.cli("people", "remove", "cy@example.com", person=None)
    async with asyncio.timeout(5):
        while (await cy.ask("GET", "/api/v1/me"))[0] != 401:
            pass


async def test_a_login_link_signs_in_once(it: Shop) -> None:
    url = (await told(it, "people", "login-link", "ada@example.com", person=None))["url"]
    assert url.startswith(f"{it.placet.url}/login")
    proof = url.rpartition("=")[2].rpartition("#")[2]
    headers = {"Origin": it.placet.url}
    async with aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        async with http.get(url) as page:
            assert page.status == 200
        async with http.post(it.placet.url + "/api/v1/login", json={"token": proof}) as first:
            me = await first.json()
            assert (first.status, me["person"]["id"]) == (200, "ada@example.com")
        async with http.get(it.placet.url + "/api/v1/me") as mine:
            assert mine.status == 200
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(it.placet.url + "/api/v1/login", json={"token": proof}) as again,
    ):
        assert again.status in {400, 401, 403, 410}


async def test_an_agent_is_added_rotated_paused_and_revoked(it: Shop) -> None:
    async def agents(*arguments: str, code: int = 0) -> Any:
        """As the account on the machine."""
        return await told(it, "agents", *arguments, person=None, code=code)

    made = await agents("add", "bot", "--owner", "Ada@example.com", "--server", "shop")
    assert made["url"] == it.placet.mcp("shop")
    old = tokens.parse(tokens.Kind.AGENT, made["token"])
    assert old is not None
    async with Agent(it.placet, "shop", old) as agent:
        await agent.until_status(200)
        fresh = tokens.parse(tokens.Kind.AGENT, (await agents("rotate", "bot"))["token"])
        assert fresh is not None
        async with Agent(it.placet, "shop", fresh) as again:
            await again.until_status(200)
            await agent.until_status(200)
            await agents("pause", "bot")
            await again.until_code("read", {"to": "x", "amount": 1}, "agent_paused")
            await agents("resume", "bot")
            await again.until_code("read", {"to": "x", "amount": 1}, None)
            assert await agents("revoke", "bot", "--token", old.prefix) == {
                "agent": "bot",
                "token": old.prefix,
                "ended": 0,
            }
            await agent.until_status(401)
            await again.until_status(200)
            await agents("revoke", "bot")
            await again.until_status(401)
    states = {one["name"]: one["state"] for one in (await agents("list"))["agents"]}
    assert (states["bot"], states["claude-ada"]) == ("revoked", "active")
    for arguments, said in (
        (("add", "bot", "--owner", "ada@example.com"), "bot"),
        (("add", "x", "--owner", "a@b.c", "--server", "nope"), "there is no server 'nope'"),
        (("revoke", "claude-ada", "--token", "plc_agent_nothing"), "There is no token 'plc_agent_nothing'"),
    ):
        _, err = await it.placet.cli("agents", *arguments, person=None, code=1)
        assert said in err
    _, err = await it.placet.cli("agents", "pause", "claude-ada", code=3)
    assert "You may not pause agents: that takes the operator or admin role" in err


async def test_the_configuration_is_checked_shown_and_described(it: Shop) -> None:
    assert "all is well" in (await it.placet.cli("check"))[0]
    assert (await told(it, "check"))["ok"] is True
    shown, _ = await it.placet.cli("config", "show")
    assert "listen:" in shown
    assert it.placet.agent.text not in shown
    schema = json.loads((await it.placet.cli("config", "schema"))[0])
    assert {"servers", "agents", "approvals"} <= set(schema["properties"])


async def test_secrets_are_masked_in_what_is_shown(tmp_path: Path) -> None:
    text = """\
listen: {host: 127.0.0.1, port: 1}
database: postgresql://placet:hunter2@db.example/placet
servers:
  pay: {url: "http://127.0.0.1:1/mcp", headers: {Authorization: "Bearer ${env:UPSTREAM}"}}
"""
    (tmp_path / "placet.yaml").write_text(text)
    process = await asyncio.create_subprocess_exec(
        str(BIN / "placet"), "check", "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
        env={**os.environ, "UPSTREAM": "topsecret"},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert b"hunter2" not in out + err
    assert b"topsecret" not in out + err


async def test_a_backup_of_the_running_database_is_whole(it: Shop, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    said = await told(it, "db", "backup", str(file))
    assert said["bytes"] == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        (count,) = db.execute("select count(*) from requests").fetchone()
    page = await it.ada.requests(limit="200")
    assert count == len(page) > 0
    _, err = await it.placet.cli("db", "backup", str(file), code=USAGE)
    assert "exists already" in err


async def test_the_version_is_told(it: Shop) -> None:
    assert (await it.placet.cli("version"))[0].startswith("placet ")
    async with aiohttp.ClientSession() as http, http.get(it.placet.url + "/version") as answer:
        assert (await answer.json())["version"] == (await told(it, "version"))["placet"]


async def test_a_configured_agent_that_was_revoked_stays_out_after_a_restart(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as it, it.agent() as agent:
        await it.placet.cli("agents", "revoke", "claude-ada", person=None)
        await agent.until_status(401)
        await it.placet.stop()
        await it.placet.start()
        await agent.until_status(401)
