"""The frozen types of policy: what a file says once loaded, what a call is, and what a ruling holds.

Every rule keeps its JSON Pointer, which is its name everywhere (contract.md 7). Nothing here reads
files or clocks: `loaders` builds a Policy, `evaluate` judges Facts against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from approvals.domain.terms import Escalation, Factor, OnTimeout, Steps
from gateway.policy.cel import When
from gateway.policy.conditions import Condition, Group
from gateway.policy.limit import CounterKey, Limit
from gateway.policy.names import NamePattern
from gateway.policy.paths import ArgumentPath, Unwrap
from gateway.policy.schedule import Schedule
from gateway.policy.source import Node
from gateway.policy.texts import shown


class Verdict(StrEnum):
    """What a policy says of a call (contract.md 7)."""

    ALLOW = "allow"
    DENY = "deny"
    RATE_LIMITED = "rate_limited"
    REQUIRE_APPROVAL = "require_approval"


class Action(StrEnum):
    """What a tool's entry says by itself, before its conditions."""

    ALLOW = "allow"
    DENY = "deny"
    HIDE = "hide"
    REQUIRE_APPROVAL = "require_approval"


class RiskClass(StrEnum):
    """What a tool does to the world, by the evidence of its definition."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
    DESTRUCTIVE = "destructive"
    FINANCIAL = "financial"


class Severity(StrEnum):
    """How bad a misuse would be."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Confidence(StrEnum):
    """How sure a class is: several things say so, one does, or none."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that speaks for a class or a severity: where it stands, its exact words, and what they say.

    `where` is name, description, parameter, annotation, sibling, policy, or nothing.
    """

    where: str
    says: str
    quote: str = ""

    def __str__(self) -> str:
        return f"{self.where} {shown(self.quote)}: {self.says}" if self.quote else self.says


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """The class and severity of a tool, with the quoted words that say so."""

    kind: RiskClass = RiskClass.WRITE
    severity: Severity = Severity.MEDIUM
    evidence: tuple[Evidence, ...] = ()
    confidence: Confidence = Confidence.LOW


