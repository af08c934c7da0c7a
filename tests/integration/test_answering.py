"""Answers to a server's questions, over a real desk: what is judged again, whom they wait for, what binds them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from approvals.domain import fingerprint
from approvals.domain.answered import answered_in
from approvals.domain.card import make_card
from approvals.domain.happening import Event
from approvals.domain.model import ApprovalRequest, Caller, Cause, Ground, State, ToolCall
from approvals.domain.stops import Freeze
from approvals.domain.terms import OnTimeout
from approvals.filing import Caps, FiledAs
from approvals.storage.requests import Query
from approvals.testing import samples
from gateway.answer_request import Run
from gateway.answering import AnswerCheck, Answering
from gateway.asking import ELICIT, SAMPLE, Given, Question, Refused, Side
from gateway.catalog import Catalog
from gateway.crowding import Crowding
from gateway.executor import Executor
from gateway.judge import Judge
from gateway.limits import Limits
from gateway.policy.loaders import load_policy
from gateway.policy.routes import ApprovalDefaults
from gateway.protocol.patience import Carrier, Plan
from gateway.servers import Server, Servers
from gateway.upstreams import Result, Unsent
from gateway.work import Work
from tests.fakes.desk import House, filing, house, returned
from tests.integration.test_catalog import Listing, tool
from tests.integration.test_conversation import FakeLine

ASKS = 'version: "1"\ndefault: deny\ntools: {pay: {action: require_approval}}\n'
OPEN = """version: "1"
default: deny
tools:
  pay:
    deny_if: [{conditions: [{path: args.amount, op: gt, value: 1000}]}]
    approve_if: [{conditions: [{path: args.amount, op: gt, value: 100}]}]
