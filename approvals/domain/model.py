"""The frozen types of the approval domain.

Everything here is a value: built once, compared by content, never changed. JSON that is
hashed or run (arguments, results) is kept as canonical bytes, so that what was judged,
shown and approved is what runs (security.md 2d). Nothing here reads a clock or a database.
The states and the arrows between them are in `lifecycle`; what a rule asks is in `terms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    # Grants are about requests, and their shapes are made of canonical JSON, which knows of calls.
    from approvals.domain.grants import Covered
    from approvals.domain.shapes import Proposal

from approvals.domain.destroyed import Destroyed
from approvals.domain.quiet import Quiet
from approvals.domain.sign_in import SignIn
from approvals.domain.terms import Steps, Terms

RequestId = NewType("RequestId", str)
"""`req_` and 26 base32 characters (128 random bits)."""
PersonId = NewType("PersonId", str)
"""The lower-cased e-mail address a person is keyed by."""


class State(StrEnum):
    """The nine states of an approval request (contract.md 4)."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


OPEN_STATES = frozenset({State.PENDING, State.APPROVED, State.EXECUTING})
"""States in which the same call joins the request instead of opening another."""


class Cause(StrEnum):
    """Why a request is in its state, where the state alone does not say (contract.md 4)."""

    TIMED_OUT = "timed_out"
    UNDELIVERED = "undelivered"
    NOT_COLLECTED = "not_collected"
    CLIENT_CANCELLED = "client_cancelled"
    CANCELLED_BY_PERSON = "cancelled_by_person"
    REVOKED = "revoked"
    POLICY_CHANGED = "policy_changed"
    TOOL_CHANGED = "tool_changed"
    FROZEN = "frozen"
    ALTERED = "altered"
    """The saved call no longer matches its binding: never run, and somebody should look at the database."""
    WITHDRAWN = "withdrawn"
    """What it was about went on, or ended, without it."""
    UNSENT = "unsent"
    UPSTREAM_ERROR = "upstream_error"
    LEASE_LOST = "lease_lost"
    NO_ANSWER = "no_answer"
    SILENCE_ALLOWS = "silence_allows"
    BREAK_GLASS = "break_glass"
    DECOY = "decoy"
    """It was a test of attention."""
    RESOLVED_RAN = "resolved_ran"
    RESOLVED_DID_NOT_RUN = "resolved_did_not_run"


class Ground(StrEnum):
    """What let a call run where votes did not."""

    SILENCE = "silence"
    """Nobody answered, and the rule says that this means yes."""
    BREAK_GLASS = "break_glass"
    """Break-glass was open, and nobody was asked."""
    GRANT = "grant"
    """A standing grant spoke for it, and nobody was asked."""


class Answer(StrEnum):
    """What a reviewer can say to a request."""

    APPROVE = "approve"
    DENY = "deny"


