"""What an edited call would get: judged as one made now, by the tool that was asked about, the policy and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from approvals.domain import fingerprint
from approvals.domain.model import ApprovalRequest, Ruled
from approvals.domain.terms import Factor, Terms
from approvals.errors import Invalid, PolicyRefuses, Refusal, Unfit
from approvals.storage.engine import Database
from approvals.testing import samples
from gateway.edits import Edits
from gateway.judge import Judge
from gateway.limits import Limits
from gateway.policy.loaders import load_policy
from gateway.policy.model import Policy
from gateway.policy.routes import ApprovalDefaults

POLICY = """
version: "1"
default: deny
tools:
  pay:
    deny_if:
      - {conditions: [{path: args.to, op: eq, value: evil}], on_deny: Not to them}
    approve_if:
      - {conditions: [{path: args.amount, op: gt, value: 10}], approval: {reviewers: ["group:finance"]}}
      - {conditions: [{path: args.amount, op: gt, value: 1000}], approval: {reviewers: ["group:cfo"], timeout: 1h}}
    redact: [args.note]
    limits:
      - {counter: paid, window: day, max: 5000, amount: args.amount, on_exceed: require_approval}
      - {counter: most, window: day, max: 9000, amount: args.amount}
"""
SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "amount": {"type": "number"}, "note": {"type": "string"}},
    "required": ["to", "amount"],
    "additionalProperties": False,
}
TOOL = {"name": "pay", "inputSchema": SCHEMA}
FINGERPRINT = fingerprint.of_tool(TOOL)
FINANCE, CFO = Factor(members=("group:finance",)), Factor(members=("group:cfo",))


@dataclass(frozen=True, kw_only=True)
class Bank:
    """The server, as far as it is judged."""

    name: str = "bank"
    policies: tuple[Policy, ...] = (load_policy(POLICY, "bank.yaml"),)


@dataclass(kw_only=True)
class Office:
    """The judge of edits, and whose server it is."""

    db: Database
    edits: Edits
    judge: Judge
    server: Bank | None

    async def asked(self, arguments: dict[str, Any]) -> ApprovalRequest:
        """A request as the policy made it."""
        call = fingerprint.make_call(server="bank", tool="pay", arguments=arguments, tool_fingerprint=FINGERPRINT)
        pin = await self.db.read(lambda tx: tx.pins.one("bank", "pay"))
        assert pin is not None
        made = replace(samples.request(), call=call)
        version = Bank().policies[0].version
        return replace(made, policy_version=version, terms=Terms(factors=(FINANCE,)))

    async def edit(self, request: ApprovalRequest, arguments: dict[str, Any]) -> Ruled | Refusal:
        """What the call with these arguments would get."""
        call = fingerprint.make_call(server="bank", tool="pay", arguments=arguments, tool_fingerprint=FINGERPRINT)
        try:
            return await self.edits.ruled(request, call)
        except Refusal as refused:
            return refused


@pytest.fixture
async def office(database: Database) -> Office:
    await database.write(lambda tx: tx.pins.first("bank", "pay", FINGERPRINT, TOOL))
    judge = Judge(ApprovalDefaults(reviewers=("group:everybody",)))
    made = Office(db=database, judge=judge, server=Bank(), edits=None)  # type: ignore[arg-type]
    made.edits = Edits(db=database, judge=judge, limits=Limits(database), server=lambda _agent, _name: made.server)
    return made


SMALL = {"to": "acme", "amount": 50}


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        pytest.param({"to": "acme", "amount": "50"}, Unfit, "/arguments/amount: ", id="a-value-of-another-kind"),
        pytest.param({"amount": 50}, Unfit, '/arguments: "to" is a required property', id="a-missing-one"),
        pytest.param({"to": "evil", "amount": 50}, PolicyRefuses, "Not to them", id="what-the-policy-denies"),
        pytest.param({"to": "acme", "amount": 9001}, PolicyRefuses, "/tools/pay/limits/1", id="what-no-limit-takes"),
    ],
)
async def test_what_would_not_run_is_refused_with_the_place_and_the_reason(
    office: Office, arguments: dict[str, Any], kind: type[Refusal], words: str
) -> None:
    said = await office.edit(await office.asked(SMALL), arguments)
    assert isinstance(said, kind)
    assert words in str(said)


async def test_what_the_policy_says_of_both_alike_leaves_those_who_were_asked_since(office: Office) -> None:
    said = await office.edit(await office.asked(SMALL), {"to": "acme", "amount": 40})
    assert isinstance(said, Ruled)
    assert (said.rule, said.terms, said.over) == ("/tools/pay/approve_if/0", None, ())
    assert said.trace


async def test_a_call_that_needs_more_people_is_put_before_them(office: Office) -> None:
    said = await office.edit(await office.asked(SMALL), {"to": "acme", "amount": 2000})
    assert isinstance(said, Ruled)
    assert said.terms is not None
    assert set(said.terms.factors) == {FINANCE, CFO}
    assert said.redact == (("note",),)


async def test_a_call_that_needs_nobody_stays_with_those_who_were_asked(office: Office) -> None:
    said = await office.edit(await office.asked(SMALL), {"to": "acme", "amount": 5})
    assert isinstance(said, Ruled)
    assert said.terms is None


async def test_under_a_policy_that_has_changed_its_terms_count(office: Office) -> None:
    request = replace(await office.asked(SMALL), policy_version="older")
    said = await office.edit(request, {"to": "acme", "amount": 40})
    assert isinstance(said, Ruled)
    assert said.terms is not None
    assert said.terms.factors == (FINANCE,)


async def test_a_limit_that_asks_is_reckoned_anew(office: Office) -> None:
    said = await office.edit(await office.asked(SMALL), {"to": "acme", "amount": 6000})
    assert isinstance(said, Ruled)
    assert said.rule == "/tools/pay/limits/0"
    assert [(one.name, one.most, one.to) for one in said.over] == [("paid", "5000", "11000")]


async def test_a_tool_that_has_changed_or_a_server_that_is_gone_runs_nothing(office: Office) -> None:
    request = await office.asked(SMALL)
    server, office.server = office.server, None
    gone = await office.edit(request, {"to": "acme", "amount": 40})
    office.server = server
    await office.db.write(lambda tx: tx.pins.seen("bank", "pay", "0" * 64, TOOL))
    changed = await office.edit(request, {"to": "acme", "amount": 40})
    assert isinstance(gone, Invalid)
    assert "may not use this server" in str(gone)
    assert isinstance(changed, Invalid)
    assert "changed this tool" in str(changed)
