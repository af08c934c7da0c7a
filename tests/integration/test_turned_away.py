"""Every vote that may not count (issue 6, "bad input gets"), over REST, on the page and in Slack: a clear refusal, and
an entry in the audit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from approvals.domain.model import Answer, ApprovalRequest, Decision, Person, PersonId, Role
from approvals.domain.terms import Factor
from approvals.errors import PolicyRefuses, Unfit
from approvals.roster import Roster
from approvals.storage.engine import Database
from approvals.testing import samples
from tests.fakes.edits import Says
from tests.fakes.keys import VAULT
from tests.fakes.slack_office import ADA, Office, office
from tests.fakes.web import BY, Clock, Console, Session, serving

PAUL = PersonId("paul@example.com")
REVIEWER = Person(id=PAUL, name="Paul", roles=frozenset({Role.REVIEWER}), groups=frozenset({"finance"}))
TWO = (Factor(members=("group:finance",), count=2),)
Told = tuple[int, str]
"""The status (200 in Slack, which has none), and what whoever voted reads."""


class Web:
    """REST with a token (`rest`), or the page with a session (`page`). Paul, of finance, votes."""

    who: str = PAUL

    def __init__(self, console: Console, clock: Clock, headers: dict[str, str]) -> None:
        self.console, self.clock, self.headers = console, clock, headers
        self.db, self.desk = console.db, console.desk

    async def ask(self, *, owned: bool = False, **terms: Any) -> ApprovalRequest:
        return await self.console.file({"amount": 5}, **({"owner": PAUL} if owned else {}), **terms)

    async def vote(self, request: ApprovalRequest, **said: Any) -> Told:
        body = {"decision": "approve", "binding": request.binding} | said
        path = f"/api/v1/requests/{request.id}/decision"
        got = await self.console.send("POST", path, headers=self.headers, json_body=body)
        return got.status, got.json().get("detail", "")

    async def disable(self) -> None:
        await self.console.add(replace(REVIEWER, disabled=True))

    async def remove(self) -> None:
        await Roster(self.desk).remove(PAUL, actor=BY)

    def later(self) -> None:
        self.clock.forward(minutes=20)


class Slack:
    """Cards and forms in Slack. Ada, of finance, votes."""

    who: str = ADA.id

    def __init__(self, at: Office) -> None:
        self.at, self.db, self.desk = at, at.at.db, at.at.desk

    async def ask(self, *, owned: bool = False, **terms: Any) -> ApprovalRequest:
        request, _ = await self.at.asked(owner=ADA.id if owned else "owner@example.com", terms=samples.terms(**terms))
        return request

    async def vote(self, request: ApprovalRequest, *, who: str = "ada", **said: Any) -> Told:
        user, card = self.at.people[who], self.at.card()
        if "reason" not in said and "arguments" not in said:
            await self.at.slack.press(user, card, "trust" if "grant" in said else "approve")
            whispered = await self.at.slack.wait_for(lambda: self.at.whispers(who) or None)
            return 200, whispered[-1]
        await self.at.slack.press(user, card, "deny" if "reason" in said else "edit")
        modal = await self.at.slack.wait_for_modal(user)
        denied = {"preset": "Not needed for this task.", "words": said.get("reason")}
        typed = denied if "reason" in said else {"arguments": json.dumps(said["arguments"])}
        return 200, str((await self.at.slack.submit(modal, typed)).body)

    async def disable(self) -> None:
        self.at.at.people(replace(ADA, disabled=True))

    async def remove(self) -> None:
        self.at.at.people(samples.ADA)  # without her account in Slack

    def later(self) -> None:
        self.at.at.clock.move(minutes=20)


Surface = Web | Slack
Case = Callable[[Surface], Awaitable[Told]]


async def removed(on: Surface) -> Told:
    request = await on.ask()
    await on.remove()
    return await on.vote(request)


async def disabled(on: Surface) -> Told:
    request = await on.ask()
    await on.disable()
    return await on.vote(request)


async def owner_under_four_eyes(on: Surface) -> Told:
    return await on.vote(await on.ask(owned=True, four_eyes=True))


async def twice_over_two_surfaces(on: Surface) -> Told:
    request = await on.ask(factors=TWO)
    other = "web" if isinstance(on, Slack) else "slack"
    first = Decision(reviewer=PersonId(on.who), answer=Answer.APPROVE, binding=request.binding, via=other)
    await on.desk.decide(request.id, first)
    return await on.vote(request)


async def edit_against_the_schema(on: Surface) -> Told:
    on.desk.edits = Says(Unfit([("/amount", "is no number")]))
    return await on.vote(await on.ask(), arguments={"amount": "x"})


async def edit_against_the_policy(on: Surface) -> Told:
    on.desk.edits = Says(PolicyRefuses(rule="/tools/pay/deny_if/0", why="too much"))
    return await on.vote(await on.ask(), arguments={"amount": 9_000})


async def edit_without_an_exact_form(on: Surface) -> Told:
    return await on.vote(await on.ask(), arguments={"amount": 2**60})


async def late(on: Surface) -> Told:
    request = await on.ask()
    on.later()
    return await on.vote(request)


async def reason_over_length(on: Surface) -> Told:
    return await on.vote(await on.ask(), decision="deny", reason="x" * 500 + ("" if isinstance(on, Slack) else "y"))


async def reason_with_a_control_character(on: Surface) -> Told:
    return await on.vote(await on.ask(), decision="deny", reason="no\x1b[31m")


def grant(*, rule: str = "offer", **but: Any) -> Case:
    """A grant that is too wide."""

    async def vote(on: Surface) -> Told:
        return await on.vote(await on.ask(grants=rule), grant={"for": "1h", "uses": 3} | but)

    return vote


def account(name: str) -> Case:
    """An account of Slack that stands for nobody."""

    async def vote(on: Surface) -> Told:
        assert isinstance(on, Slack)
        return await on.vote(await on.ask(), who=name)

    return vote


@dataclass(frozen=True, kw_only=True)
class Row:
    """A vote that may not count: what is read, the status over REST, `code` in the audit, `actor` where nobody's."""

    case: Case
    says: str
    status: int
    code: str
    slack_says: str | None = None
    where: tuple[str, ...] = ("rest", "page", "slack")
    actor: str | None = None
    slack_actor: str | None = None
    slack_code: str | None = None


