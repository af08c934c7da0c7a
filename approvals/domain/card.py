"""What is shown of a request, for every surface alike: plain text, no markup, no secrets.

`make_card` is the only way from a request to something people read outside the web page. Every text has been
redacted and made visible, in that order; the arguments come in full, since a channel that cuts them must say so.
A card never shows more than was committed: it is made from the request as it was read, and from its ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from approvals.domain import expecting, grants, plain, raising
from approvals.domain.answered import answered_in
from approvals.domain.cancel_window import runs_at
from approvals.domain.changes import edits_of
from approvals.domain.excerpt import result_excerpt
from approvals.domain.group_card import Group
from approvals.domain.hushing import hush_of, hushed, hushed_ledger
from approvals.domain.lifecycle import Record
from approvals.domain.looking import warnings_of
from approvals.domain.model import Answer, ApprovalRequest, Cause, Client, Person, PersonId, State, Vote
from approvals.domain.quorum import Need
from approvals.domain.redact import Redactor
from approvals.domain.sentences import Telling, ended_word, needs_line, status_line, turns_line
from approvals.domain.shapes import Scope

JUSTIFICATION_SHOWN = 1_000
LINE_SHOWN, STOP_SHOWN = 200, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CardVote:
    """One vote as it is shown."""

    reviewer: PersonId
    name: str
    answer: Answer
    reason: str | None
    via: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CardQuestion:
    """What a reviewer asked the agent, and what it answered."""

    name: str
    text: str
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A request as people see it. Texts are plain and visible; a surface adds only its own escaping.

    `arguments` is the whole redacted JSON, however long. `hidden` counts the values the redactor hid in it.
    `until` is its deadline, in a word.
    `answers` are on offer now: none once it is decided. `url` is the page with the full call. `over` are the limits
    that the call goes over, and `raises` what each would be if the approval raised it: nothing where that is not on
    offer. `asks_expected`: it ran, and people are asked whether that was as expected; `expected_line` has what they
    said. `edits` are the changes that reviewers made, one a line; `editable` is the JSON to change, where that is on
    offer and everything of it can be shown. `can_be_pulled_back`: it is approved, has a cancel window, and has not run.
    `group`: the card stands for these calls, its own among them. `folded_into`: the address of the group that shows it.
    """

    request_id: str
    binding: str
    revision: int
    state: State
    cause: Cause | None
    headline: str
    tool: str
    server: str
    agent: str
    owner: str | None
    client: str | None
    risk: str
    severity: str
    rule: str
    rule_reason: str | None
    justification: str | None
    arguments: str
    arguments_sha256: str
    hidden: int
    warnings: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    until: str
    needs_line: str
    answers: tuple[Answer, ...]
    status_line: str
    result_excerpt: str | None
    votes: tuple[CardVote, ...]
    waiting: bool
    url: str
    over: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    trust: Scope | None = None
    """Which further calls like it an approval may let run; None where it may let none run."""
    questions: tuple[CardQuestion, ...] = ()
    asks_expected: bool = False
    expected_line: str | None = None
    edits: tuple[str, ...] = ()
    editable: str | None = None
    can_be_pulled_back: bool = False
    group: Group | None = None
    folded_into: str | None = None
    stopped: str | None = None
    """What keeps the call from being approved now: it can only be denied."""
    turns: str | None = None
    """Who else was asked, who changed it and who handed it on, while it waits."""
    yours: str | None = None
    """What the approval of the one person who is shown this would come to; nothing where others see it, too."""
    asks_several: bool = False
    """It asks for more than one approval, so that the call does not run by each."""
    earlier: str | None = None
    """How calls of this tool were decided before, in numbers, while it waits (`similar.on_card`)."""

    @property
    def decided(self) -> bool:
        """Is there nothing left to answer?"""
        return not self.answers


def make_card(
    request: ApprovalRequest,
    *,
    needs: Iterable[Need],
    people: Mapping[PersonId, Person],
    url: str,
    now: datetime,
    history: Iterable[Record] = (),
    stopped: str | None = None,
) -> Card:
    """The card of a request as it is now; its ledger adds who took it back and when it ended.

    `stopped` says what keeps calls like it from running, as a clause.
    """
    hush = hush_of(request)
    needs, history = tuple(needs), hushed_ledger(request, history, hush)
    request = hushed(request, hush)
    arguments = json.loads(request.call.arguments)
    shown, hidden = arguments_shown(request, arguments)
    telling = Telling(request=request, needs=needs, names=_names(people), history=history, now=now)
    open_now = request.state is State.PENDING and now < request.expires_at
    approvable = open_now and stopped is None
    return Card(
        request_id=request.id,
        binding=request.binding,
        revision=request.revision,
        state=request.state,
        cause=request.cause,
        headline=_headline(request, now),
        tool=_line(request.call.tool),
        server=_line(request.call.server),
        agent=_line(request.caller.agent),
        owner=_line(request.caller.owner) if request.caller.owner else None,
        client=_client(request.caller.client),
        risk=_line(request.risk),
        severity=_line(request.severity),
        rule=_line(request.rule),
        rule_reason=_text(request.rule_reason),
        justification=_text(request.justification),
        arguments=shown,
        arguments_sha256=request.call.arguments_sha256,
        hidden=hidden,
        warnings=warnings_of(request, arguments, hidden=hidden),
        created_at=request.created_at,
        expires_at=request.expires_at,
        until=plain.hour_of(request.expires_at, now),
        needs_line=needs_line(needs),
        answers=_answers(stopped) if open_now else (),
        stopped=_line(stopped, STOP_SHOWN) if open_now and stopped else None,
        status_line=status_line(telling),
        turns=turns_line(telling) if open_now else None,
        result_excerpt=result_excerpt(request.outcome),
        votes=_votes(request, people),
        waiting=request.waiting,
        url=url,
        over=tuple(_line(f"{one.name}: {one.most} {one.words}") for one in request.over),
        raises=_raises(request) if approvable else (),
        trust=grants.narrowest(request) if approvable and grants.why_not_offered(request) is None else None,
        questions=_questions(request, people),
        asks_expected=expecting.is_asked(request),
        expected_line=expecting.told(history, _names(people)),
        edits=tuple(_line(one) for one in edits_of(request)),
        editable=_editable(request, arguments, shown) if approvable else None,
        can_be_pulled_back=runs_at(request) is not None,
        asks_several=sum(need.factor.count for need in needs) > 1,
    )


