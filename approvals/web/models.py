"""The bodies of the REST contract as pydantic models: what we take, and what we give.

Input is strict: no unknown member, no conversion. The output models are the contract written down for
`/api/openapi.json` and for the tests, which hold every real answer against them; the answers themselves
are written by `shape.py`, so that arguments and results keep their stored bytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from approvals.web.bodies import Length, Model, PeoplesNote, Reason, RequestIdText, StateName, Time, Words
from approvals.web.grant_models import CoveredOut, GrantIn, GrantOut
from approvals.web.models_insights import ConfirmOut, ExpectationOut
from approvals.web.models_stops import StopOut
from approvals.web.models_talk import CommentOut, QuestionOut
from approvals.web.models_votes import NamedOut, NeedOut, VoteOut
from approvals.web.models_when import AwayOut
from approvals.web.raise_models import OverrunOut, RaiseOut

MAX_BULK = 100


class AnswerIn(Model):
    """One reviewer's answer, for exactly the call whose `binding` stood on the screen."""

    decision: Literal["approve", "deny"]
    binding: str | None = Field(default=None, max_length=128, description="Missing or stale: 409 `stale_binding`.")
    reason: Reason | None = None
    confirm: str | None = Field(
        default=None,
        max_length=500,
        description="With an approval, where the request's `confirm` asks for it: what its `send` says.",
    )


class DecisionIn(AnswerIn):
    """A decision on one request."""

    raise_for: Length | None = Field(
        default=None,
        alias="raise",
        description="With an approval: for how long to raise, too, the limits that the call goes over; at most `24h`.",
    )
    arguments: dict[str, Any] | None = Field(
        default=None,
        description="With an approval: what is to run instead. Checked against the tool's schema and the policy; "
        "whoever approved before is asked again.",
    )
    grant: GrantIn | None = Field(
        default=None,
        description="With an approval: let more calls of this shape run. In force only if everybody who approves says "
        "the same.",
    )


def _by_itself(_sent: object) -> None:
    raise ValueError("is not taken in a decision about many: send it with this request alone, to …/{id}/decision")


NotInBulk = SkipJsonSchema[Annotated[None, BeforeValidator(_by_itself)]]
"""What is only given by who looks at one call."""


class BulkItemIn(AnswerIn):
    """A decision with the request it is for. Nothing is edited, raised or granted in bulk."""

    id: RequestIdText
    grant: NotInBulk = None
    arguments: NotInBulk = None
    raise_for: NotInBulk = Field(default=None, alias="raise")


class BulkIn(Model):
    """Several decisions, each judged and saved on its own."""

    decisions: list[BulkItemIn] = Field(min_length=1, max_length=MAX_BULK)


class ExtendIn(Model):
    """More time to decide."""

    by: Length = "15m"


class CancelIn(Model):
    """Take the call back before it runs."""

    note: PeoplesNote | None = None


class ResolveIn(Model):
    """What a person found out about an `unknown`."""

    ran: bool
    note: Words


class LoginIn(Model):
    """The secret of a one-time login link, as it stood after `#`."""

    token: str = Field(max_length=128)


class Empty(Model):
    """No members."""


class ClientOut(Model):
    """The MCP client as it named itself: no proof of anything."""

    name: str | None
    version: str | None


class OutcomeOut(Model):
    """What came of the execution. `result` is the upstream's own answer."""

    kind: Literal["succeeded", "failed", "unknown"]
    result: Any
    error: str | None
    started_at: Time | None
    finished_at: Time | None


class StepOut(Model):
    """Who else is asked: at a time of its own, when nobody can be reached, or (with neither) when the time is over."""

    to: list[str]
    at: Time | None
    undelivered: bool
    timeout_seconds: float | None


class TermsOut(Model):
    """What the rule asks, as far as people need it to judge."""

    four_eyes: bool
    delegation: bool
    on_timeout: Literal["deny", "escalate", "allow"]
    escalate: list[StepOut] = Field(description="The steps that are left.")
    timeout_seconds: float
    collect_within_seconds: float
    cancel_window_seconds: float
    channels: list[str]


class ChangeOut(Model):
    """One place that an edit changed, as a JSON Pointer. Without `from` it was added, without `to` removed."""

    path: str
    was: Any = Field(default=None, alias="from")
    now: Any = Field(default=None, alias="to")
    secret: bool = Field(default=False, description="The redactor would hide it; who may not read all sees it masked.")


class DeliveryOut(Model):
    """Where a card of the request is, and whether it shows the newest revision."""

    channel: str
    target: str
    state: str
    attempts: int
    error: str | None
    current: bool


class DestroyedOut(Model):
    """Since when, and why: it was older than is kept, or its master key is lost."""

    at: Time
    by: Literal["retention", "lost_key"]