GONE = "Sign in"
WEB, SLACK = ("rest", "page"), ("slack",)
ROWS = {
    "removed": Row(
        case=removed, status=401, says=GONE, code="unauthenticated",
        slack_says="not linked to a person", slack_code="not_allowed", slack_actor="slack:U01ADA",
    ),
    "disabled": Row(
        case=disabled, status=401, says=GONE, code="unauthenticated",
        slack_says="your account is disabled", slack_code="not_allowed",
    ),
    "the owner under four-eyes": Row(case=owner_under_four_eyes, status=403, says="four-eyes", code="not_allowed"),
    "twice over two surfaces": Row(
        case=twice_over_two_surfaces, status=403, says="you have already voted", code="not_allowed"
    ),
    "an edit against the schema": Row(case=edit_against_the_schema, status=422, says="is no number", code="invalid"),
    "an edit against the policy": Row(case=edit_against_the_policy, status=422, says="too much", code="policy_denied"),
    "an edit without an exact form": Row(
        case=edit_without_an_exact_form, status=422, says="no exact form", code="invalid"
    ),
    "a grant for too long": Row(
        case=grant(**{"for": "400d"}), status=422, says="grant/for", code="invalid", where=WEB
    ),
    "a grant for too many": Row(case=grant(uses=101), status=422, says="grant/uses", code="invalid", where=WEB),
    "a grant past every bound": Row(case=grant(uses=10**6), status=422, says="grant/uses", code="invalid", where=WEB),
    "a grant of everything": Row(
        case=grant(arguments={"": {"any": True}}), status=422, says="grant/", code="invalid", where=WEB
    ),
    "a grant that the rule bars": Row(case=grant(rule="never"), status=422, says="grant", code="invalid", where=WEB),
    "late": Row(case=late, status=409, says="Too late", code="expired"),
    # The window of Slack takes no more than fits.
    "a reason over length": Row(
        case=reason_over_length, status=422, says="at most 500 characters", code="invalid", where=WEB
    ),
    "a reason with a control character": Row(
        case=reason_with_a_control_character, status=422, says="U+001B", code="invalid"
    ),
    "an unmapped account": Row(
        case=account("zoe"), status=200, says="not linked to a person", code="not_allowed", where=SLACK,
        actor="slack:U04ZOE",
    ),
    "a guest": Row(
        case=account("guest"), status=200, says="guests of the workspace", code="not_allowed", where=SLACK,
        actor="slack:U05GUEST",
    ),
    "a bot": Row(
        case=account("robot"), status=200, says="a bot may not decide", code="not_allowed", where=SLACK,
        actor="slack:U06ROBOT",
    ),
}  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def console(sqlite_url: str, clock: Clock) -> AsyncIterator[Console]:
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db, serving(db) as running:
        await running.add(REVIEWER)
        yield running