def arguments_shown(request: ApprovalRequest, arguments: object) -> tuple[str, int]:
    """The whole redacted JSON of its (parsed) arguments, and how many values are hidden in it."""
    if request.destroyed is not None:
        return f"({request.destroyed})", 0
    redactor = Redactor()
    shown = plain.pretty(redactor.value(redactor.places(arguments, request.terms.redact)))
    return plain.visible_lines(shown), redactor.hidden


def status_of(
    request: ApprovalRequest,
    *,
    needs: Iterable[Need],
    people: Mapping[PersonId, Person],
    now: datetime,
    history: Iterable[Record] = (),
) -> str:
    """What has happened to a request, as its card says it, for a surface that shows nothing else of one."""
    hush = hush_of(request)
    history, request = hushed_ledger(request, history, hush), hushed(request, hush)
    return status_line(Telling(request=request, needs=tuple(needs), names=_names(people), history=history, now=now))


def _answers(stopped: str | None) -> tuple[Answer, ...]:
    return (Answer.APPROVE, Answer.DENY) if stopped is None else (Answer.DENY,)


def _editable(request: ApprovalRequest, arguments: object, shown: str) -> str | None:
    """What is hidden, or spelled out because it cannot be seen, would not come back as it is."""
    if not request.terms.edit or answered_in(request.call) is not None:
        return None
    return shown if shown == plain.pretty(arguments) else None


def _raises(request: ApprovalRequest) -> tuple[str, ...]:
    if not raising.offered(request):
        return ()
    return tuple(_line(f"{one.name}: {one.to} instead of {one.most} {one.words}") for one in request.over)


def _headline(request: ApprovalRequest, now: datetime) -> str:
    what = f"{_line(request.call.tool)} on {_line(request.call.server)}"
    if answered_in(request.call) is not None:
        what = f"An answer in {what}"
    match request.state:
        case State.PENDING:
            return f"{what} asks for approval" if now < request.expires_at else f"{what}: time is up"
        case State.EXECUTING:
            return f"{what} is running"
        case State.UNKNOWN | State.EXPIRED | State.FAILED:
            return f"{what}: {ended_word(request.state, request.cause)}"
        case State.APPROVED | State.DENIED | State.CANCELLED | State.SUCCEEDED:
            return f"{what}: {request.state.value}"


def _votes(request: ApprovalRequest, people: Mapping[PersonId, Person]) -> tuple[CardVote, ...]:
    names = _names(people)
    return tuple(
        CardVote(
            reviewer=vote.reviewer,
            name=_voter(vote, names),
            answer=vote.answer,
            reason=_text(vote.reason),
            via=_line(vote.via),
            at=vote.at,
        )
        for vote in request.votes
    )


def _voter(vote: Vote, names: Mapping[str, str]) -> str:
    name, *absent = (names.get(one, _line(one)) for one in (vote.reviewer, *vote.on_behalf))
    return f"{name} for {' and '.join(absent)}" if absent else name


def _questions(request: ApprovalRequest, people: Mapping[PersonId, Person]) -> tuple[CardQuestion, ...]:
    names = _names(people)
    return tuple(
        CardQuestion(name=names.get(one.by, _line(one.by)), text=_text(one.text) or "", answer=_text(one.answer))
        for one in request.questions
    )


def _names(people: Mapping[PersonId, Person]) -> Mapping[str, str]:
    return {person_id: _line(person.label) for person_id, person in people.items()}


def _client(client: Client) -> str | None:
    label = " ".join(part for part in (client.name, client.version) if part)
    return _line(label) if label else None


def _line(text: str, limit: int = LINE_SHOWN) -> str:
    return plain.shorten(plain.visible(Redactor().text(text)), limit)


def _text(text: str | None) -> str | None:
    if text is None:
        return None
    return plain.shorten(plain.visible_lines(Redactor().text(text)), JUSTIFICATION_SHOWN)
