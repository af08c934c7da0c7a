"""Groups that an identity provider names: what they amount to, how long they hold, and that a vote hangs on them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.domain.model import Answer, Decision, Person, PersonId, Role, State
from approvals.domain.terms import Factor
from approvals.errors import NotAllowed, NotClaimable
from approvals.roster import Roster
from approvals.storage.engine import Database
from tests.fakes.authorization_server import AuthorizationServer, authorization_server
from tests.fakes.keys import VAULT
from tests.fakes.oidc_office import Browser, Office, office, rules
from tests.fakes.web import ADA, BY, OTTO, PEOPLE, Clock
from tests.fakes.web import Answer as Got

ZOE = PersonId("zoe@example.com")
APPROVERS = (Factor(members=("group:oidc:approvers",)),)


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    async with authorization_server() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(sqlite_url: str, clock: Clock, issuer: AuthorizationServer) -> AsyncIterator[Office]:
    async with (
        Database.opened(sqlite_url, VAULT, clock=clock) as db,
        office(db, issuer, admit_domains=frozenset({"example.com"})) as running,
    ):
        yield running


async def _enter(house: Office, email: str, *groups: str) -> Browser:
    house.is_somebody(email, *groups)
    browser = house.browser()
    assert (await browser.sign_in()).headers["Location"] == "/"
    return browser


async def _is(browser: Browser) -> tuple[list[str], list[str]]:
    me = (await browser.me()).json()["person"]
    return me["roles"], me["groups"]


async def _approve(house: Office, browser: Browser) -> tuple[str, Got]:
    request = await house.console.file(factors=APPROVERS)
    sent = {"decision": "approve", "binding": request.binding}
    return request.id, await house.console.post(
        f"/api/v1/requests/{request.id}/decision", await browser.session(), sent
    )


async def test_each_sign_in_replaces_what_the_one_before_brought(house: Office) -> None:
    first = await _enter(house, ZOE, "approvers", "staff")
    assert await _is(first) == (["reviewer"], ["oidc:approvers", "oidc:staff"])
    second = await _enter(house, ZOE, "staff")
    assert await _is(second) == await _is(first) == ([], ["oidc:staff"])


async def test_a_group_of_the_provider_is_none_of_ours_of_the_same_name(house: Office) -> None:
    zoe = await _enter(house, ZOE, "approvers", "finance")
    request = await house.console.file()
    got = await house.console.post(
        f"/api/v1/requests/{request.id}/decision",
        await zoe.session(),
        {"decision": "approve", "binding": request.binding},
    )
    assert (got.status, got.json()["code"]) == (404, "not_found")
    assert (await _approve(house, zoe))[1].status == 200


async def test_without_a_prefix_the_provider_names_ours(house: Office) -> None:
    house.configure(claims=rules(house.issuer, prefix=""), admit_domains=frozenset({"example.com"}))
    assert await _is(await _enter(house, ZOE, "finance")) == ([], ["finance"])


async def test_people_of_the_file_are_what_it_says_unless_it_says_otherwise(house: Office) -> None:
    ada = await _enter(house, ADA, "approvers", "staff")
    assert await _is(ada) == (["reviewer"], ["finance"])
    taking = rules(house.issuer, configured=frozenset({ADA}), roles={Role.ADMIN: frozenset({"staff"})})
    house.configure(claims=taking)
    assert await _is(ada) == (["reviewer"], ["finance", "oidc:approvers", "oidc:staff"])


async def test_people_of_the_list_have_both(house: Office) -> None:
    await house.console.add(Person(id=ZOE, name="Zoe", roles=frozenset({Role.AUDITOR}), groups=frozenset({"ops"})))
    zoe = await _enter(house, ZOE, "approvers")
    assert await _is(zoe) == (["auditor", "reviewer"], ["oidc:approvers", "ops"])
    listed = {one["id"]: one for one in (await zoe.console.get("/api/v1/people", await zoe.session())).json()["people"]}
    assert (listed[ZOE]["roles"], listed[ZOE]["groups"]) == (["auditor"], ["ops"])
    assert listed[ZOE]["claims"]["roles"] == ["reviewer"]
    assert listed[ZOE]["claims"]["groups"] == ["oidc:approvers"]
    assert listed[ZOE]["claims"]["in_force"] is True
    assert listed[ADA]["claims"] is None


async def test_groups_run_out_and_the_vote_says_to_sign_in_again(house: Office, clock: Clock) -> None:
    house.configure(claims=rules(house.issuer, valid_for=timedelta(hours=1)), admit_domains=frozenset({"example.com"}))
    zoe = await _enter(house, ZOE, "approvers")
    clock.forward(minutes=59, seconds=59)
    assert (await _approve(house, zoe))[1].status == 200
    clock.forward(seconds=1)
    assert await _is(zoe) == ([], [])
    assert "has run out" in (await zoe.me()).json()["notices"][0]["text"]
    request = await house.console.file(factors=APPROVERS)
    path, sent = f"/api/v1/requests/{request.id}/decision", {"decision": "approve", "binding": request.binding}
    refused = await house.console.post(path, await zoe.session(), sent)
    assert (refused.status, refused.json()["code"]) == (403, "sign_in_again")
    from_a_card = Decision(reviewer=ZOE, answer=Answer.APPROVE, binding=request.binding, via="slack")
    with pytest.raises(NotAllowed, match="sign in again"):
        await house.console.desk.decide(request.id, from_a_card)
    acts = await house.console.db.read(lambda tx: tx.audit.newest(action="request.vote_refused"))
    assert [(entry.act.via, entry.act.detail["code"]) for entry in acts] == [
        ("slack", "not_allowed"),
        ("web", "not_allowed"),
    ]
    again = await _enter(house, ZOE, "approvers")
    assert (await _approve(house, again))[1].status == 200


async def test_an_approval_whose_voter_has_run_out_does_not_run(house: Office, clock: Clock) -> None:
    house.configure(
        claims=rules(house.issuer, valid_for=timedelta(minutes=5)), admit_domains=frozenset({"example.com"})
    )
    zoe = await _enter(house, ZOE, "approvers")
    id_, got = await _approve(house, zoe)
    assert got.json()["state"] == "approved"
    request = await house.console.db.read(lambda tx: tx.requests.get(id_))
    assert request is not None
    clock.forward(minutes=5)
    with pytest.raises(NotClaimable):
        await house.console.desk.claim(id_, binding=request.binding, lease=timedelta(minutes=1))
    after = await house.console.db.read(lambda tx: tx.requests.get(id_))
    assert after is not None
    assert (after.state, after.cause) == (State.CANCELLED, "revoked")


async def test_a_request_says_on_its_page_that_nobody_there_is_could_approve(house: Office) -> None:
    otto = await house.console.sign_in(OTTO)
    request = await house.console.file(factors=APPROVERS)
    path = f"/api/v1/requests/{request.id}"
    assert (await house.console.get(path, otto)).json()["missing"] == ["nobody can approve for oidc:approvers now"]
    await _enter(house, ZOE, "approvers")
    assert (await house.console.get(path, otto)).json()["missing"] == []


async def test_another_issuer_starts_with_nobody(house: Office) -> None:
    zoe = await _enter(house, ZOE, "approvers")
    async with authorization_server() as other:
        house.console.directory.replace(PEOPLE, {}, rules(other))
        assert await _is(zoe) == ([], [])
        house.console.directory.replace(PEOPLE, {}, None)
        assert await _is(zoe) == ([], [])


async def test_a_reload_of_the_roles_counts_at_once(house: Office) -> None:
    zoe = await _enter(house, ZOE, "approvers")
    more = replace(rules(house.issuer), roles={Role.AUDITOR: frozenset({"approvers"})}, prefix="idp/")
    house.console.directory.replace(PEOPLE, {}, more)
    assert await _is(zoe) == (["auditor"], ["idp/approvers"])


async def test_an_admin_frees_an_account_and_its_sessions_end(house: Office) -> None:
    zoe = await _enter(house, ZOE, "approvers")
    await Roster(house.console.desk).unlink(ZOE, actor=BY)
    assert (await zoe.me()).status == 401
    house.is_somebody(ZOE, "approvers", sub="another account")
    assert (await zoe.sign_in()).headers["Location"] == "/"
    acts = await house.console.db.read(lambda tx: tx.audit.newest(action="person.unlinked"))
    assert [entry.act.subject for entry in acts] == [f"person:{ZOE}"]
