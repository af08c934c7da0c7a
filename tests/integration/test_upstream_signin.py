"""An operator signs Placet in to a server: the link, the way back, what is kept of it, and where it may not lead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from approvals.errors import Invalid, NotFound
from approvals.storage.engine import Database
from gateway.oauth.authorizer import SignedIn
from gateway.oauth.fetch import Fetcher
from gateway.oauth.grants import binding
from gateway.oauth.signin import NoSuchSignIn, SignInFailed, SignIns
from gateway.oauth.vault import Kind, Vault
from gateway.settings import ServerOauthSettings, ServerSettings
from gateway.upstreams import Unsent
from tests.fakes.authorization_server import AuthorizationServer, authorization_server
from tests.fakes.keys import VAULT
from tests.fakes.oauth_office import SERVED, URL, Clock, Office, browser, directly, oauth, public

ADA = "ada@example.com"


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    async with authorization_server(redirects=set(SERVED)) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def office(sqlite_url: str, issuer: AuthorizationServer, clock: Clock) -> AsyncIterator[Office]:
    """One process over a database whose time is the clock's."""
    async with Database.opened(sqlite_url, VAULT, clock=lambda: datetime.fromtimestamp(clock.now, UTC)) as db:
        yield Office(db, public(issuer), clock)


async def _sign_in_fails(office: Office, back: dict[str, str], why: str) -> None:
    with pytest.raises(SignInFailed, match=why):
        await office.sign_ins.complete(back)


# What is kept, on both databases


async def test_an_operator_signs_in_and_calls_carry_the_token_which_is_kept_sealed(
    database: Database, issuer: AuthorizationServer, clock: Clock
) -> None:
    office = Office(database, public(issuer), clock)
    with pytest.raises(Unsent, match="An operator can: placet servers login shop"):
        await office.authorizer.headers()
    await office.sign_in()
    assert await office.authorizer.headers() == {"Authorization": f"Bearer {issuer.issued[0]}"}
    asked = issuer.asked_for("/authorize")[0]
    assert asked["resource"] == issuer.asked_for("/token")[0]["resource"] == URL
    assert (asked["code_challenge_method"], len(asked["state"])) == ("S256", 43)

    row = await database.read(lambda tx: tx.secrets.token("shop"))
    assert row is not None
    assert (row.by, row.revision) == (ADA, 1)
    secrets = [issuer.issued[0], *issuer.refresh_tokens]
    assert [one for one in secrets if one.encode() in row.sealed or one in repr(row)] == []
    opened = office.vault.open(Kind.TOKENS, "shop", row.sealed)
    assert opened is not None
    assert opened["tokens"]["access"] == issuer.issued[0]
    assert office.vault.open(Kind.TOKENS, "other", row.sealed) is None
    assert office.vault.open(Kind.LOGIN, "shop", row.sealed) is None
    assert office.vault.open(Kind.TOKENS, "shop", row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])) is None
    assert office.vault.open(Kind.TOKENS, "shop", b"") is None
    assert Vault(b"x" * 32).open(Kind.TOKENS, "shop", row.sealed) is None


async def test_a_sign_in_survives_a_restart_and_two_processes_refresh_it_once(
    database: Database, issuer: AuthorizationServer, clock: Clock
) -> None:
    """A refresh token that is used twice ends the sign-in."""
    await Office(database, public(issuer), clock).sign_in()
    one, two = [Office(database, public(issuer), clock, name) for name in ("one", "two")]
    assert await two.authorizer.headers() == {"Authorization": f"Bearer {issuer.issued[0]}"}
    clock.now += 3600 - 59
    async with asyncio.TaskGroup() as group:
        all_of_them = [group.create_task(each.authorizer.headers()) for each in (one, two) for _ in range(5)]
    assert {each.result()["Authorization"] for each in all_of_them} == {f"Bearer {issuer.issued[1]}"}
    assert len(issuer.issued) == 2
    assert issuer.asked_for("/token")[1]["resource"] == URL