class RequestOut(Model):
    """An approval request as the asking person may see it.

    `ground` says what approved it where votes did not. `redacted`: secrets are masked, and the hashes that would let
    them be guessed are null.
    `why_not` says why `may_decide` is false while the request is pending.
    """

    id: str
    state: StateName
    cause: str | None
    decoy: str | None = Field(
        description="What was plainly bad about it, where it was a test of attention; never said while it waits."
    )
    ground: Literal["silence", "break_glass", "grant"] | None
    grant: CoveredOut | None = Field(description="The standing grant that spoke for it.")
    revision: int
    server: str
    tool: str
    agent: str
    owner: str | None
    client: ClientOut
    arguments: dict[str, Any] | None
    destroyed: DestroyedOut | None = Field(
        description="What was written in it can be read no more: arguments, reasons and results are null."
    )
    arguments_sha256: str | None
    binding: str | None
    edited_from: dict[str, Any] | None
    rule: str
    rule_reason: str | None
    policy_version: str
    tool_fingerprint: str
    risk: str
    severity: str
    justification: str | None
    answer_to: str | None = Field(
        description="No call, but what a client answered to a server's question: in the run of this request, or of a "
        "call that was allowed where it is empty. Null for a call."
    )
    created_at: Time
    expires_at: Time
    decided_at: Time | None
    collect_by: Time | None
    runs_at: Time | None = Field(description="Approved, and its call runs no sooner: until then it can be pulled back.")
    told_at: Time | None
    needs: list[NeedOut]
    needs_after: list[NeedOut] | None = Field(
        description="`needs`, if this person approved it as it stands: all met, and it is approved by that. "
        "Null where they may not decide."
    )
    needs_after_edit: list[NeedOut] | None = Field(
        description="`needs`, if they approved it with other arguments, which voids every vote so far, and the policy "
        "asked the same of the changed call. Null where they may not change it."
    )
    votes: list[VoteOut]
    acted_by: list[NamedOut] = Field(
        default=[],
        description="Who did what no vote says: took it back, or opened break-glass for it and confirmed that. People, "
        "`agent:NAME` or `placet`.",
    )
    may_decide: bool
    may_approve: bool = Field(
        description="False where `may_decide` is, and while its call is stopped: then only a denial counts."
    )
    why_not: str | None
    stopped: StopOut | None = Field(
        description="The freeze or pause that keeps it from being approved, while it waits."
    )
    may_cancel: bool
    may_reassign: bool
    snoozed_until: Time | None = Field(description="Until then it is hidden from the queue of whoever asks.")
    redacted: bool
    waiting: bool
    terms: TermsOut
    may_edit: bool = Field(description="May its arguments be changed with an approval?")
    changes: list[ChangeOut] = Field(description="What was edited: from `edited_from` to `arguments`.")
    trace: list[dict[str, Any]]
    outcome: OutcomeOut | None
    fold: str | None = Field(description="The same word on all requests that are alike: see `/api/v1/folds/{fold}`.")
    over: list[OverrunOut] = Field(description="The limits that it goes over, where a limit asked.")
    questions: list[QuestionOut] = Field(description="What the agent was asked, and what it answered, unverified.")
    may_raise: bool = Field(description="May an approval raise them?")
    confirm: ConfirmOut | None = Field(default=None, description="A step more for this person; not in lists.")
    expected: list[ExpectationOut] | None = Field(default=None, description="Said of its outcome; not in lists.")
    may_say_expected: bool = Field(default=False, description="Is this person asked about the outcome? Not in lists.")
    raises: list[RaiseOut] | None = Field(default=None, description="What came of that; not in lists.")
    comments: list[CommentOut] | None = Field(default=None, description="What people wrote; not in lists.")
    why_no_grant: str | None = Field(description="Why no approval of it may carry a standing grant; null: one may.")
    why_no_grant_session: str | None = Field(description="Why no grant can be bound to the session it was made in.")
    grants: list[GrantOut] | None = Field(default=None, description="The grants given with it; not in lists.")
    missing: list[str] = Field(default=[], description="Why the people there are now could not approve; not in lists.")
    deliveries: list[DeliveryOut] | None = Field(default=None, description="Where its cards are; not in lists.")


class RequestsOut(Model):
    """A page of requests. A page may be shorter than `limit` though more follow: go by `next_cursor`."""

    requests: list[RequestOut]
    next_cursor: str | None


class BulkResultOut(Model):
    """What became of one decision of many: a Request, or the members of a problem."""

    model_config = ConfigDict(extra="allow")

    id: str
    status: int
    code: str | None = None
    detail: str | None = None
    request: RequestOut | None = None


class BulkOut(Model):
    """One result for each decision, in the order sent."""

    results: list[BulkResultOut]


class TimelineEntryOut(Model):
    """One row of the ledger. `actor` is a person's address, `agent:NAME` or `placet`."""

    seq: int
    event: str
    was: StateName | None = Field(alias="from")
    became: StateName = Field(alias="to")
    actor: str
    name: str
    at: Time
    detail: dict[str, Any]


class TimelineOut(Model):
    """The whole ledger of a request, oldest first."""

    events: list[TimelineEntryOut]


class PersonOut(Model):
    """A person the directory knows."""

    id: str
    name: str
    roles: list[str]
    groups: list[str]


class MessageOut(Model):
    """A card or event that was given up."""

    id: str
    request: str
    channel: str
    target: str
    wanted_revision: int
    shown_revision: int | None
    error: str | None


class MessagesOut(Model):
    """What was given up."""

    messages: list[MessageOut]
    next_cursor: str | None


class RetryOut(Model):
    """It is queued again."""

    queued: bool


class NoticeOut(Model):
    """A line that every page shows on top."""

    level: str
    text: str


class MeOut(Model):
    """Who is asking. `csrf` is empty for the bearer of a token, who needs none."""

    person: PersonOut
    away: AwayOut | None = Field(description="Your absence, now or next.")
    stands_for: list[NamedOut] = Field(description="The people who are away and whose delegate you are now.")
    csrf: str
    server_time: Time
    version: str
    features: dict[str, bool]
    fold_from: int | None = Field(description="From so many alike requests on, they are shown as one; null: never.")
    deny_reasons: list[str] = Field(description="What whoever denies can choose from, beside own words.")
    notices: list[NoticeOut]


class ProblemOut(Model):
    """RFC 9457. Further members depend on `code`: `field` and `errors`, `by`, `at`, `state`, `why`, `request`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    request: RequestOut | None = None
