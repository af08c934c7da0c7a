"""Our own tokens for upstream servers: got, kept sealed, renewed once for many, and asked for again after a 401."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from gateway.upstreams import Timeouts, Unsent
from gateway.upstreams.wire import Wire
from tests.fakes.authorization_server import AuthorizationServer, authorization_server
from tests.fakes.oauth_office import SERVED, URL, Clock, credentials, oauth


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    async with authorization_server(redirects=set(SERVED)) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


# Client credentials


@pytest.mark.parametrize("methods", [None, ["client_secret_basic"], ["client_secret_post"]], ids=str)
async def test_a_token_is_got_for_the_server_and_sent(
    methods: list[str] | None, issuer: AuthorizationServer, clock: Clock
) -> None:
    issuer.metadata["token_endpoint_auth_methods_supported"] = methods
    authorizer = credentials(oauth(issuer, scopes=("read", "write")), clock)
    headers = await authorizer.headers()
    assert headers == {"Authorization": f"Bearer {issuer.issued[0]}"}
    asked = issuer.asked_for("/token")[0]
    assert (asked["grant_type"], asked["resource"], asked["scope"]) == ("client_credentials", URL, "read write")
    assert ("client_secret" in asked) == (methods == ["client_secret_post"])


async def test_a_token_is_kept_and_renewed_before_it_runs_out(issuer: AuthorizationServer, clock: Clock) -> None:
    authorizer = credentials(oauth(issuer), clock)
    first = await authorizer.headers()
    clock.now += 3600 - 61
    assert await authorizer.headers() == first
    clock.now += 2
    assert await authorizer.headers() != first
    assert len(issuer.issued) == 2


async def test_many_requests_at_once_get_one_token(issuer: AuthorizationServer, clock: Clock) -> None:
    issuer.hold = asyncio.Event()
    authorizer = credentials(oauth(issuer), clock)
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(authorizer.headers()) for _ in range(50)]
        issuer.hold.set()
    assert len({one.result()["Authorization"] for one in waiting}) == 1
    assert len(issuer.issued) == 1


async def test_a_refused_token_is_renewed_once_however_many_were_refused(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    authorizer = credentials(oauth(issuer), clock)
    sent = await authorizer.headers()
    clock.now += 31
    async with asyncio.TaskGroup() as group:
        told = [group.create_task(authorizer.refused(sent, status=401, challenge=None)) for _ in range(20)]
    assert {one.result() for one in told} == {True}
    assert len(issuer.issued) == 2


async def test_a_server_that_refuses_every_token_does_not_get_one_for_each_request(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    authorizer = credentials(oauth(issuer), clock)
    for _ in range(5):
        assert not await authorizer.refused(await authorizer.headers(), status=401, challenge=None)
    assert len(issuer.issued) == 1


async def test_a_lack_of_scope_is_not_mended_by_another_token(issuer: AuthorizationServer, clock: Clock) -> None:
    authorizer = credentials(oauth(issuer), clock)
    sent = await authorizer.headers()
    clock.now += 31
    assert not await authorizer.refused(sent, status=403, challenge='Bearer error="insufficient_scope"')


async def test_while_the_issuer_is_away_a_token_serves_to_its_end(issuer: AuthorizationServer, clock: Clock) -> None:
    authorizer = credentials(oauth(issuer), clock)
    first = await authorizer.headers()
    issuer.wrong["token"] = lambda: web.Response(status=503)
    clock.now += 3600 - 30
    for _ in range(3):
        assert await authorizer.headers() == first
    assert len(issuer.asked_for("/token")) == 2
    clock.now += 31
    with pytest.raises(Unsent, match="shop cannot be used without an access token: the token endpoint answered"):
        await authorizer.headers()


WRONG_TOKENS: dict[str, Callable[[], Any]] = {
    "no access token": lambda: {"token_type": "Bearer"},
    "one that cannot be sent": lambda: {"access_token": "a\r\nb", "token_type": "Bearer"},
    "a huge one": lambda: {"access_token": "a" * 20_000, "token_type": "Bearer"},
    "no bearer": lambda: {"access_token": "a", "token_type": "mac"},
    "no type": lambda: {"access_token": "a"},
    "good for no time": lambda: {"access_token": "a", "token_type": "Bearer", "expires_in": 0},
    "good for true": lambda: {"access_token": "a", "token_type": "Bearer", "expires_in": True},
    "a list": lambda: web.Response(text="[]", content_type="application/json"),
    "a page": lambda: web.Response(text="<html>", content_type="text/html"),
    "a redirect": lambda: web.Response(status=307, headers={"Location": "http://127.0.0.1:9/token"}),
    "a refusal": lambda: web.json_response({"error": "invalid_client\u202e"}, status=401),
    "a failure": lambda: web.Response(status=500),
}


@pytest.mark.parametrize("name", WRONG_TOKENS)
async def test_a_wrong_answer_is_no_token_and_is_not_asked_for_again_at_once(
    name: str, issuer: AuthorizationServer, clock: Clock
) -> None:
    issuer.wrong["token"] = WRONG_TOKENS[name]
    authorizer = credentials(oauth(issuer), clock)
    for _ in range(3):
        with pytest.raises(Unsent) as refused:
            await authorizer.headers()
        assert "\u202e" not in str(refused.value)
        assert "s3cret" not in str(refused.value)
    assert len(issuer.asked_for("/token")) == 1
    del issuer.wrong["token"]
    clock.now += 6
    assert await authorizer.headers()


async def test_no_issuer_is_asked_that_is_another_than_the_one_configured(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    issuer.metadata["issuer"] = "https://evil.example"
    with pytest.raises(Unsent, match="names another issuer"):
        await credentials(oauth(issuer), clock).headers()
    assert issuer.asked_for("/token") == []


@pytest.mark.parametrize(
    "endpoint", ["http://example.com/token", "https://10.1.2.3/token", "https://[fe80::1]/token", "javascript:alert(1)"]
)
async def test_a_secret_is_not_sent_where_it_could_be_read_or_inside(
    endpoint: str, issuer: AuthorizationServer, clock: Clock
) -> None:
    issuer.metadata["token_endpoint"] = endpoint
    with pytest.raises(Unsent, match="the issuer's metadata cannot be used"):
        await credentials(oauth(issuer), clock).headers()


async def test_a_configured_token_url_needs_no_discovery(issuer: AuthorizationServer, clock: Clock) -> None:
    settings = oauth(issuer, token_url=issuer.issuer + "/token")
    assert await credentials(settings, clock).headers()
    assert {path for path, _ in issuer.asked} == {"/token"}


# On the wire


class Borrowed:
    """Hands out tokens one after the other, and says whether a refusal is worth another try."""

    def __init__(self, *tokens: str, again: bool = True) -> None:
        self.tokens, self.again = list(tokens), again
        self.told: list[tuple[str, int, str | None]] = []

    async def headers(self) -> dict[str, str]:
        if not self.tokens:
            raise Unsent("nobody has signed in")
        return {"Authorization": f"Bearer {self.tokens[0]}"}

    async def refused(self, sent: Mapping[str, str], *, status: int, challenge: str | None) -> bool:
        self.told.append((sent["Authorization"], status, challenge))
        self.tokens.pop(0)
        return self.again


@pytest.mark.parametrize(
    ("authorizer", "once", "status", "seen"),
    [
        pytest.param(Borrowed("good"), False, 200, ["good"], id="taken"),
        pytest.param(Borrowed("old", "good"), False, 200, ["old", "good"], id="renewed"),
        pytest.param(Borrowed("old", "older"), False, 401, ["old", "older"], id="refused twice, and no third time"),
        pytest.param(Borrowed("old", "good", again=False), False, 401, ["old"], id="not worth another try"),
        pytest.param(Borrowed("old", "good"), True, 401, ["old"], id="what must not go twice does not"),
    ],
)
async def test_a_refused_request_is_sent_once_more_at_most(
    authorizer: Borrowed, status: int, seen: list[str], *, once: bool
) -> None:
    asked: list[str] = []

    async def judge(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers["Authorization"].removeprefix("Bearer "))
        assert await request.text() == "{}"
        refused = web.Response(status=401, headers={"WWW-Authenticate": 'Bearer scope="a"'})
        return web.json_response({}) if asked[-1] == "good" else refused

    app = web.Application()
    app.router.add_post("/mcp", judge)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    wire = Wire(name="shop", url=url, headers={}, timeouts=Timeouts(), authorizer=authorizer)
    async with wire.post(b"{}", {}, once=once) as reply:
        assert reply.status == status
    assert asked == seen
    assert [told[1:] for told in authorizer.told] == [(401, 'Bearer scope="a"')] * (1 if seen != ["good"] else 0)
    if once:  # what was renewed is there for the next request
        async with wire.post(b"{}", {}, once=once) as reply:
            assert reply.status == 200
    await wire.close()
    await runner.cleanup()


async def test_without_a_token_nothing_is_sent() -> None:
    wire = Wire(name="shop", url=URL, headers={}, timeouts=Timeouts(), authorizer=Borrowed())
    with pytest.raises(Unsent, match="nobody has signed in"):
        async with wire.post(b"{}", {}):
            pass
    await wire.close()
