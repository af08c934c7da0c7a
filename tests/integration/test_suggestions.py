"""Suggestions from what a database holds: requests, who decided them, and the whole recording they are tried on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.fingerprint import canonical, sha256_hex
from approvals.domain.model import Answer, ApprovalRequest
from approvals.filing import Caps
from approvals.storage.calls import CallRow
from approvals.testing import samples
from gateway.cli.policy_suggest import text
from gateway.keys import Keys
from gateway.policy.loaders import load_policy
from gateway.policy.mining import Said, Support
from gateway.policy.model import Policy
from gateway.policy.routes import ApprovalDefaults
from gateway.policy.shadowing import Would
from gateway.policy.suggested import Kind, Suggestions
from gateway.recording import Recorder
from gateway.replays import Bench, Period
from gateway.shadows import in_shadow
from gateway.suggestions import suggest
from tests.fakes.desk import House, decision, filing, house, returned

SUPPORT = Support(decisions=10, denials=5, later=2)
DAY = timedelta(days=1)
POLICY = load_policy(
    'version: "1"\ndefault: deny\ntools:\n  send_note: {action: require_approval}\n  pay: {action: require_approval}\n'
    "  tag: {limits: [{counter: tags, window: day, max: 500}]}\n",
    "bank.yaml",
)


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url, caps=Caps(per_agent=1000, per_tool=1000)) as made:
        yield made


async def row(at: House, number: int, arguments: dict[str, Any], tool: str, **more: Any) -> None:
    """A call in the journal."""
    call = CallRow(
        id=f"call_{number:04}", at=at.clock.now, agent="claude-ada", server="bank", tool=tool,
        arguments_sha256=sha256_hex(canonical(arguments)), verdict="require_approval", rule=f"/tools/{tool}/action",
        risk="write", severity="medium",
    )  # fmt: skip
    await at.db.write(lambda tx: tx.calls.insert_many([replace(call, **more)]))


async def asked(
    at: House, number: int, arguments: dict[str, Any], answer: Answer, tool: str = "send_note", **more: Any
) -> None:
    """A call that was asked about and decided, by two people in turn, nine hours after the last."""
    at.clock.move(hours=9)
    raw = canonical(arguments)
    call = replace(samples.call(), server="bank", tool=tool, arguments=raw, arguments_sha256=sha256_hex(raw))
    request: ApprovalRequest = (await at.desk.file(filing(call=call))).request
    await row(at, number, arguments, tool, request_id=request.id, **more)
    by = (samples.ADA, samples.BOB)[number // 2 % 2]
    decided = await at.desk.decide(request.id, decision(request, by, answer=answer))
    if answer is Answer.APPROVE:
        await at.desk.settle((await at.claim(decided)).id, returned())
    await at.desk.told(request.id)


async def found(at: House, policy: Policy = POLICY) -> Suggestions:
    bench = Bench(
        db=at.db,
        recorder=Recorder.of(Keys(b"k" * 32)),
        people=samples.PEOPLE,
        defaults=ApprovalDefaults(reviewers=("x@y",)),
    )
    period = Period(since=samples.NOW - DAY, until=at.clock.now + DAY)
    return await suggest(bench, "bank", (policy,), period, support=SUPPORT)


async def test_what_was_always_approved_and_what_never_was_is_suggested(at: House) -> None:
    for number in range(36):
        large = number % 3 == 2
        await asked(at, number, {"size": number % 9 + 50 * large}, Answer.DENY if large else Answer.APPROVE)
    suggestions = await found(at)
    allow, deny = suggestions.found
    assert (allow.kind, deny.kind) == (Kind.ALLOW, Kind.DENY)
    assert allow.said() == "Allow send_note where args.size is 0 to 7: approved 24 of 24 times"
    assert (allow.back_test.calls, allow.back_test.said) == (24, {Said.APPROVED: 24})
    assert deny.said() == "Deny send_note where args.size is at least 52: denied 12 times, never approved"
    assert suggestions.passed_over == ()
    assert "ada@example.com" in "\n".join(text(suggestions))
    assert suggestions.as_json()["suggestions"][0]["id"] == allow.id


async def test_what_pays_is_never_loosened_but_may_be_denied(at: House) -> None:
    for number in range(20):
        await asked(at, number, {"amount": 5}, Answer.APPROVE, "pay", risk="financial", severity="critical")
    suggestions = await found(at)
    assert suggestions.found == ()
    assert "pay is financial" in suggestions.passed_over[0].why


async def test_a_call_that_people_denied_before_the_last_few_thousand_stops_a_suggestion(
    at: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policy.suggesting.KEPT", 30)
    await asked(at, 99, {"size": 3}, Answer.DENY)
    for number in range(30):
        await asked(at, number, {"size": number % 5}, Answer.APPROVE)
    suggestions = await found(at)
    assert suggestions.found == ()
    assert suggestions.passed_over[0].why == "1 calls of the recording were decided otherwise"


async def test_a_limit_far_above_its_use_is_lowered(at: House) -> None:
    for number in range(120):
        at.clock.move(hours=2)
        now = at.clock.now
        await row(at, number, {}, "tag", verdict="allow", rule="/tools/tag", ran_at=now, counted_at=now)
    [lower] = (await found(at)).found
    assert lower.said() == "Lower /tools/tag/limits/0 from 500 to 24: at most 12 was ever used"
    assert "max: 24" in lower.proposal.yaml


async def test_entries_in_shadow_are_read_from_the_journal_without_keys(at: House) -> None:
    shadowed = load_policy('version: "1"\ndefault: allow\ntools: {tag: {mode: shadow, action: deny}}\n', "bank.yaml")
    said = {"rule": "/tools/tag/action", "verdict": "deny", "why": "the tool is named", "policy": "bank.yaml"}
    for number, outcome in enumerate(("succeeded", "failed", "succeeded")):
        ran = {"ran_at": at.clock.now, "outcome": outcome}
        await row(at, number, {}, "tag", verdict="allow", rule="/default", shadow=(said,), **ran)
    period = Period(since=samples.NOW - DAY, until=samples.NOW + DAY)
    [entry] = await in_shadow(at.db, "bank", (shadowed,), period)
    [(case, cases)] = entry.sorted()
    assert (entry.seen, case.would, cases.calls, cases.ran_well) == (3, Would.DENY, 3, 2)
