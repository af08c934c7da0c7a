"""People sign in at an identity provider: the way there and back, what binds the two, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web

from approvals.domain.model import Person, PersonId, Role
from approvals.storage.engine import Database
from tests.fakes.authorization_server import AuthorizationServer, authorization_server, new_key
from tests.fakes.keys import VAULT
from tests.fakes.oidc_office import COOKIE, Office, office, query_of
from tests.fakes.web import ADA, PEOPLE, Clock

LOGIN = "/login?again"


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    async with authorization_server("/realms/main") as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(sqlite_url: str, clock: Clock, issuer: AuthorizationServer) -> AsyncIterator[Office]:
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db, office(db, issuer) as running:
        running.is_somebody(ADA)
        yield running


async def _acts(house: Office, action: str) -> list[Any]:
    entries = await house.console.db.read(lambda tx: tx.audit.newest(action=action))
    return [entry.act for entry in entries]


async def test_a_person_signs_in_and_lands_on_the_page_that_was_wanted(house: Office) -> None:
    house.is_somebody(ADA, "finance", acr="silver", amr=["pwd", "otp"])
    browser = house.browser()
    begun = await browser.begin("/requests/req_1?x=1")
    asked = query_of(begun.json()["url"])
    assert asked["scope"] == "openid email profile"
    assert (asked["code_challenge_method"], len(asked["state"]), len(asked["nonce"])) == ("S256", 43, 64)
    got = await browser.back(await browser.at_the_provider(begun.json()["url"]))
    assert (got.status, got.headers["Location"]) == (303, "/requests/req_1?x=1")
    assert list(browser.cookies) == ["placet-session"]
    me = (await browser.me()).json()
    assert me["person"] == {"id": ADA, "name": "Ada", "roles": ["reviewer"], "groups": ["finance"]}
    (act,) = await _acts(house, "person.signed_in")
    said = {"by": "oidc", "issuer": house.issuer.issuer, "acr": "silver", "amr": ["pwd", "otp"], "groups": ["finance"]}
    assert (act.actor, dict(act.detail)) == (ADA, said)
    linked = (await _acts(house, "person.identity_linked"))[0]
    assert (linked.actor, linked.detail["sub"]) == (ADA, f"sub-{ADA}")


async def test_a_vote_says_how_its_session_began(house: Office) -> None:
    house.is_somebody(ADA, acr="silver")
    browser = house.browser()
    await browser.sign_in()
    request = await house.console.file()
    decision = {"decision": "approve", "binding": request.binding}
    got = await house.console.post(f"/api/v1/requests/{request.id}/decision", await browser.session(), decision)
    assert got.status == 200, got.body
    after = await house.console.db.read(lambda tx: tx.requests.get(request.id))
    assert after is not None
    how = after.votes[0].sign_in
    assert how is not None
    assert (how.method, how.issuer, how.acr) == ("oidc", house.issuer.issuer, "silver")
    by_link = await house.console.sign_in(ADA)
    denied = {"decision": "deny", "binding": (other := await house.console.file()).binding}
    assert (await house.console.post(f"/api/v1/requests/{other.id}/decision", by_link, denied)).status == 200
    after = await house.console.db.read(lambda tx: tx.requests.get(other.id))
    assert after is not None
    assert after.votes[0].sign_in is not None
    assert after.votes[0].sign_in.saved() == {"method": "link"}


async def test_a_sign_in_is_good_once_in_the_browser_that_began_it(house: Office, clock: Clock) -> None:
    mine, other = house.browser(), house.browser()
    back = await mine.at_the_provider((await mine.begin()).json()["url"])
    await other.begin()
    assert (await other.back(back)).headers["Location"] == LOGIN
    assert (await house.browser().back(back)).headers["Location"] == LOGIN
    cookies = dict(mine.cookies)
    assert (await mine.back(back)).headers["Location"] == "/"
    mine.cookies = cookies
    assert (await mine.back(back)).headers["Location"] == LOGIN
    late = house.browser()
    back = await late.at_the_provider((await late.begin()).json()["url"])
    clock.forward(minutes=10)
    assert (await late.back(back)).headers["Location"] == LOGIN
    assert (await late.me()).status == 401


CHANGED: list[tuple[dict[str, str | None], str]] = [
    ({"iss": "https://evil.example"}, "does not come from the issuer"),
    ({"iss": None}, "does not come from the issuer"),
    ({"code": "made-up"}, "invalid_grant"),
    ({"code": None}, "brought no code back"),
    ({"error": "access_denied"}, "access_denied"),
]


async def test_an_answer_that_was_changed_signs_nobody_in(house: Office, caplog: pytest.LogCaptureFixture) -> None:
    for change, logged in CHANGED:
        caplog.clear()
        browser = house.browser()
        house.issuer.answer = change
        assert (await browser.sign_in("/history")).headers["Location"] == LOGIN, change
        assert (await browser.me()).status == 401, change
        offer = await browser.offer()
        assert offer["refused"], change
        assert offer["next"] == "/history"
        assert (await house.browser().offer())["refused"] is None
        assert logged in caplog.text
        assert logged in (await _acts(house, "person.sign_in_refused"))[0].detail["why"]


async def test_an_answer_that_says_a_thing_twice_is_none(house: Office) -> None:
    browser = house.browser()
    back = await browser.at_the_provider((await browser.begin()).json()["url"])
    for more in ("&state=x", "&code=x", "&iss=https%3A%2F%2Fevil.example", "&x=" + "y" * 5000):
        assert (await browser.back(back + more)).headers["Location"] == LOGIN, more
        assert (await browser.me()).status == 401, more
    assert (await browser.back(back)).headers["Location"] == "/"


WRONG_TOKENS: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://evil.example"}, "another issuer"),
    ({"aud": "other"}, "another client"),
    ({"aud": ["placet", "other"]}, "us and another client"),
    ({"azp": "other"}, "made for another"),
    ({"nonce": "x" * 64}, "another nonce"),
    ({"nonce": None}, "no nonce"),
    ({"exp": 1}, "run out"),
    ({"iat": 1}, "old"),
    ({"at_hash": "x" * 22}, "of another access token"),
    ({"sub": None}, "nobody"),
    ({"email": None}, "no address"),
]


async def test_an_id_token_with_a_wrong_claim_signs_nobody_in(house: Office) -> None:
    for claims, why in WRONG_TOKENS:
        house.issuer.id_token = claims
        browser = house.browser()
        assert (await browser.sign_in()).headers["Location"] == LOGIN, why
        assert (await browser.me()).status == 401, why
        assert "cannot be used" in (await browser.offer())["refused"], why


async def test_an_address_that_is_not_verified_signs_nobody_in_and_says_what_to_do(house: Office) -> None:
    house.issuer.id_token = {"email_verified": False}
    browser = house.browser()
    assert (await browser.sign_in()).headers["Location"] == LOGIN
    assert (await browser.me()).status == 401
    refused = (await browser.offer())["refused"]
    assert "Verify it there, then sign in again" in refused
    assert "verified_domains" in refused


UNSIGNED = (
    "a key of its own",
    "no signature",
    "symmetric",
    "an access token",
    "critical",
    "a key inside",
    "nothing",
)


def _signed_wrong(how: str, issuer: AuthorizationServer) -> dict[str, Any]:
    good = {"aud": "placet", "nonce": issuer.asked_for("/authorize")[-1]["nonce"], **issuer.person}
    tokens: dict[str, Callable[[], str | None]] = {
        "a key of its own": lambda: issuer.mint(key=new_key(), header={"typ": "JWT"}, **good),
        "no signature": lambda: issuer.mint(header={"alg": "none", "typ": "JWT"}, **good),
        "symmetric": lambda: issuer.mint(header={"alg": "HS256", "typ": "JWT"}, **good),
        "an access token": lambda: issuer.mint(header={"typ": "at+jwt"}, **good),
        "critical": lambda: issuer.mint(header={"typ": "JWT", "crit": ["x"]}, **good),
        "a key inside": lambda: issuer.mint(header={"typ": "JWT", "kid": None, "jwk": {}, "alg": "RS256"}, **good),
        "nothing": lambda: None,
    }
    return {"access_token": "a", "token_type": "Bearer", "id_token": tokens[how]()}


async def test_a_token_that_the_issuer_has_not_signed_signs_nobody_in(house: Office) -> None:
    for how in UNSIGNED:
        house.issuer.wrong["token"] = partial(_signed_wrong, how, house.issuer)
        browser = house.browser()
        assert (await browser.sign_in()).headers["Location"] == LOGIN, how
        assert (await browser.me()).status == 401, how


async def test_the_provider_may_rotate_its_keys(house: Office) -> None:
    assert (await house.browser().sign_in()).headers["Location"] == "/"
    house.issuer.rotate("RS256", keep=False)
    house.configure()  # a fresh look: the old keys are seconds old, and one that nobody knows is looked for every 30 s
    assert (await house.browser().sign_in()).headers["Location"] == "/"
    assert house.issuer.asked_for("/jwks") == [{}, {}]


async def test_the_provider_away_is_said_so_and_nobody_comes_in(house: Office) -> None:
    house.issuer.wrong["metadata"] = lambda: web.Response(status=503)
    begun = await house.browser().begin()
    assert (begun.status, begun.json()["code"]) == (502, "provider_unavailable")
    del house.issuer.wrong["metadata"]
    house.issuer.wrong["token"] = lambda: web.Response(status=503)
    browser = house.browser()
    assert (await browser.sign_in()).headers["Location"] == LOGIN
    assert "cannot be asked now" in (await browser.offer())["refused"]


async def test_a_public_client_needs_a_provider_that_says_it_takes_pkce(house: Office) -> None:
    house.configure(client_id="public", client_secret=None)
    assert (await house.browser().sign_in()).headers["Location"] == "/"
    house.issuer.metadata = {"code_challenge_methods_supported": ["plain"]}
    house.configure(client_id="public", client_secret=None)
    assert (await house.browser().begin()).status == 502
    house.configure()
    assert (await house.browser().sign_in()).headers["Location"] == "/"


async def test_another_site_begins_no_sign_in(house: Office) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
    for name, value in foreign.items():
        got = await house.browser().begin(**{name: value})
        assert got.status in {403, 415}, name
        assert "Set-Cookie" not in got.headers, name


async def test_what_lies_in_the_database_finishes_no_sign_in(house: Office) -> None:
    browser = house.browser()
    begun = await browser.begin()
    asked, secret = query_of(begun.json()["url"]), browser.cookies[COOKIE]

    def look(tx: Any) -> str:
        from approvals.storage.tables_identities import sign_ins

        return repr([tuple(row) for row in tx.conn.execute(sign_ins.select())])

    stored = await house.console.db.read(look)
    assert not [one for one in (secret, asked["state"], asked["nonce"]) if one in stored]
    await browser.at_the_provider(begun.json()["url"])
    assert secret not in repr(house.issuer.asked)


async def test_signing_in_ends_the_session_that_the_browser_had(house: Office) -> None:
    browser = house.browser()
    await browser.sign_in()
    before = await browser.session()
    await browser.sign_in()
    assert (await house.console.get("/api/v1/me", before)).status == 401
    assert (await browser.me()).status == 200


async def test_signing_out_may_go_on_at_the_provider(house: Office) -> None:
    house.issuer.metadata = {"end_session_endpoint": house.issuer.issuer + "/end"}
    house.configure()
    browser = house.browser()
    assert (await browser.offer())["end_session"] is None
    await browser.sign_in()
    assert (await house.console.post("/api/v1/logout", await browser.session(), {})).status == 204
    assert (await browser.me()).status == 401
    back = {"client_id": "placet", "post_logout_redirect_uri": f"{house.console.url}/login"}
    assert (await browser.offer())["end_session"] == f"{house.issuer.issuer}/end?{urlencode(back)}"


async def test_without_a_provider_there_is_nothing_to_sign_in_with(house: Office) -> None:
    house.provider = None
    assert (await house.browser().begin()).status == 404
    assert await house.browser().offer() == {
        "links": True,
        "provider": None,
        "refused": None,
        "next": None,
        "end_session": None,
        "person": None,
    }


# Who may come in


async def test_an_identity_stays_with_the_person_it_was_first(house: Office) -> None:
    await house.browser().sign_in()
    house.is_somebody("ada.new@example.com", sub=f"sub-{ADA}")
    browser = house.browser()
    await browser.sign_in()
    assert (await browser.me()).json()["person"]["id"] == ADA
    house.is_somebody(ADA, sub="somebody else with a recycled address")
    other = house.browser()
    assert (await other.sign_in()).headers["Location"] == LOGIN
    assert "belongs to another account" in (await other.offer())["refused"]
    await house.console.db.write(lambda tx: tx.identities.unlink(ADA))
    assert (await other.sign_in()).headers["Location"] == "/"


async def test_a_stranger_is_told_whom_to_ask_and_it_is_on_record(house: Office) -> None:
    house.is_somebody("zoe@example.com", "finance")
    browser = house.browser()
    assert (await browser.sign_in()).headers["Location"] == LOGIN
    assert "zoe@example.com is not known here" in (await browser.offer())["refused"]
    (act,) = await _acts(house, "person.sign_in_refused")
    assert (act.actor, act.detail["code"]) == ("zoe@example.com", "not_known")
    assert await house.console.db.read(lambda tx: tx.people.get("zoe@example.com")) is None
    assert await house.console.db.read(lambda tx: tx.identities.list(house.issuer.issuer)) == []


@pytest.mark.parametrize(
    ("admits", "groups", "comes_in"),
    [
        pytest.param({"admit_groups": frozenset({"staff"})}, ["staff"], True, id="of a named group"),
        pytest.param({"admit_groups": frozenset({"staff"})}, ["guests"], False, id="of another group"),
        pytest.param({"admit_groups": frozenset({"staff"})}, ["oidc:staff"], False, id="of a group named alike"),
        pytest.param({"admit_domains": frozenset({"example.com"})}, [], True, id="of a named domain"),
        pytest.param({"admit_domains": frozenset({"ample.com"})}, [], False, id="of a domain that only ends alike"),
    ],
)
async def test_strangers_come_in_by_group_or_domain(
    admits: dict[str, Any], groups: list[str], house: Office, *, comes_in: bool
) -> None:
    house.configure(**admits)
    house.is_somebody("zoe@example.com", *groups, "approvers")
    browser = house.browser()
    assert (await browser.sign_in()).headers["Location"] == ("/" if comes_in else LOGIN)
    if comes_in:
        me = (await browser.me()).json()["person"]
        named = sorted(f"oidc:{one}" for one in [*groups, "approvers"])
        assert me == {"id": "zoe@example.com", "name": "Zoe", "roles": ["reviewer"], "groups": named}
        assert [act.actor for act in await _acts(house, "person.added")] == ["zoe@example.com"]
        house.is_somebody("zoe@example.com", "nothing")
        house.configure(admit_groups=frozenset({"staff"}))
        assert (await house.browser().sign_in()).headers["Location"] == LOGIN


async def test_a_person_who_was_removed_does_not_come_back_as_a_stranger(house: Office) -> None:
    house.configure(admit_domains=frozenset({"example.com"}))
    house.is_somebody("zoe@example.com")
    browser = house.browser()
    await browser.sign_in()
    await house.console.db.write(lambda tx: tx.people.remove("zoe@example.com"))
    assert (await browser.me()).status == 401
    again = house.browser()
    assert (await again.sign_in()).headers["Location"] == LOGIN
    assert "was removed here" in (await again.offer())["refused"]
    zoe = Person(id=PersonId("zoe@example.com"), roles=frozenset({Role.REVIEWER}))
    await house.console.add(zoe)
    assert (await again.sign_in()).headers["Location"] == "/"


async def test_a_disabled_person_is_out_at_once_and_stays_out(house: Office) -> None:
    browser = house.browser()
    await browser.sign_in()
    ada = PEOPLE[ADA]
    house.configure(people={**PEOPLE, ADA: Person(id=ADA, name="Ada", roles=ada.roles, disabled=True)})
    assert (await browser.me()).status == 401
    assert (await browser.sign_in()).headers["Location"] == LOGIN
    assert "is disabled" in (await browser.offer())["refused"]