async def test_a_state_is_good_once_though_it_comes_back_many_times_at_once(
    database: Database, issuer: AuthorizationServer, clock: Clock
) -> None:
    office = Office(database, public(issuer), clock)
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    done = await asyncio.gather(*(office.sign_ins.complete(back) for _ in range(8)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["NoSuchSignIn"] * 7 + ["str"]
    assert len(issuer.issued) == 1


async def test_signing_out_forgets_the_token(database: Database, issuer: AuthorizationServer, clock: Clock) -> None:
    office = Office(database, public(issuer), clock)
    await office.sign_in()
    assert await office.authorizer.headers()
    assert await office.sign_ins.sign_out("shop")
    assert not await office.sign_ins.sign_out("shop")
    with pytest.raises(Unsent, match="nobody has signed in"):
        await office.authorizer.headers()


async def test_a_refresh_whose_process_died_is_taken_over_when_its_lease_ends(
    database: Database, issuer: AuthorizationServer, clock: Clock
) -> None:
    office = Office(database, public(issuer), clock)
    await office.sign_in()
    now = datetime.now(UTC)
    for until, taken in ((now.replace(year=now.year - 1), True), (now.replace(year=now.year + 1), True)):
        lease = {"holder": "dead", "now": now, "until": until}
        assert await database.write(lambda tx, given=lease: tx.secrets.lease("shop", 1, **given)) is taken  # type: ignore[misc]
    assert not await office.store.lease("shop", 1)
    assert not await office.store.lease("shop", 2)
    await database.write(lambda tx: tx.secrets.release("shop", holder="somebody else"))
    assert not await office.store.lease("shop", 1)
    await database.write(lambda tx: tx.secrets.release("shop", holder="dead"))
    assert await office.store.lease("shop", 1)


# Renewing


async def test_a_refused_token_is_refreshed_and_the_call_may_go_again(
    office: Office, issuer: AuthorizationServer
) -> None:
    await office.sign_in()
    sent = await office.authorizer.headers()
    assert await office.authorizer.refused(sent, status=401, challenge="Bearer")
    assert await office.authorizer.headers() == {"Authorization": f"Bearer {issuer.issued[1]}"}


async def test_a_sign_in_that_was_ended_by_its_issuer_asks_for_another(
    office: Office, issuer: AuthorizationServer, clock: Clock
) -> None:
    await office.sign_in()
    issuer.refresh_tokens.clear()
    clock.now += 3601
    with pytest.raises(Unsent, match="ended by who issued it"):
        await office.authorizer.headers()
    assert await office.store.read("shop") is None
    await office.sign_in()
    assert await office.authorizer.headers() == {"Authorization": f"Bearer {issuer.issued[-1]}"}


async def test_a_refresh_that_fails_for_now_keeps_the_sign_in(
    office: Office, issuer: AuthorizationServer, clock: Clock
) -> None:
    await office.sign_in()
    issuer.wrong["token"] = lambda: web.Response(status=502)
    clock.now += 3601
    with pytest.raises(Unsent, match="answered HTTP 502"):
        await office.authorizer.headers()
    del issuer.wrong["token"]
    clock.now += 6
    assert await office.authorizer.headers()


async def test_a_new_sign_in_is_used_within_half_a_minute_by_every_process(
    office: Office, issuer: AuthorizationServer, clock: Clock
) -> None:
    await office.sign_in()
    before = await office.authorizer.headers()
    office.sign_ins._done = lambda _: None  # as in another process, which is not told
    await office.sign_in()
    assert await office.authorizer.headers() == before
    clock.now += 31
    assert await office.authorizer.headers() == {"Authorization": f"Bearer {issuer.issued[1]}"}


@pytest.mark.parametrize("changed", ["client_id", "scopes", "url"])
async def test_tokens_are_not_used_for_anything_but_what_they_were_got_for(
    changed: str, office: Office, issuer: AuthorizationServer, clock: Clock
) -> None:
    await office.sign_in()
    url = "http://127.0.0.1:9/other" if changed == "url" else URL
    others: dict[str, dict[str, Any]] = {"client_id": {"client_id": "placet"}, "scopes": {"scopes": ("more",)}}
    options = others.get(changed, {})
    settings = public(issuer, **options)
    assert binding(settings, url) != binding(office.settings, URL)
    other = SignedIn(
        server="shop",
        url=url,
        settings=settings,
        fetcher=Fetcher(known=frozenset({"127.0.0.1"})),
        store=office.store,
        run=directly,
        now=clock,
    )
    with pytest.raises(Unsent, match="nobody has signed in"):
        await other.headers()


# The way back


async def test_a_state_is_used_up_by_a_wrong_answer_too(office: Office, issuer: AuthorizationServer) -> None:
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    refusal = {"state": back["state"], "error": "access_denied\u202e", "iss": issuer.issuer}
    await _sign_in_fails(office, refusal, r'refused: "access_denied\\u202e"')
    with pytest.raises(NoSuchSignIn):
        await office.sign_ins.complete(back)


async def test_a_state_runs_out_after_ten_minutes(office: Office, issuer: AuthorizationServer, clock: Clock) -> None:
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    clock.now += 601
    with pytest.raises(NoSuchSignIn):
        await office.sign_ins.complete(back)
    assert issuer.asked_for("/token") == []


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"code": "x"}, id="no state"),
        pytest.param({"state": ""}, id="empty state"),
        pytest.param({"state": "x" * 43, "code": "y"}, id="made-up state"),
        pytest.param({"state": "x" * 42 + "\u00e9", "code": "y"}, id="state that is none"),
        pytest.param({"state": "x" * 43, "code": "y" * 9000}, id="huge code"),
    ],
)
async def test_what_nobody_began_is_refused(query: dict[str, str], office: Office) -> None:
    with pytest.raises(NoSuchSignIn):
        await office.sign_ins.complete(query)