"""
QUESTION = Question(method=ELICIT, params=b'{"message":"How much?","requestedSchema":{"type":"object"},"_meta":{}}')
ADA = Caller(agent="ada")
_ALL = Query(limit=50)
SOON = 5.0


def accepted(amount: int) -> list[Given]:
    body = {"action": "accept", "content": {"amount": amount}}
    return [Given(question=QUESTION, answer=Result(raw=fingerprint.canonical(body)))]


@dataclass
class Bank:
    """Everything a check needs, and what a test may change."""

    at: House
    answering: Answering
    listing: Listing
    servers: Servers
    allowed: list[str]
    stops: dict[str, Freeze]
    work: Work
    alerts: list[str]
    seconds: float = 1500.0
    hold: timedelta = timedelta(seconds=30)
    line: FakeLine = field(default_factory=FakeLine)

    def policy(self, text: str) -> None:
        server = Server(name="bank", upstream=self.listing, policies=(load_policy(text, "p.yaml"),), call_seconds=300)
        self.servers.replace([server], {})

    async def call(self, amount: int = 1) -> ToolCall:
        found = await self.answering.catalog.tool("bank", "pay")
        assert found is not None
        arguments = {"to": "acme", "amount": amount}
        return fingerprint.make_call(server="bank", tool="pay", arguments=arguments, tool_fingerprint=found.fingerprint)

    async def running(self) -> ApprovalRequest:
        """An approved call of ours that runs."""
        asked = (await self.at.desk.file(filing(call=await self.call(), agent="ada"))).request
        return await self.at.claim(await self.at.approve(asked))

    async def check(self, parent: ApprovalRequest | None = None) -> AnswerCheck:
        return self.answering.check(
            Run(
                name="pay",
                call=parent.call if parent is not None else await self.call(),
                caller=ADA,
                until=asyncio.get_running_loop().time() + self.seconds,
                plan=lambda side, remaining: Plan(hold=self.hold, carrier=Carrier.STREAM, progress_every=None),
                parent=parent,
            )
        )

    def side(self) -> Side:
        return Side(agent="ada", line=self.line, modern=False, session="s", digest="d")

    async def pending(self, but: ApprovalRequest | None = None) -> ApprovalRequest:
        """Wait for the request about an answer."""
        async with asyncio.timeout(SOON), self.at.desk.bus.watch_all() as watch:
            while True:
                for one in await self.at.desk.search(_ALL):
                    if one.state is State.PENDING and (but is None or one.id != but.id):
                        return one
                await watch.changed(0.05)


@asynccontextmanager
async def a_bank(url: str, text: str, **more: Any) -> AsyncIterator[Bank]:
    async with house(url, **more) as at, asyncio.TaskGroup() as group:
        work, listing, servers, allowed = Work(group), Listing(tool("pay")), Servers(), ["bank"]
        stops: dict[str, Freeze] = {}
        alerts: list[str] = []

        async def alert(text: str) -> None:
            alerts.append(text)

        answering = Answering(
            desk=at.desk,
            judge=Judge(ApprovalDefaults(reviewers=(samples.FINANCE,))),
            limits=Limits(at.db),
            catalog=Catalog({"bank": listing}),
            switches=cast(
                Any,
                SimpleNamespace(
                    why=lambda _a, _s: stops.get("why"),
                    may_use=lambda _, server: server in allowed,
                    bypasses=lambda _: True,
                ),
            ),
            crowding=Crowding(work, alert),
            servers=servers,
            work=work,
            page=lambda request: f"https://placet.test/requests/{request}",
        )
        bank = Bank(
            at=at,
            answering=answering,
            listing=listing,
            servers=servers,
            allowed=allowed,
            stops=stops,
            work=work,
            alerts=alerts,
        )
        bank.policy(text)
        yield bank
        await work.drained(SOON)
        work.cancel()


@pytest.fixture
async def asks(database_url: str) -> AsyncIterator[Bank]:
    async with a_bank(database_url, ASKS) as made:
        yield made


@pytest.fixture
async def opened(database_url: str) -> AsyncIterator[Bank]:
    async with a_bank(database_url, OPEN) as made:
        yield made


FREEZE = Freeze(
    scope="all", reason="drill", by="otto@example.com", at=samples.NOW, until=samples.NOW + timedelta(days=3650)
)


def code(said: Refused | None) -> str:
    assert said is not None
    return said.verdict.code.value


async def test_an_answer_is_bound_to_call_question_and_answer_and_to_the_run(asks: Bank) -> None:
    parent = await asks.running()
    check = await asks.check(parent)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(check.passed(accepted(7), asks.side()))
        asked = await asks.pending()
        assert json.loads(asked.call.arguments) == {
            "arguments": {"to": "acme", "amount": 1},
            "elicitation": [
                {
                    "asked": {"message": "How much?", "requestedSchema": {"type": "object"}},
                    "answered": {"action": "accept", "content": {"amount": 7}},
                }
            ],
        }
        assert answered_in(asked.call) == parent.id
        card = make_card(asked, needs=(), people={}, url="u", now=asked.created_at)
        assert card.headline == "An answer in pay on bank asks for approval"
        assert (asked.terms.on_timeout, asked.terms.edit, asked.terms.grants) == (OnTimeout.DENY, False, "never")
        assert asks.at.desk.attached.waiters(asked.id) == 1
        assert asks.line.request == asked.id
        assert getattr(asks.answering.waiting_in(parent.id), "id", None) == asked.id
        await asks.at.approve(asked)
        assert await waiting is None
    assert asks.line.request is None
    assert asks.answering.waiting_in(parent.id) is None
    assert (await asks.at.now(asked)).state is State.EXECUTING
    await check.ended(returned())
    ended = await asks.at.now(asked)
    assert (ended.state, ended.told_at is not None) == (State.SUCCEEDED, True)


async def test_no_call_can_be_taken_for_an_answer_and_no_answer_is_run(asks: Bank) -> None:
    parent = await asks.running()
    check = await asks.check(parent)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(check.passed(accepted(7), asks.side()))
        asked = await asks.pending()
        forged = fingerprint.make_call(
            server="bank",
            tool="pay",
            arguments=json.loads(asked.call.arguments),
            tool_fingerprint=asked.call.tool_fingerprint,
        )
        assert fingerprint.call_key("ada", forged) != asked.call_key
        filed = await asks.at.desk.file(filing(call=forged, agent="ada"))
        assert filed.kind is FiledAs.SAVED
        yes = await asks.at.approve(asked)
        executor = Executor(**dict.fromkeys(_PARTS, cast(Any, None)))
        assert await executor.run(yes) == yes
        assert await waiting is None


_PARTS = ("desk", "limits", "servers", "catalog", "switches", "judge", "metrics", "conversations")


@pytest.mark.parametrize("change", ["tool", "agent", "server", "policy", "freeze"])
async def test_what_has_changed_since_the_call_was_approved_stops_its_answers(asks: Bank, change: str) -> None:
    check = await asks.check(await asks.running())
    match change:
        case "tool":
            asks.listing.tools = [tool("pay", description="Pays twice.")]
        case "agent":
            asks.allowed.clear()
        case "freeze":
            asks.stops["why"] = FREEZE
        case "server":
            asks.listing.failure = Unsent("bank cannot be reached")
        case _:
            asks.policy('version: "1"\ndefault: deny\n')
    said = await check.passed(accepted(7), asks.side())
    expected = {"tool": "tool_changed", "agent": "approval_cancelled", "server": "upstream_unavailable"}
    expected["freeze"] = "frozen"
    assert code(said) == expected.get(change, "policy_denied")
    assert [one.state for one in await asks.at.desk.search(_ALL)] == [State.EXECUTING]


async def test_an_answer_that_was_approved_is_judged_once_more_before_it_goes(asks: Bank) -> None:
    check = await asks.check(await asks.running())
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(check.passed(accepted(7), asks.side()))
        asked = await asks.pending()
        asks.policy('version: "1"\ndefault: deny\n')
        await asks.at.approve(asked)
        assert code(await waiting) == "policy_denied"
    assert (await asks.at.now(asked)).state is State.APPROVED


async def test_in_an_approved_call_only_the_user_is_asked_and_the_claim_lasts_as_long(asks: Bank) -> None:
    parent = await asks.running()
    check = await asks.check(parent)
    assert not await check.may_ask(SAMPLE)
    assert (await asks.at.now(parent)).claim == parent.claim
    assert await check.may_ask(ELICIT)
    claim = (await asks.at.now(parent)).claim
    assert claim is not None
    assert parent.claim is not None
    assert claim.lease_until - parent.claim.lease_until > timedelta(minutes=20)
    await asks.at.desk.settle(parent.id, returned())
    assert not await check.may_ask(ELICIT), "what has ended asks nobody"


async def test_with_no_time_left_nobody_is_asked(asks: Bank) -> None:
    asks.seconds = 1.0
    check = await asks.check(await asks.running())
    assert not await check.may_ask(ELICIT)
    assert code(await check.passed(accepted(7), asks.side())) == "approval_expired"


async def test_people_have_no_longer_than_the_server_can_wait(asks: Bank) -> None:
    asks.seconds = 100.0
    check = await asks.check(await asks.running())
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(check.passed(accepted(7), asks.side()))
        asked = await asks.pending()
        assert timedelta(seconds=90) < asked.expires_at - asked.created_at <= timedelta(seconds=100)
        await asks.at.deny(asked, reason="no")
        assert code(await waiting) == "approval_denied"


async def test_a_question_that_the_server_takes_back_is_withdrawn_from_people(asks: Bank) -> None:
    check = await asks.check(await asks.running())
    waiting = asks.work.begin(check.passed(accepted(7), asks.side()))
    asked = await asks.pending()
    waiting.cancel()
    await asks.work.drained(SOON)
    ended = await asks.at.now(asked)
    assert (ended.state, ended.cause, asks.at.desk.attached.waiters(asked.id)) == (State.CANCELLED, Cause.WITHDRAWN, 0)


async def test_a_service_that_closes_withdraws_what_its_runs_wait_for(asks: Bank) -> None:
    check = await asks.check(await asks.running())
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(check.passed(accepted(7), asks.side()))
        asked = await asks.pending()
        asks.answering.closing = True
        asks.at.desk.bus.publish_everything()
        assert code(await waiting) == "approval_cancelled"
    assert (await asks.at.now(asked)).cause is Cause.WITHDRAWN


async def test_where_too_much_waits_already_the_answer_is_refused(database_url: str) -> None:
    async with a_bank(database_url, ASKS, caps=Caps(per_agent=1)) as bank:
        check = await bank.check(await bank.running())
        await bank.at.desk.file(filing({"other": 1}, agent="ada"))
        said = await check.passed(accepted(7), bank.side())
        assert code(said) == "queue_full"
        line = "1 requests of agent ada wait for people. More are refused, and nobody is asked about them."
        assert bank.answering.crowding.texts() == [f"{line} Refused so far: 1."]
        await bank.work.drained(SOON)
        assert bank.alerts == [line]


@pytest.mark.parametrize(("amount", "said"), [(50, None), (5000, "policy_denied")])
async def test_in_an_allowed_call_the_rules_decide_at_once(opened: Bank, amount: int, said: str | None) -> None:
    refused = await (await opened.check()).passed(accepted(amount), opened.side())
    assert (refused is None) if said is None else code(refused) == said
    assert await opened.at.desk.search(_ALL) == []


async def test_an_answer_in_an_allowed_call_outlives_the_wait_of_its_client(opened: Bank) -> None:
    opened.hold = timedelta(0)
    assert code(await (await opened.check()).passed(accepted(500), opened.side())) == "approval_pending"
    asked = await opened.pending()
    assert answered_in(asked.call) == ""
    await opened.at.approve(asked)
    check = await opened.check()
    assert await check.passed(accepted(500), opened.side()) is None
    assert (await opened.at.now(asked)).state is State.EXECUTING
    await check.ended(returned())
    again = await (await opened.check()).passed(accepted(500), opened.side())
    assert code(again) == "approval_pending", "the approval was good for one call"
    assert (await opened.pending()).id != asked.id


async def test_one_approval_of_an_answer_is_good_for_one_of_two_calls(opened: Bank) -> None:
    async with asyncio.TaskGroup() as group:
        both = [group.create_task((await opened.check()).passed(accepted(500), opened.side())) for _ in range(2)]
        asked = await opened.pending()
        await opened.at.approve(asked)
    said = [one.result() for one in both]
    (refused,) = [one for one in said if one is not None]
    assert code(refused) == "approval_cancelled"
    assert "used by another call" in refused.verdict.text
    events = [record.event for record in await opened.at.ledger(asked)]
    assert events.count(Event.CLAIMED) == 1


async def test_a_denied_answer_is_denied_again_without_asking_anybody(opened: Bank) -> None:
    opened.hold = timedelta(0)
    await (await opened.check()).passed(accepted(500), opened.side())
    await opened.at.deny(await opened.pending(), reason="no")
    said = await (await opened.check()).passed(accepted(500), opened.side())
    assert code(said) == "approval_denied"
    assert len(await opened.at.desk.search(_ALL)) == 1


async def test_while_break_glass_is_open_an_answer_waits_for_nobody(asks: Bank) -> None:
    check = await asks.check(await asks.running())
    await asks.at.db.write(
        lambda tx: tx.openings.open_alone("all", reason="r", by="otto@example.com", lasts=timedelta(hours=1))
    )
    assert await check.passed(accepted(7), asks.side()) is None
    answer = next(one for one in await asks.at.desk.search(_ALL) if answered_in(one.call) is not None)
    assert (answer.state, answer.ground) == (State.EXECUTING, Ground.BREAK_GLASS)
