"""What a call would get, asked from outside the walk: the ruling, the limits as they stand, what else is in its way.

The command line and the page ask here. The server is not asked: of a tool we know what it was when it was last seen.
Nothing is sent, counted or kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from approvals.storage.engine import Database
from approvals.storage.pins import Pin
from gateway.limits import Limits
from gateway.policy.evaluate import evaluate
from gateway.policy.model import Facts, Policy, Risk
from gateway.policy.risk import classify
from gateway.policy.risk.overrides import settled
from gateway.policy.routes import ApprovalDefaults, NobodyToAsk, terms
from gateway.policy.texts import shown
from gateway.policy.trials import SOMEBODY
from gateway.policy.verdicts import Final, final
from gateway.settings import Settings, policies_for
from gateway.upstreams.schemas import ArgumentCheck, UnusableSchema

BY_NAME = "The risk is judged by the tool's name alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The call that is asked about. `given` is what counters stand at, instead of what they do."""

    tool: str
    arguments: dict[str, Any]
    agent: str | None = None
    owner: str | None = None
    at: datetime | None = None
    given: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Explained:
    """The answer, and what is to be said beside it."""

    facts: Facts
    policies: Sequence[Policy]
    final: Final
    defaults: ApprovalDefaults | None = None
    notes: list[str] = field(default_factory=list)

    def risk(self) -> Risk:
        """The risk that the policy settles on."""
        return settled(self.policies, self.facts.tool, self.facts.risk)

    def asks(self) -> Sequence[str] | None:
        """Whom the call waits for, one entry a factor; empty where nobody is named, None where nobody is asked."""
        if self.final.approval is None:
            return None
        try:
            wanted = terms(self.final.approval, self.defaults or ApprovalDefaults())
        except NobodyToAsk:
            return ()
        return [f"{factor.count} of {', '.join(factor.members)}" for factor in wanted.factors]


async def explain(
    db: Database, settings: Settings, server: str, asked: Asked, policies: Sequence[Policy] | None = None
) -> Explained:
    """What a call at a server of the configuration would get; `policies` judge instead of those in force."""
    pins = await db.read(lambda tx: tx.pins.of(server))
    owner, notes = await _agent(db, settings, server, asked)
    notes += _tool(pins, asked)
    pin = pins.get(asked.tool)
    facts = Facts(
        server=server,
        tool=asked.tool,
        arguments=asked.arguments,
        agent=asked.agent or SOMEBODY,
        owner=owner,
        now=asked.at or datetime.now(UTC),
        risk=classify(pin.seen_definition if pin is not None else {"name": asked.tool}),
    )
    layers = policies_for(settings, server, asked.agent) if policies is None else policies
    ruling = evaluate(layers, facts)
    budgets = await Limits(db).standing(ruling.limits, facts.now)
    budgets.begin(ruling.limits, asked.given, facts.now)
    answer = final(ruling, budgets.check(ruling.limits, facts.now))
    return Explained(facts=facts, policies=layers, final=answer, defaults=settings.approvals.defaults, notes=notes)


async def _agent(db: Database, settings: Settings, server: str, asked: Asked) -> tuple[str | None, list[str]]:
    """The owner of the agent that calls, and what stands in its way before any policy is asked."""
    if asked.agent is None:
        return asked.owner, []
    name = asked.agent
    row = await db.read(lambda tx: tx.agents.get(name))
    configured = settings.agents.get(name)
    if row is None and configured is None:
        return asked.owner, [f"There is no agent {shown(name)}: such a call would be refused before any policy."]
    owner = configured.owner if configured is not None else row.owner if row is not None else None
    servers = configured.servers if configured is not None else row.servers if row is not None else ()
    notes = [] if server in servers else [f"The agent {shown(name)} may not use the server {shown(server)}."]
    return asked.owner or owner, notes


def _tool(pins: Mapping[str, Pin], asked: Asked) -> list[str]:
    pin = pins.get(asked.tool)
    if pin is None:
        why = "it lists no tool of this name" if pins else "it has not been asked for its tools yet"
        return [f"{BY_NAME}: when the server was last seen, {why}."]
    notes = _fits(pin.seen_definition, asked.arguments)
    if pin.drifted:
        notes.append("The tool has changed since it was accepted: every call of it is refused until it is again.")
    return notes


def _fits(definition: Mapping[str, Any], arguments: dict[str, Any]) -> list[str]:
    try:
        problems = ArgumentCheck(definition.get("inputSchema")).problems(arguments)
    except UnusableSchema as err:
        return [f"The tool cannot be called: {err}."]
    return [f"The arguments do not fit the tool's schema: {one.pointer or '/'}: {one.message}" for one in problems]
