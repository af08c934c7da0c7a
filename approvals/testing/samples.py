"""Ready-made values for tests: a request, its people, its card; every field can be said otherwise.

Nothing random and no clock: `NOW` is the moment at which the sample request was filed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.domain import fingerprint, quorum
from approvals.domain.card import Card, make_card
from approvals.domain.lifecycle import Record
from approvals.domain.model import (
    Answer,
    ApprovalRequest,
    Caller,
    Client,
    Person,
    PersonId,
    RequestId,
    Role,
    ToolCall,
    Vote,
)
from approvals.domain.terms import Factor, Terms

NOW = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)
FINANCE, SECURITY = "group:finance", "group:security"


def person(name: str, *groups: str, roles: tuple[Role, ...] = (Role.REVIEWER,), **changes: Any) -> Person:
    """`ada@example.com`, called Ada."""
    address = PersonId(f"{name}@example.com")
    made = Person(id=address, name=name.capitalize(), roles=frozenset(roles), groups=frozenset(groups))
    return replace(made, **changes)


ADA = person("ada", "finance")
BOB = person("bob", "finance")
CARL = person("carl", "security")
DORA = person("dora", "finance", "security")
EVE = person("eve")
"""A reviewer whom nothing is routed to."""
PEOPLE: Mapping[PersonId, Person] = {p.id: p for p in (ADA, BOB, CARL, DORA, EVE)}


def terms(*factors: Factor, **changes: Any) -> Terms:
    """One of finance, unless said otherwise."""
    return replace(Terms(factors=factors or (Factor(members=(FINANCE,)),)), **changes)


def call(arguments: Any = None, *, server: str = "binance", tool: str = "new_order") -> ToolCall:
    """A tool call with these arguments."""
    given = {"quantity": 1.5, "symbol": "BTCUSDT"} if arguments is None else arguments
    return fingerprint.make_call(server=server, tool=tool, arguments=given, tool_fingerprint="f" * 64)


def caller(agent: str = "claude-ada", owner: str | None = "ada@example.com") -> Caller:
    """An agent with its owner and client."""
    human = PersonId(owner) if owner is not None else None
    return Caller(agent=agent, owner=human, client=Client(name="claude-code", version="2.1"))


def request(
    arguments: Any = None,
    *,
    id: str = "req_sample",
    given: Terms | None = None,
    owner: str | None = None,
    **changes: Any,
) -> ApprovalRequest:
    """A pending request filed at NOW, with its true hashes."""
    asked, on_behalf, wanted = call(arguments), caller(owner=owner), given or terms()
    rule, version = "/tools/new_order/action", "v1"
    made = ApprovalRequest(
        id=RequestId(id),
        call=asked,
        caller=on_behalf,
        terms=wanted,
        rule=rule,
        rule_reason="Orders need a person",
        policy_version=version,
        binding=fingerprint.binding(request=id, agent=on_behalf.agent, call=asked, policy_version=version, rule=rule),
        call_key=fingerprint.call_key(on_behalf.agent, asked),
        created_at=NOW,
        expires_at=NOW + wanted.timeout,
        risk="financial",
        severity="critical",
    )
    return replace(made, **changes)


def vote(of: ApprovalRequest, by: Person, answer: Answer = Answer.APPROVE, **changes: Any) -> Vote:
    """A vote for the request's own binding, half a minute after it was filed."""
    made = Vote(reviewer=by.id, answer=answer, binding=of.binding, via="slack", at=NOW + timedelta(seconds=30))
    return replace(made, **changes)


def card(
    of: ApprovalRequest | None = None,
    *,
    history: tuple[Record, ...] = (),
    now: datetime = NOW,
    stopped: str | None = None,
) -> Card:
    """The card of a request, as the outbox would make it."""
    shown = of or request()
    return make_card(
        shown,
        needs=quorum.tally(shown, PEOPLE),
        people=PEOPLE,
        url=f"https://placet.example.com/requests/{shown.id}",
        now=now,
        history=history,
        stopped=stopped,
    )