@pytest.mark.parametrize("iss", [None, "https://evil.example", ""])
async def test_an_answer_of_another_issuer_is_refused(
    iss: str | None, office: Office, issuer: AuthorizationServer
) -> None:
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    del back["iss"]
    said = back if iss is None else {**back, "iss": iss}
    await _sign_in_fails(office, said, "does not come from the issuer")
    assert issuer.asked_for("/token") == []


async def test_an_issuer_that_never_says_who_it_is_need_not(office: Office, issuer: AuthorizationServer) -> None:
    issuer.metadata["authorization_response_iss_parameter_supported"] = None
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    del back["iss"]
    assert await office.sign_ins.complete(back) == "shop"


async def test_a_code_of_somebody_else_is_worth_nothing(office: Office) -> None:
    """The verifier belongs to the state: a code of another sign-in does not fit it."""
    mine, theirs = [await office.sign_ins.begin("shop", by=ADA) for _ in range(2)]
    back, other = await browser(mine.url), await browser(theirs.url)
    await _sign_in_fails(office, {**back, "code": other["code"]}, "invalid_grant")


async def test_a_sign_in_whose_server_changed_meanwhile_is_refused(office: Office, issuer: AuthorizationServer) -> None:
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    office.servers["shop"] = ServerSettings(name="shop", url="http://127.0.0.1:9/elsewhere", oauth=office.settings)
    await _sign_in_fails(office, back, "configuration has changed")
    assert issuer.asked_for("/token") == []


async def test_a_sign_in_whose_server_left_meanwhile_is_refused(office: Office, issuer: AuthorizationServer) -> None:
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    del office.servers["shop"]
    await _sign_in_fails(office, back, "There is no server")
    assert issuer.asked_for("/token") == []


async def test_an_issuer_without_pkce_is_not_signed_in_to(office: Office, issuer: AuthorizationServer) -> None:
    issuer.metadata["code_challenge_methods_supported"] = ["plain"]
    with pytest.raises(SignInFailed, match="PKCE"):
        await office.sign_ins.begin("shop", by=ADA)


async def test_configured_addresses_need_no_discovery(office: Office, issuer: AuthorizationServer) -> None:
    urls = {"token_url": issuer.issuer + "/token", "authorization_url": issuer.issuer + "/authorize?a=b"}
    settings = public(issuer, **urls)
    office.servers["shop"] = ServerSettings(name="shop", url=URL, oauth=settings)
    begun = await office.sign_ins.begin("shop", by=ADA)
    back = await browser(begun.url)
    await _sign_in_fails(office, back, "iss")  # it names an issuer, and none was configured to compare it with


async def test_nobody_signs_in_to_what_wants_no_sign_in(office: Office, issuer: AuthorizationServer) -> None:
    office.servers["plain"] = ServerSettings(name="plain", url=URL)
    office.servers["own"] = ServerSettings(name="own", url=URL, oauth=oauth(issuer))
    for name in ("plain", "own"):
        with pytest.raises(Invalid, match="nobody signs in"):
            await office.sign_ins.begin(name, by=ADA)
    with pytest.raises(NotFound):
        await office.sign_ins.begin("none", by=ADA)


# Found by what the server publishes


