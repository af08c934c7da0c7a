"""The shape of a policy file as pydantic models: what keys there are and what kind of value each takes.

From these comes `config/schema/policy.schema.json`. What the values mean together, and what this version
cannot do yet, is decided in `loaders`; strictness about the text itself in `source`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.policy.durations import YEARS, duration, keeping, moment

LARGEST_AMOUNT = Decimal(10) ** 30
SMALLEST_DIGIT = 30
"""Amounts are counted exactly up to this size and this many decimals; what is beyond is refused, never rounded."""
MOST_TRIALS = 1_000


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a number is expected here" + ("; take off the quotes" if isinstance(value, str) else ""))
    return Decimal(value)


def countable(value: object) -> Decimal:
    """A number that can be counted exactly.

    Raises:
        ValueError: it is none, in words for the author of the file.
    """
    number = _decimal(value)
    exponent = number.as_tuple().exponent
    if number <= 0 or number > LARGEST_AMOUNT or not isinstance(exponent, int) or exponent < -SMALLEST_DIGIT:
        raise ValueError(f"a number above 0 is expected here, at most 1e30 and with at most {SMALLEST_DIGIT} decimals")
    return number


def _moment(value: object) -> datetime:
    try:
        at = moment(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"a time with its zone is expected here, such as 2026-11-24T10:00:00Z, {YEARS}")
    return at


def _counted(value: object) -> Decimal:
    number = _decimal(value)
    if number < 0 or number > LARGEST_AMOUNT:
        raise ValueError("what a counter stands at is a number of at least 0, at most 1e30")
    return number


DURATION_PATTERN = "^([0-9]+(ms|s|m|h|d))+$"
Length = Annotated[
    timedelta,
    BeforeValidator(duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30s", "15m", "2h", "1d"]}),
]
Keeping = Annotated[
    timedelta,
    BeforeValidator(keeping),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90d", "3650d"]}),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-24T10:00:00Z"]}),
]
Number = Annotated[Decimal, BeforeValidator(_decimal), WithJsonSchema({"type": "number"})]
Positive = Annotated[
    Decimal, BeforeValidator(countable), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1e30})
]
Counted = Annotated[Decimal, BeforeValidator(_counted), WithJsonSchema({"type": "number", "minimum": 0})]
WindowName = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]})]
ScopeNames = Annotated[
    Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]})
]
AmountSaid = Annotated[
    Any,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string"},
                {"type": "object", "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "string"}]}},
            ]
        }
    ),
]
Count = Annotated[int, Field(ge=1, le=1000)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Words = Annotated[str, Field(min_length=1, max_length=200)]


class Shape(BaseModel):
    """The strict base: no unknown keys, nothing coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ConditionShape(Shape):
    """One test of one argument, or a group of tests."""

    path: str | None = Field(None, description='args.name, args["any key"], args.list[0], args.list[*]')
    op: str | None = Field(None, description="eq, neq, lt, lte, gt, gte, in, not_in, contains, regex, exists, …")
    value: Any = Field(None, description="what the argument is compared with")
    fold: bool = Field(default=False, description="compare texts without regard to case")
    full: bool | None = Field(None, description="regex: must the whole text match?")
    coerce: bool = Field(
        default=False, description='eq, neq, in, not_in, contains: compare printed texts, so that 1 equals "1"'
    )
    any: list[ConditionShape] | None = Field(None, description="at least one of these holds")
    all: list[ConditionShape] | None = Field(None, description="all of these hold")
    not_: ConditionShape | None = Field(None, alias="not", description="this does not hold")


class FactorShape(Shape):
    """So many people of one group. How many is never left to a default."""

    group: Words
    count: Count


class EscalateShape(Shape):
    """Who else is asked, and when."""

    after: Length | None = Field(None, description="this long after the request was made, when nobody has decided")
    to: list[Words] = Field(min_length=1, description='"group:NAME" or an e-mail address')
    undelivered: bool | None = Field(None, description="instead of after: when nobody could be told")
    timeout: Length | None = Field(None, description="how long there is from then on")
    channels: list[Words] | None = Field(None, min_length=1, description="where it is shown from then on, too")


