"""OAuth in both directions with a real issuer: agents that come with its tokens, and a server that wants them of us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import httpx2
import pytest
from aiohttp import web
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from tests.acceptance.agents import SOON_SECONDS, Agent, Said
from tests.acceptance.counting import server
from tests.acceptance.harness import Placet, policy, serving
from tests.fakes.authorization_server import AuthorizationServer, authorization_server
from tests.fakes.upstreams import sdk_http_server

AGENT_BACK = "http://127.0.0.1:1/back"
WELL_KNOWN = "/.well-known/oauth-protected-resource"


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    async with authorization_server(redirects={AGENT_BACK}) as running:
        yield running


def _placet(folder: Path, issuer: AuthorizationServer, **oauth: Any) -> Placet:
    placet = Placet(folder, servers={"shop": server(folder / "seen.jsonl")}, policies={"shop": policy({"read": {}})})
    base = placet.url
    placet.config["agents"] = {"bot": {"oauth_subject": "agent-1", "owner": "ada@example.com", "servers": ["shop"]}}
    audience = [base, f"{base}/mcp", f"{base}/mcp/shop"]
    placet.config["agent_oauth"] = {"issuer": issuer.issuer, "audience": audience, "scopes": ["mcp"], **oauth}
    placet.write_config()
    return placet


@pytest.fixture
async def placet(tmp_path: Path, issuer: AuthorizationServer) -> AsyncIterator[Placet]:
    async with serving(_placet(tmp_path, issuer)) as running:
        yield running


async def _list(placet: Placet, bearer: str | None, path: str = "/mcp/shop") -> tuple[int, str, Any]:
    """Status, challenge and body of an `initialize` with a token."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    headers = {"Accept": "application/json, text/event-stream"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    async with aiohttp.ClientSession() as http, http.post(placet.url + path, json=body, headers=headers) as answer:
        return answer.status, answer.headers.get("WWW-Authenticate", ""), await answer.json(content_type=None)


async def _get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, await answer.json(content_type=None)


# Agents


async def test_an_access_token_stands_for_its_agent_and_a_key_for_nobody(
    placet: Placet, issuer: AuthorizationServer
) -> None:
    good = issuer.mint(aud=placet.url, scope="mcp")
    assert (await _list(placet, good))[0] == 200
    refused = [await _list(placet, bearer) for bearer in (None, placet.agent.text, "x", issuer.mint(aud="https://x"))]
    assert refused[1:] == [refused[0]] * 3
    status, challenge, body = refused[0]
    metadata = f"{placet.url}{WELL_KNOWN}/mcp/shop"
    assert (status, challenge) == (401, f'Bearer resource_metadata="{metadata}", scope="mcp"')
    assert f"A valid access token of {issuer.issuer} is needed" in body["error"]["message"]
    _, told = await placet.cli("agents", "add", "other-bot", "--owner", "ada@example.com", code=1, person=None)
    assert "a key would be refused" in told


async def test_a_token_without_the_scope_or_of_no_agent_is_told_so(placet: Placet, issuer: AuthorizationServer) -> None:
    status, challenge, body = await _list(placet, issuer.mint(aud=placet.url))
    metadata = f"{placet.url}{WELL_KNOWN}/mcp/shop"
    assert status == 403
    assert challenge == f'Bearer error="insufficient_scope", resource_metadata="{metadata}", scope="mcp"'
    assert "lacks a scope: mcp" in body["error"]["message"]
    status, challenge, body = await _list(placet, issuer.mint(aud=placet.url, scope="mcp", sub="stranger"))
    assert (status, challenge) == (403, "")
    assert "belongs to no agent of this gateway" in body["error"]["message"]


@pytest.mark.parametrize("path", ["", "/mcp", "/mcp/shop", "/mcp/no-such-server"])
async def test_the_metadata_names_the_very_resource_it_is_asked_for(
    path: str, placet: Placet, issuer: AuthorizationServer
) -> None:
    assert await _get(placet.url + WELL_KNOWN + path) == (
        200,
        {
            "resource": placet.url + path,
            "authorization_servers": [issuer.issuer],
            "scopes_supported": ["mcp"],
            "bearer_methods_supported": ["header"],
        },
    )


async def test_a_refreshed_token_goes_on_with_the_session_and_another_agents_does_not(
    placet: Placet, issuer: AuthorizationServer
) -> None:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    headers = {"Accept": "application/json, text/event-stream"}

    def token(**claims: Any) -> dict[str, str]:
        return {**headers, "Authorization": f"Bearer {issuer.mint(aud=placet.url, scope='mcp', **claims)}"}

    async with aiohttp.ClientSession() as http:
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
        async with http.post(placet.mcp("shop"), json=body, headers=token(jti="1")) as answer:
            session = answer.headers["Mcp-Session-Id"]
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        in_session = {"Mcp-Session-Id": session}
        async with http.post(placet.mcp("shop"), json=ping, headers={**token(jti="2"), **in_session}) as answer:
            assert answer.status == 200