@pytest.fixture
async def surface(where: str, request: pytest.FixtureRequest, clock: Clock, sqlite_url: str) -> AsyncIterator[Surface]:
    if where == "slack":
        async with office(sqlite_url) as at:
            yield Slack(at)
        return
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db, serving(db) as console:
        await console.add(REVIEWER)
        yield Web(console, clock, await proof(console, where))


async def proof(console: Console, where: str) -> dict[str, str]:
    """What Paul shows that he is Paul."""
    if where == "page":
        return (await console.sign_in(PAUL)).headers()
    return {"Authorization": f"Bearer {await console.person_token(PAUL)}"}


async def refusals(db: Database) -> list[tuple[str, str, str]]:
    acts = [one.act for one in await db.read(lambda tx: tx.audit.newest(action="request.vote_refused"))]
    return [(str(act.actor), act.via, str(act.detail["code"])) for act in acts]


CELLS = [pytest.param(row, where, id=f"{name}, {where}") for name, row in ROWS.items() for where in row.where]
VIA = {"rest": "api", "page": "web", "slack": "slack"}


@pytest.mark.parametrize(("row", "where"), CELLS)
async def test_a_vote_that_may_not_count_is_refused_clearly_and_is_in_the_audit(
    row: Row, where: str, surface: Surface
) -> None:
    in_slack = where == "slack"
    status, said = await row.case(surface)
    assert (row.slack_says or row.says if in_slack else row.says) in said
    assert status == (200 if in_slack else row.status)
    actor = (row.slack_actor if in_slack else None) or row.actor or surface.who
    code = (row.slack_code if in_slack else None) or row.code
    assert await refusals(surface.db) == [(actor, VIA[where], code)]


async def test_what_was_nobodys_credential_leaves_no_entry_however_often_it_comes(console: Console) -> None:
    request = await console.file()
    path = f"/api/v1/requests/{request.id}/decision"
    forged = Session(cookie="placet-session=" + "A" * 43, csrf="x", origin=console.url)
    for headers in ({"Authorization": f"Bearer plc_person_{'A' * 43}"}, forged.headers(), {}):
        for _ in range(3):
            got = await console.send("POST", path, headers=headers, json_body={})
            assert got.status == 401
    assert await refusals(console.db) == []


@pytest.mark.parametrize("where", WEB)
async def test_somebody_who_was_removed_cannot_fill_the_audit(console: Console, clock: Clock, where: str) -> None:
    request, headers = await console.file(), await proof(console, where)
    await Roster(console.desk).remove(PAUL, actor=BY)
    path = "/api/v1/requests/{}/decision"
    for _ in range(25):
        answers = [await console.send("POST", path.format(id), headers=headers) for id in (request.id, "req_nope")]
        assert [(one.status, one.json()["code"]) for one in answers] == [(401, "unauthenticated")] * 2
    assert len(await refusals(console.db)) == 10
    clock.forward(minutes=61)
    await console.send("POST", "/api/v1/requests/decisions", headers=headers)
    newest = (await console.db.read(lambda tx: tx.audit.newest(action="request.vote_refused")))[0].act
    assert (newest.actor, newest.request, newest.subject) == (PAUL, None, f"person:{PAUL}")
    assert newest.detail["why"] == "your account was removed"


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/requests"])
async def test_only_votes_of_former_people_are_kept(console: Console, path: str) -> None:
    headers = await proof(console, "rest")
    await Roster(console.desk).remove(PAUL, actor=BY)
    assert (await console.send("GET", path, headers=headers)).status == 401
    assert await refusals(console.db) == []


async def test_a_credential_is_forgotten_after_a_while_and_opens_nothing_for_who_is_added_again(
    console: Console, clock: Clock
) -> None:
    request, headers = await console.file(), await proof(console, "page")
    await Roster(console.desk).remove(PAUL, actor=BY)
    await console.add(REVIEWER)
    path = f"/api/v1/requests/{request.id}/decision"
    assert (await console.send("POST", path, headers=headers)).status == 401
    clock.forward(days=91)
    await console.db.write(lambda tx: tx.people.sweep(tx.now))
    assert (await console.send("POST", path, headers=headers)).status == 401
    assert len(await refusals(console.db)) == 1