UNKNOWN_RISK = Risk(evidence=(Evidence(where="nothing", says="nothing is known of this tool"),))
"""A tool nobody has classified is never taken for a reader (policy.md 3.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalBlock:
    """One `approval` block as written; None = not said here."""

    reviewers: tuple[str, ...] | None = None
    quorum: int | None = None
    factors: tuple[Factor, ...] | None = None
    four_eyes: bool | None = None
    delegation: bool | None = None
    timeout: timedelta | None = None
    on_timeout: OnTimeout | None = None
    remind: timedelta | None = None
    escalate: tuple[Escalation, ...] | None = None
    channels: tuple[str, ...] | None = None
    edit: bool | None = None
    justification: str | None = None
    cancel_window: timedelta | None = None
    execute_on_approve: bool | None = None
    self_service: bool | None = None
    grants: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSpec:
    """The approval blocks a call must satisfy, all of them; `terms()` makes Terms of it.

    Several parts come of several rules or layers that each want approval: none may loosen another.
    """

    parts: tuple[ApprovalBlock, ...] = (ApprovalBlock(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions and an expression that must all hold, and what to say. None of them = always."""

    pointer: str
    conditions: tuple[Condition | Group, ...] = ()
    when: When | None = None
    on_deny: str | None = None
    approval: ApprovalBlock | None = None
    id: str | None = None

    @property
    def always(self) -> bool:
        """Does it hold for every call?"""
        return not self.conditions and self.when is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRules:
    """One entry under `tools`: a name or pattern, and what holds for the tools it names."""

    pointer: str
    pattern: NamePattern
    action: Action = Action.ALLOW
    action_said: bool = False
    reason: str | None = None
    require: tuple[Rule, ...] = ()
    deny_if: tuple[Rule, ...] = ()
    approve_if: tuple[Rule, ...] = ()
    limits: tuple[Limit, ...] = ()
    approval: ApprovalBlock | None = None
    schedule: Schedule | None = None
    when: When | None = None
    unwrap: Unwrap | None = None
    redact: tuple[ArgumentPath, ...] = ()
    shadow: bool = False
    names_tools: bool = True
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSaid:
    """What a policy file says of the risk of the tools it names; None = as it was found."""

    pointer: str
    pattern: NamePattern
    kind: RiskClass | None = None
    severity: Severity | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One test of the file: a call, and what it must get. `given` is what counters stand at before it.

    None where the test says nothing. `reason`: a part of what the agent is told.
    """

    pointer: str
    name: str
    tool: str
    arguments: Mapping[str, Any]
    verdict: Verdict
    server: str | None = None
    agent: str | None = None
    owner: str | None = None
    at: datetime | None = None
    risk: RiskClass | None = None
    given: Mapping[str, Decimal] = field(default_factory=dict)
    rule: str | None = None
    reason: str | None = None
    listed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What names one tool: entries, the most specific first, whom they ask, and what hides it, by its pointers."""

    entries: tuple[ToolRules, ...]
    route: ApprovalBlock
    hidden: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy, loaded. `version` is the hash of its parsed rules, whatever their formatting and tests.

    `text` is the file as it was written. `extends` are files whose policies are outer layers of this one, with the
    pointers that name them: whoever reads files adds them (`gateway.policy_files`). `zone` is that of its clocks, where
    they do not say their own; None is UTC.
    """

    name: str
    version: str
    dialect: str
    default: Verdict
    hide: tuple[tuple[str, NamePattern], ...] = ()
    limits: tuple[Limit, ...] = ()
    tools: tuple[ToolRules, ...] = ()
    list_denied: bool = False
    zone: ZoneInfo | None = None
    resources_default: Verdict = Verdict.DENY
    prompts_default: Verdict = Verdict.DENY
    notes: tuple[str, ...] = ()
    risks: tuple[RiskSaid, ...] = ()
    tests: tuple[Trial, ...] = ()
    extends: tuple[tuple[str, str], ...] = ()
    source: Node | None = field(default=None, compare=False, repr=False)
    text: str = field(default="", compare=False, repr=False)
    by_name: dict[str, list[ToolRules]] = field(init=False, default_factory=dict, compare=False, repr=False)
    patterns: list[ToolRules] = field(init=False, default_factory=list, compare=False, repr=False)
    matches: dict[tuple[str, str], Named] = field(init=False, default_factory=dict, compare=False, repr=False)
    """What was found for a tool of a class of risk (`entries.named`)."""
    risks_found: dict[str, RiskSaid | None] = field(init=False, default_factory=dict, compare=False, repr=False)
    """What the file says of a tool's risk (`risk.overrides.said`)."""

    def __post_init__(self) -> None:
        for entry in self.tools:
            exact = entry.pattern.kind == "exact"
            (self.by_name.setdefault(entry.pattern.text, []) if exact else self.patterns).append(entry)

    def place(self, rule: str) -> tuple[int, int]:
        """Line and column of a rule in the file, by its pointer."""
        return self.source.find_pointer(rule) if self.source is not None else (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One call as the policy sees it. `arguments` is the parsed JSON object that will run."""

    server: str
    tool: str
    arguments: Mapping[str, Any]
    agent: str
    now: datetime
    owner: str | None = None
    tool_known: bool = True
    risk: Risk = UNKNOWN_RISK
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One rule that was looked at: `matched` if it had a say in the verdict, and why or why not."""

    rule: str
    matched: bool
    why: str
    policy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The shape of `policy explain --json` (contract.md 7)."""
        return {"rule": self.rule, "matched": self.matched, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """What one rule of an entry in shadow would have said of a call."""

    rule: str
    verdict: Verdict
    reason: str | None
    why: str
    policy: str = ""

    def as_json(self) -> dict[str, Any]:
        """What is recorded of it."""
        return {"rule": self.rule, "verdict": self.verdict.value, "why": self.why, "policy": self.policy}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUse:
    """A limit that applies to one call: what the call costs, and each of the budgets that pays it, in its unit.

    A budget that stands twice in `keys` pays twice. `approval`: whom to ask when it is exceeded; `policy`: whose limit.
    `of` and `unit_at`: where in the call's arguments the amount and the unit stand, if they do; `secret` if that is
    hidden from who may not read all. `own`: the maximum of the policy, where people have raised it.
    """

    limit: Limit
    amount: Decimal
    keys: tuple[CounterKey, ...]
    unit: str | None = None
    of: Steps | None = None
    unit_at: Steps | None = None
    secret: bool = False
    own: Decimal | None = None
    approval: ApprovalSpec = field(default_factory=ApprovalSpec)
    policy: str = ""

    def as_json(self) -> dict[str, Any]:
        """What is recorded of it; not the amount, if that is hidden."""
        keys = [list(key) for key in self.keys]
        amount = None if self.secret else format(self.amount, "f")
        return {"rule": self.limit.pointer, "amount": amount, "keys": keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The verdict, with the rule that won, all that was considered, what must still be checked, what is not shown.

    `approval` is set for `require_approval`; `limits` are checked next, unless the verdict is `deny`.
    `hidden`: the agent must not learn that the tool exists. `allows`: what the rule that refuses would let through, to
    go on after "would allow".

    `shadow` is what entries in shadow would have said, and `would` the verdict if nothing were in shadow (None where
    nothing is): both without `shadow_limits`, which nobody has looked at.
    """

    verdict: Verdict
    rule: str
    reason: str | None
    trace: tuple[Considered, ...]
    policy_version: str
    policy: str = ""
    allows: str | None = None
    limits: tuple[LimitUse, ...] = ()
    approval: ApprovalSpec | None = None
    risk: RiskClass = RiskClass.WRITE
    severity: Severity = Severity.MEDIUM
    hidden: bool = False
    shadow: tuple[Shadowed, ...] = ()
    shadow_limits: tuple[LimitUse, ...] = ()
    would: Verdict | None = None
    redact: tuple[Steps, ...] = ()