async def test_a_revoked_agent_may_not_call_whatever_its_issuer_says(
    placet: Placet, issuer: AuthorizationServer
) -> None:
    good = issuer.mint(aud=placet.url, scope="mcp")
    assert (await _list(placet, good))[0] == 200
    await placet.cli("agents", "revoke", "bot", person=None)
    async with asyncio.timeout(SOON_SECONDS):
        while (said := await _list(placet, good))[0] != 403:
            assert said[0] == 200
    assert "one that is revoked" in said[2]["error"]["message"]


async def test_with_keys_nothing_of_oauth_answers(tmp_path: Path) -> None:
    """Some clients prefer OAuth to the key they were given as soon as any discovery answers."""
    plain = Placet(tmp_path, servers={"shop": server(tmp_path / "seen.jsonl")}, policies={"shop": policy({"read": {}})})
    async with serving(plain):
        for path in (WELL_KNOWN, WELL_KNOWN + "/mcp", WELL_KNOWN + "/mcp/shop"):
            assert (await _get(plain.url + path))[0] == 404
        for name in ("oauth-authorization-server", "openid-configuration", "oauth-authorization-server/mcp"):
            assert (await _get(f"{plain.url}/.well-known/{name}"))[0] == 404
        status, challenge, _ = await _list(plain, "x")
        assert (status, challenge) == (401, 'Bearer realm="placet"')