class ApprovalShape(Shape):
    """Whom to ask, and how long to wait."""

    reviewers: list[Words] | None = Field(None, min_length=1, description='"group:NAME" or an e-mail address')
    quorum: Count | None = Field(None, description="how many of the reviewers must say yes")
    factors: list[FactorShape] | None = Field(None, min_length=1, description="instead of reviewers and quorum")
    four_eyes: bool | None = Field(None, description="the agent's owner may not decide")
    delegation: bool | None = Field(None, description="false: nobody decides in place of people who are away")
    timeout: Length | None = None
    on_timeout: Literal["deny", "escalate", "allow"] | None = None
    escalate: list[EscalateShape] | None = Field(None, min_length=1)
    remind: Length | None = Field(None, description="people are reminded after this long, then after twice as long, …")
    channels: list[Words] | None = Field(
        None,
        min_length=1,
        description='"web", "slack", "slack:#channel", "email", "webhook", "webhook:NAME", "notify", "push"',
    )
    edit: bool | None = None
    justification: Literal["off", "optional", "required"] | None = None
    cancel_window: Length | None = None
    execute_on_approve: bool | None = None
    self_service: bool | None = Field(None, description="the agent's own user is asked to open the page and decide")
    grants: Literal["offer", "never", "always"] | None = None


def one_or_many(value: object) -> object:
    """A text where a list of texts may stand is a list of one."""
    return [value] if isinstance(value, str) else value