class Role(StrEnum):
    """What a person may do (contract.md 3)."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The MCP client software as it named itself: never proof of anything."""

    name: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who one call is for: the agent, the human behind it (or none), and its client.

    `credential` is what it was recognised by: the hash of a key of ours, or what outlives the one access token it sent.
    Sessions are bound to it, and streams end with it. None: nobody asked for one. `session` keys the session of its
    client that the call came over (a hash, never the id); None where the protocol has none.
    """

    agent: str
    owner: PersonId | None = None
    client: Client = field(default_factory=Client)
    session: str | None = field(default=None, repr=False)
    credential: str | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One `tools/call` with exact arguments.

    `arguments` and `meta` are RFC 8785 bytes; the two hashes are lower-case hex SHA-256 of them.
    `tool_fingerprint` is the hash of the whole tool definition (`fingerprint.of_tool`).
    """

    server: str
    tool: str
    arguments: bytes
    arguments_sha256: str
    meta: bytes = b"{}"
    meta_sha256: str = ""
    tool_fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person the directory knows. `slack` are the mapped Slack user ids.

    `lapsed`: what an identity provider said of their groups has run out, and counts for nothing.
    `delegate`: who decides for them now, while they are away. `stands_for`: the people whose delegate they are now,
    without whom those stand for: nothing is passed on.
    """

    id: PersonId
    name: str = ""
    roles: frozenset[Role] = frozenset()
    groups: frozenset[str] = frozenset()
    slack: frozenset[str] = frozenset()
    disabled: bool = False
    lapsed: bool = False
    quiet: Quiet | None = None
    delegate: PersonId | None = None
    stands_for: tuple[Person, ...] = ()

    @property
    def label(self) -> str:
        """The name to show: the display name, else the address."""
        return self.name or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One reviewer's answer as a surface hands it to the desk.

    `binding` is the one that stood on the screen; `via` is the surface (`web`, `slack`, `cli`, `api`), and `sign_in`
    how the session began, where there is one.
    """

    reviewer: PersonId
    answer: Answer
    binding: str
    via: str
    reason: str | None = None
    raise_for: timedelta | None = None
    """For how long to raise, too, what the call goes over."""
    arguments: bytes | None = None
    """What is to run instead of what was asked, as canonical JSON: an approval with edits."""
    confirm: str | None = None
    """The further step of who decides too fast (`attention`): `yes`, or the name of the tool."""
    batch: str | None = None
    """Decisions with the same word here were given together, in one moment."""
    sign_in: SignIn | None = None
    grant: Proposal | None = None
    """What to grant beside this one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A decision as it was saved. `on_behalf` are the absent whose delegate the reviewer was at that moment."""

    reviewer: PersonId
    answer: Answer
    binding: str
    via: str
    at: datetime
    reason: str | None = None
    raise_for: timedelta | None = None
    on_behalf: tuple[PersonId, ...] = ()
    sign_in: SignIn | None = None
    grant: Proposal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a reviewer asked the agent, and what it answered: its own words, which nobody has verified.

    `told_at` is set once the agent has been given the question.
    """

    by: PersonId
    via: str
    at: datetime
    text: str
    told_at: datetime | None = None
    answer: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A limit that a call goes over: whose budget, what it allows, and what it would allow if it were raised.

    `counter` and `scope` are the key of the budget, `name` what the policy calls it; `most` and `to` are decimals
    written plainly, and `words` say in what, per what and for whom.
    """

    counter: str
    scope: str
    name: str
    most: str
    to: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What the policy says of a call whose arguments were edited. `terms` is None where those of the request stay.

    `redact`: what it hides of the edited call, beside what was hidden before.
    """

    rule: str
    policy_version: str
    rule_reason: str | None = None
    severity: str = "medium"
    terms: Terms | None = None
    redact: tuple[Steps, ...] = ()
    trace: tuple[Mapping[str, Any], ...] = ()
    over: tuple[Overrun, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to execute, taken by one process until the lease runs out."""

    holder: str
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the execution: `kind` is `succeeded`, `failed` or `unknown`.

    `result` is the upstream's own answer as JSON bytes: its tool result, or `{"error": …}` for a JSON-RPC error.
    """

    kind: str
    result: bytes | None = None
    error: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """A saved call waiting for people, and all that became of it.

    `revision` is the fence: every change raises it by one, and is refused if it is not the one read.
    `ground` says what approved it where the votes did not, `covered` which grant that was. `told_at` is set once the
    agent has been given the final outcome; `shown_at` once the agent's own user was asked to open its page, and
    answered. Once `destroyed`, nobody can read what the agent and people wrote: arguments, reasons and results are
    empty. `trace` is the ruling's trace as JSON data.
    """

    id: RequestId
    call: ToolCall
    caller: Caller
    terms: Terms
    rule: str
    rule_reason: str | None
    policy_version: str
    binding: str
    call_key: str
    created_at: datetime
    expires_at: datetime
    risk: str = "write"
    severity: str = "medium"
    justification: str | None = None
    state: State = State.PENDING
    cause: Cause | None = None
    revision: int = 1
    decided_at: datetime | None = None
    collect_by: datetime | None = None
    votes: tuple[Vote, ...] = ()
    questions: tuple[Question, ...] = ()
    ground: Ground | None = None
    covered: Covered | None = None
    edited_from: bytes | None = None
    claim: Claim | None = None
    outcome: Outcome | None = None
    told_at: datetime | None = None
    shown_at: datetime | None = None
    destroyed: Destroyed | None = None
    waiting: bool = False
    trace: tuple[Mapping[str, Any], ...] = ()
    over: tuple[Overrun, ...] = ()
    handed_by: tuple[PersonId, ...] = ()
    """Who has handed it on: they were asked once, and may see how it ended."""
    decoy: str | None = None
    """What is plainly bad about it, where it is a test of attention (`decoys`): such a request can never run."""