class Kept:
    """Where the official client keeps what it gets: registered beforehand, no token yet."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return OAuthClientInformationFull(
            client_id="public", redirect_uris=[AnyUrl(AGENT_BACK)], token_endpoint_auth_method="none"
        )

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError("it is registered already")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_signs_in_by_itself_and_calls(
    mode: Any, placet: Placet, issuer: AuthorizationServer
) -> None:
    back: list[str] = []

    async def visit(url: str) -> None:
        async with aiohttp.ClientSession() as http, http.get(url, allow_redirects=False) as answer:
            back.append(answer.headers["Location"])

    async def returned() -> AuthorizationCodeResult:
        query = {name: values[0] for name, values in parse_qs(urlsplit(back[-1]).query).items()}
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])

    kept = Kept()
    provider = OAuthClientProvider(
        server_url=placet.mcp("shop"),
        client_metadata=OAuthClientMetadata(redirect_uris=[AnyUrl(AGENT_BACK)], client_name="tester"),
        storage=kept,
        redirect_handler=visit,
        callback_handler=returned,
    )
    async with (
        httpx2.AsyncClient(auth=provider, timeout=10) as http,
        Client(streamable_http_client(placet.mcp("shop"), http_client=http), mode=mode) as client,
    ):
        said = await client.call_tool("read", {"to": "ada", "amount": 1})
        assert said.content[0].text == "read 1 to ada"  # type: ignore[union-attr]
    asked = issuer.asked_for("/authorize")
    assert [(one["resource"], one["scope"]) for one in asked] == [(placet.mcp("shop"), "mcp")]
    assert kept.tokens is not None
    assert kept.tokens.access_token == issuer.issued[-1]


# Servers


class Guarded:
    """A real MCP server behind a check of its tokens: what a server with OAuth looks like from outside."""

    def __init__(self, issuer: AuthorizationServer, behind: str) -> None:
        self._issuer, self._behind = issuer, behind
        self.url = ""
        self.revoked: set[str] = set()
        self.seen: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.seen.append(sent)
        if sent not in self._issuer.issued or sent in self.revoked:
            origin = self.url.removesuffix("/mcp")
            told = f'Bearer resource_metadata="{origin}{WELL_KNOWN}/mcp"'
            return web.Response(status=401, headers={"WWW-Authenticate": told})
        passed = {k: v for k, v in request.headers.items() if k not in {"Host", "Authorization", "Content-Length"}}
        body = await request.read()
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, self._behind, data=body, headers=passed) as answer,
        ):
            kept = {k: v for k, v in answer.headers.items() if k.lower() in {"content-type", "mcp-session-id"}}
            reply = web.StreamResponse(status=answer.status, headers=kept)
            await reply.prepare(request)
            async for chunk in answer.content.iter_any():
                await reply.write(chunk)
            return reply

    async def metadata(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"resource": self.url, "authorization_servers": [self._issuer.issuer]})


@asynccontextmanager
async def _guarded(issuer: AuthorizationServer, behind: str) -> AsyncIterator[Guarded]:
    guarded = Guarded(issuer, behind)
    app = web.Application()
    app.router.add_get(WELL_KNOWN + "/mcp", guarded.metadata)
    app.router.add_route("POST", "/mcp", guarded.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    guarded.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    try:
        yield guarded
    finally:
        await runner.cleanup()


@pytest.fixture
def behind() -> Iterator[str]:
    with sdk_http_server("http") as url:
        yield url


def _before(folder: Path, url: str, oauth: dict[str, Any]) -> Placet:
    placet = Placet(folder, servers={"shop": {"url": url, "oauth": oauth}}, policies={"shop": policy({"add": {}})})
    placet.config["people"]["ada@example.com"]["roles"] = ["reviewer", "operator"]
    placet.write_config()
    return placet


async def _add(placet: Placet) -> Said:
    async with Agent(placet, "shop") as agent:
        return await agent.call("add", {"a": 1, "b": 2})


def _secrets_of(issuer: AuthorizationServer) -> list[str]:
    return [*issuer.issued, *issuer.refresh_tokens, *issuer.burnt, "s3cret"]


def _leaks(placet: Placet, issuer: AuthorizationServer) -> list[str]:
    """Where a token or secret can be read, beside the configuration."""
    printed = "\n".join(placet.output).encode()
    files = [path for path in placet.folder.rglob("*") if path.is_file() and path.name != "placet.yaml"]
    found = {str(path): path.read_bytes() for path in files} | {"the log": printed}
    return [where for where, text in found.items() for secret in _secrets_of(issuer) if secret.encode() in text]


async def test_a_call_carries_our_own_token_and_never_the_agents(
    tmp_path: Path, issuer: AuthorizationServer, behind: str
) -> None:
    async with _guarded(issuer, behind) as guarded:
        oauth = {"grant": "client_credentials", "client_id": "placet", "client_secret": "s3cret"}
        placet = _before(tmp_path, guarded.url, {**oauth, "issuer": issuer.issuer})
        async with serving(placet):
            said = await _add(placet)
            assert said.text == "3"
            guarded.revoked.update(issuer.issued)
            refused = await _add(placet)
            assert set(guarded.seen) <= set(issuer.issued)
            assert placet.agent.text not in guarded.seen
            assert not [one for one in issuer.issued if one in json.dumps([said.body, refused.body])]
        assert _leaks(placet, issuer) == []


async def test_an_operator_signs_in_and_the_calls_run_until_they_sign_out(
    tmp_path: Path, issuer: AuthorizationServer, behind: str
) -> None:
    async with _guarded(issuer, behind) as guarded:
        placet = _before(tmp_path, guarded.url, {"grant": "authorization_code", "client_id": "public"})
        issuer.redirects.add(placet.url + "/oauth/callback")
        async with serving(placet), aiohttp.ClientSession() as http:
            before = await _add(placet)
            assert "An operator can: placet servers login shop" in json.dumps(before.body)

            out, _ = await placet.cli("servers", "login", "shop", "--json")
            link = json.loads(out)["url"]
            async with http.get(link, allow_redirects=False) as consent:
                back = consent.headers["Location"]
            assert back.startswith(placet.url + "/oauth/callback?")
            async with http.head(back) as looked:
                assert looked.status == 405
            async with http.get(back) as done:
                assert (done.status, await done.text()) == (
                    200,
                    "Placet is signed in to shop. You can close this page.\n",
                )
                assert done.headers["Content-Type"] == "text/plain; charset=utf-8"
            async with http.get(back) as again:
                assert again.status == 400
            assert (await _add(placet)).text == "3"
            assert [one["resource"] for one in issuer.asked_for("/token")] == [guarded.url]

            async with http.post(
                placet.url + "/api/v1/servers/shop/logout", json={}, headers=placet.bearer(placet.ada)
            ) as answer:
                assert await answer.json() == {"server": "shop", "signed_out": True}
            assert "nobody has signed in" in json.dumps((await _add(placet)).body)
        assert _leaks(placet, issuer) == []


async def test_only_an_operator_begins_a_sign_in(tmp_path: Path, issuer: AuthorizationServer) -> None:
    oauth = {"grant": "authorization_code", "client_id": "public", "issuer": issuer.issuer}
    placet = _before(tmp_path, "http://127.0.0.1:9/mcp", oauth)
    issuer.redirects.add(placet.url + "/oauth/callback")
    async with serving(placet), aiohttp.ClientSession() as http:
        asked = placet.url + "/api/v1/servers/shop/login"
        async with http.post(asked, json={}, headers=placet.bearer(placet.bob)) as answer:
            assert answer.status == 403
        for nobody in ({}, placet.bearer(placet.agent)):
            async with http.post(asked, json={}, headers=nobody) as answer:
                assert answer.status == 401
        async with http.get(asked, headers=placet.bearer(placet.ada)) as answer:
            assert answer.status == 405
        async with http.post(asked, json={}, headers=placet.bearer(placet.ada)) as answer:
            said = await answer.json()
            assert (answer.status, said["server"]) == (200, "shop")
            assert said["url"].startswith(issuer.issuer + "/authorize?response_type=code&client_id=public&")
        async with http.post(asked.replace("shop", "none"), json={}, headers=placet.bearer(placet.ada)) as answer:
            assert answer.status == 404
        await placet.cli("servers", "login", "shop", code=3, person="bob@example.com")
