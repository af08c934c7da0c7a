"""The bodies of the policy endpoints, in and out (contract.md 4)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from approvals.web.bodies import Model, Text, Time
from gateway.config_layers import MOST_ON_A_PAGE
from gateway.policy.durations import YEARS, moment


def _a_time(text: str) -> str:
    try:
        at = moment(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"this is no time with a zone, such as 2026-11-24T10:00:00Z, {YEARS}")
    return text


PolicyText = Annotated[str, Field(max_length=MOST_ON_A_PAGE)]
Note = Annotated[Text, Field(description="What changes, and why; it stands in the history.")]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Base = Annotated[int, Field(ge=0, le=2**31 - 1, description="The version that the text was made from, 0 for none.")]


class CheckIn(Model):
    """A text that is not saved."""

    text: PolicyText


class SaveIn(Model):
    """The next version. `base` may stand in `If-Match` instead."""

    text: PolicyText
    base: Base | None = None
    note: Note | None = None


class RollbackIn(Model):
    """Which version comes back."""

    number: Number
    base: Base | None = None
    note: Note | None = None


class ExplainIn(Model):
    """A call to judge: `arguments` as JSON, or `arguments_text` as it was typed, which is read strictly.

    `as`: an agent. `at`: another time than now. `text`: judge with this text on the page, instead of what is in force.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)

    tool: str = Field(min_length=1, max_length=200)
    arguments: dict[str, Any] | None = None
    arguments_text: str | None = Field(default=None, max_length=MOST_ON_A_PAGE)
    as_: str | None = Field(default=None, alias="as", max_length=200)
    at: Annotated[str, AfterValidator(_a_time)] | None = None
    text: PolicyText | None = None


class ReplayIn(Model):
    """Which calls, and the text that judges them; without one, what is in force."""

    text: PolicyText | None = None
    since: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[mhd]$", description="How far back: `30m`, `12h`, `7d`.")] = (
        "7d"
    )


class ProblemAtOut(Model):
    """One thing that is wrong with a text, at its place (lines and columns from 1)."""

    line: int
    column: int
    pointer: str
    message: str
    hint: str | None


class CheckOut(Model):
    """What a text is. `version` is the hash of its rules, `tests` how many tests in it pass."""

    ok: bool
    problems: list[ProblemAtOut]
    notes: list[str]
    dialect: str | None
    version: str | None
    sha256: str | None
    tests: int


class ConsideredOut(Model):
    """A rule that was looked at, and where it stands: `policy` is its layer's name.

    `layer` is its index among those of the server, null for a layer of the agent.
    """

    rule: str
    matched: bool
    why: str
    policy: str | None
    layer: int | None
    line: int | None


class StandingOut(Model):
    """How a limit of the call stands. `resets_at` is null where there is room again when a running call ends."""

    counter: str
    remaining: str
    resets_at: Time | None
    unit: str | None = None


class ExplainOut(Model):
    """The ruling (contract.md 7). `notes` say what else would keep the call from running."""

    verdict: Literal["allow", "deny", "rate_limited", "require_approval"]
    rule: str
    reason: str | None
    policy: str | None
    layer: int | None
    line: int | None
    considered: list[ConsideredOut]
    limits: list[StandingOut]
    policy_version: str
    risk: str
    severity: str
    asks: list[str]
    notes: list[str]


class WasOut(Model):
    """A verdict with the rule that gave it."""

    verdict: str
    rule: str


class JudgedOut(WasOut):
    """A verdict with the rule that would give it, and where that stands."""

    policy: str | None
    layer: int | None
    line: int | None


class ExampleOut(Model):
    """One call of a group, by its id in the journal."""

    call: str
    at: Time
    why: str


class ChangeOut(Model):
    """Calls of one agent and tool that would all have got something else."""

    change: Literal["newly_allowed", "newly_asked", "newly_denied"]
    tool: str
    agent: str
    calls: int
    was: WasOut
    now: JudgedOut
    denied_by_people: int
    examples: list[ExampleOut]


class ReplayOut(Model):
    """What would have come of the recorded calls, the dangerous changes first (docs/policy-lab.md)."""

    server: str
    policy_version: str
    since: Time
    until: Time
    recorded_from: Time | None
    calls: int
    counts: dict[str, int]
    not_judged: dict[str, int]
    changes: list[ChangeOut]
    approvals: dict[str, Any]
    assumed: list[str]


class EntryOut(Model):
    """One line of the history. `restores` is the earlier version it brought back."""

    number: int
    sha256: str
    by: str
    name: str
    at: Time
    note: str | None
    restores: int | None
    in_force: bool


class VersionOut(EntryOut):
    """A version with its text."""

    text: str


class VersionsOut(Model):
    """The history, newest first."""

    versions: list[EntryOut]
    next_cursor: str | None


class PlaceOut(Model):
    """The rule or value that begins in a line, by its JSON Pointer."""

    line: int
    pointer: str


class OnDiskOut(Model):
    """The file as it is now.

    Where that is not what is enforced: its text (null if it cannot be read), and what is wrong with it.
    """

    sha256: str | None
    differs: bool
    text: str | None
    problems: list[ProblemAtOut]


class LayerOut(Model):
    """One layer as it is enforced. `on_disk` is null for the page, `saved` for a file.

    `shared`: it is the organisation's, over every server.
    """

    name: str
    kind: Literal["file", "page"]
    shared: bool
    text: str
    dialect: str
    version: str
    sha256: str
    notes: list[str]
    tests: int
    outline: list[PlaceOut]
    on_disk: OnDiskOut | None
    saved: EntryOut | None


class PolicyOut(Model):
    """The policy of a server as it is enforced.

    `page` is the saved version in force, 0 while none is saved, null without a page; `newest` is what the next one must
    be made from. `problem` says why the two are not the same.
    """

    server: str
    state: Literal["enforced", "differs", "unsaved", "none"]
    policy_version: str | None
    layers: list[LayerOut]
    page: int | None
    newest: int | None
    may_save: bool
    why_not: str | None
    problem: str | None


class DifferenceOut(Model):
    """A file that is not what is enforced."""

    layer: str
    enforced: str
    on_disk: str | None


class ListedPolicyOut(Model):
    """One server in the list. `state` `differs`: something on disk or saved is not what is enforced."""

    server: str
    state: Literal["enforced", "differs", "unsaved", "none"]
    policy_version: str | None
    layers: list[str]
    dialects: list[str]
    page: int | None
    differences: list[DifferenceOut]
    problem: str | None


class PoliciesOut(Model):
    """The policies of every server."""

    policies: list[ListedPolicyOut]
    next_cursor: str | None