Several = Annotated[
    list[Words],
    BeforeValidator(one_or_many),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class ScheduleShape(Shape):
    """When calls are allowed at all; outside, they are denied."""

    days: list[str] | None = Field(None, min_length=1, description="mon, tue, wed, thu, fri, sat, sun; every day")
    hours: Annotated[Several, Field(min_length=1)] | None = Field(None, description='"08:00-18:00"; the whole day')
    tz: Words | None = Field(None, description="a time zone like Europe/Athens; that of the policy, or UTC")


class UnwrapShape(Shape):
    """For a tool that calls other tools: where it is told which one, and with what."""

    tool: str = Field(description="args.path of the inner tool's name")
    arguments: str = Field(description="args.path of the inner call's arguments, an object")


class RuleShape(Shape):
    """Conditions that must all hold; none = always."""

    conditions: list[ConditionShape] = Field(default_factory=list)
    on_deny: Text | None = Field(None, description="what the agent is told")
    when: Text | None = Field(None, description="CEL, the extra cel; must hold too")
    approval: ApprovalShape | None = Field(None, description="under approve_if: whom to ask when this holds")
    id: Words | None = None


class LimitShape(Shape):
    """A budget over a window of time."""

    id: Words | None = None
    counter: Words = Field(description="rules that name the same counter share one budget")
    window: WindowName = Field(description="minute, hour, day, week, month, a duration, seconds, or inflight")
    max: Positive
    scope: ScopeNames = Field("grant", description="whose calls share one budget; a list: each combination has its own")
    kind: Literal["fixed", "sliding", "bucket"] | None = None
    amount: AmountSaid = Field(None, description="a number, args.path, len(args.path), a price for each tool; else 1")
    increment: Positive | None = Field(None, description="another spelling of amount, a number")
    increment_from: str | None = Field(None, description="another spelling of amount, args.path")
    on_exceed: Literal["deny", "require_approval"] = "deny"
    burst: Positive | None = Field(None, description="kind: bucket: what it holds; max when not said")
    tz: str | None = Field(None, description="whose calendar the window follows: Europe/Athens; UTC when not said")
    unit: str | None = Field(None, description="args.path of the currency or unit; each has a budget of its own")
    on_deny: Text | None = Field(None, description="what the agent is told when there is no room")


class ToolShape(Shape):
    """What holds for the tools of this name or pattern."""

    id: Words | None = None
    description: Text | None = None
    action: Literal["allow", "deny", "hide", "require_approval"] | None = None
    reason: Text | None = None
    require: list[RuleShape] = Field(default_factory=list)
    deny_if: list[RuleShape] = Field(default_factory=list)
    approve_if: list[RuleShape] = Field(default_factory=list)
    limits: list[LimitShape] = Field(default_factory=list)
    rate_limit: Any = Field(None, description='"30/minute" or {max: 30, window: 60}')
    approval: ApprovalShape | None = None
    when: Text | None = Field(None, description="CEL, the extra cel; calls for which it does not hold are denied")
    schedule: ScheduleShape | None = None
    mode: Literal["enforce", "shadow"] = "enforce"
    redact: list[Words] | None = Field(None, min_length=1, description="args.path, …: shown only to who may read all")
    unwrap: UnwrapShape | None = None


class EverywhereShape(Shape):
    """What holds across every call."""

    limits: list[LimitShape] = Field(default_factory=list)


class TrialCallShape(Shape):
    """The call of a test."""

    tool: Words
    arguments: dict[str, Any] = Field(default_factory=dict)


class ExpectShape(Shape):
    """What the call of a test must get."""

    verdict: Literal["allow", "deny", "rate_limited", "require_approval"]
    rule: str | None = Field(None, description="the JSON Pointer of the rule that decides")
    reason: Text | None = Field(None, description="a part of what the agent is told")
    listed: bool | None = Field(None, description="does tools/list show the tool?")


class TrialShape(Shape):
    """One test of the policy: it runs whenever the file is loaded, and the file is refused when it fails."""

    name: Words
    call: TrialCallShape
    as_: Words | None = Field(None, alias="as", description="the agent that calls")
    owner: Words | None = Field(None, description="the person behind the agent")
    server: Words | None = None
    at: Moment | None = Field(None, description="when; a Wednesday at noon UTC when not said")
    risk: Literal["read", "write", "execute", "destructive", "financial"] | None = Field(
        None, description="the class of the tool; judged by its name when not said"
    )
    given: dict[str, Counted] = Field(default_factory=dict, description="what counters stand at before the call")
    expect: ExpectShape


RiskName = Literal["read", "write", "execute", "destructive", "financial"]


class RiskShape(Shape):
    """What a tool does, and how bad its misuse would be, where the operator knows better than the evidence."""

    class_: RiskName | None = Field(None, alias="class", description="stands for what its name and description say")
    severity: Literal["low", "medium", "high", "critical"] | None = Field(
        None, description="that of the class when only the class is said"
    )
    why: Text | None = None


class DefaultShape(Shape):
    """What happens to what is not named."""

    default: Literal["allow", "deny"]


class PolicyShape(Shape):
    """A policy file (contract.md 7): which calls are allowed, refused, limited, or held for a person."""

    model_config = ConfigDict(title="Placet policy")

    version: Literal["1"]
    default: Literal["allow", "deny"] = Field(description="for tools that are not named under tools")
    description: Text | None = None
    tz: Words = Field("UTC", description="the time zone of schedules, and of now in when")
    hide: list[str] = Field(default_factory=list, description="not listed and refused")
    list_denied: bool = Field(default=False, description="list tools that the default refuses")
    all_tools: EverywhereShape = Field(default_factory=EverywhereShape)
    tools: dict[str, ToolShape] = Field(default_factory=dict, description='exact names, globs, or "risk:CLASS"')
    resources: DefaultShape | None = None
    prompts: DefaultShape | None = None
    extends: Annotated[Several, Field(min_length=1)] | None = Field(
        None, description="policy files beside this one; each narrows, and so does this"
    )
    risk: dict[str, RiskShape] = Field(default_factory=dict, description="exact names or globs")
    tests: list[TrialShape] = Field(default_factory=list, max_length=MOST_TRIALS)
    schema_: str | None = Field(None, alias="$schema")