class Published:
    """An MCP endpoint that says where its tokens come from."""

    def __init__(self) -> None:
        self.url = ""
        self.document: dict[str, Any] = {}
        self.challenge = "Bearer"
        self.at = "/.well-known/oauth-protected-resource/mcp"

    async def refuse(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, headers={"WWW-Authenticate": self.challenge})

    async def show(self, request: web.Request) -> web.StreamResponse:
        if request.path != self.at:
            raise web.HTTPNotFound
        return web.Response(text=json.dumps(self.document), content_type="application/json")


@pytest.fixture
async def published(issuer: AuthorizationServer) -> AsyncIterator[Published]:
    server = Published()
    app = web.Application()
    app.router.add_post("/mcp", server.refuse)
    app.router.add_get("/{any:.*}", server.show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    server.document = {"resource": server.url, "authorization_servers": [issuer.issuer], "scopes_supported": ["mcp"]}
    yield server
    await runner.cleanup()


def _found_by(office: Office, published: Published) -> SignIns:
    settings = ServerOauthSettings(grant="authorization_code", client_id="public")
    office.servers["shop"] = ServerSettings(name="shop", url=published.url, oauth=settings)
    return office.sign_ins


@pytest.mark.parametrize("where", ["in the challenge", "by the path", "at the root"])
async def test_a_server_says_where_its_tokens_come_from(
    where: str, office: Office, published: Published, issuer: AuthorizationServer
) -> None:
    base = published.url.removesuffix("/mcp")
    if where == "in the challenge":
        published.at = "/elsewhere"
        published.challenge = f'Bearer error="invalid_token", resource_metadata="{base}/elsewhere", scope="from-401"'
    elif where == "at the root":
        published.at = "/.well-known/oauth-protected-resource"
        published.document["resource"] = base
    sign_ins = _found_by(office, published)
    begun = await sign_ins.begin("shop", by=ADA)
    await sign_ins.complete(await browser(begun.url))
    asked = issuer.asked_for("/authorize")[0]
    assert asked["scope"] == ("from-401" if where == "in the challenge" else "mcp")
    assert asked["resource"] == (base if where == "at the root" else published.url)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        pytest.param({"resource": "https://other/mcp"}, "speaks of another resource", id="another origin"),
        pytest.param({"resource": None}, "speaks of another resource", id="no resource"),
        pytest.param({"authorization_servers": []}, "names no authorization server", id="nobody"),
        pytest.param({"authorization_servers": ["http://169.254.169.254"]}, "plain http", id="cloud credentials"),
        pytest.param({"authorization_servers": ["https://169.254.169.254"]}, "link-local", id="cloud, by https"),
        pytest.param({"authorization_servers": ["https://10.0.0.1"]}, "not public", id="inside"),
        pytest.param({"authorization_servers": ["https://[::1]"]}, "this machine itself", id="this machine"),
        pytest.param({"authorization_servers": ["https://[::ffff:10.0.0.1]"]}, "not public", id="inside, as IPv6"),
        pytest.param({"authorization_servers": ["https://[64:ff9b::a00:1]"]}, "not public", id="inside, translated"),
        pytest.param({"authorization_servers": ["https://0x0a000001"]}, "a plain IP address", id="a number"),
        pytest.param({"authorization_servers": ["https://localhost"]}, "cannot be reached", id="a name for inside"),
        pytest.param({"authorization_servers": ["http://example.com"]}, "plain http", id="plain http"),
        pytest.param({"authorization_servers": ["file:///etc/passwd"]}, "not an http", id="another scheme"),
    ],
)
async def test_a_server_does_not_lead_us_astray(
    document: dict[str, Any], why: str, office: Office, published: Published
) -> None:
    published.document |= document
    with pytest.raises(SignInFailed, match=why):
        await _found_by(office, published).begin("shop", by=ADA)


@pytest.mark.parametrize("url", ["http://169.254.169.254/x", "https://10.0.0.1/x", "gopher://x", "not an address"])
async def test_a_challenge_does_not_lead_us_astray(url: str, office: Office, published: Published) -> None:
    published.challenge = f'Bearer resource_metadata="{url}"'
    with pytest.raises(SignInFailed, match="server's resource metadata"):
        await _found_by(office, published).begin("shop", by=ADA)


async def test_a_server_that_publishes_nothing_is_told_so(office: Office, published: Published) -> None:
    published.at = "nowhere"
    with pytest.raises(SignInFailed, match="does not say where its tokens come from"):
        await _found_by(office, published).begin("shop", by=ADA)
