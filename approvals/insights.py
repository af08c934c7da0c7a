"""The numbers of a period, put together out of what the store counted: for everybody, or for one person alone.

Operators, admins and auditors see all of it. Whoever else asks gets what they decided themselves, and nobody else by
name. One read over one snapshot; the arithmetic is in `domain.numbers`, the signs in `domain.fatigue`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from approvals.domain import attention, fatigue, numbers, quorum
from approvals.domain.attention import Friction
from approvals.domain.fatigue import Finding, OfReviewer, OfRule
from approvals.domain.model import Answer, Cause, Ground, Person, Role, State
from approvals.domain.numbers import Count, Times
from approvals.storage import numbers as stored
from approvals.storage.decoys import Score
from approvals.storage.numbers import Decided, Ended, Period, Said, Took
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

SEES_ALL = frozenset({Role.OPERATOR, Role.ADMIN, Role.AUDITOR})
LISTED = 200
"""So many rules, tools and reviewers are listed at most: those with the most requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The numbers of one tool, or one rule, of a server."""

    server: str
    name: str
    count: Count
    times: Times
    decisions: int
    too_fast: int
    expected: int
    unexpected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """The numbers of one reviewer; `level` is what approving takes more from them now."""

    person: str
    decisions: int
    approved: int
    too_fast: int
    busiest: int
    times: Times
    level: int
    decoys: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What was filed within one bar of the history."""

    at: datetime
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """Everything. `of_all` is false where it is one person's. `load`: requests expected in each hour of a week, UTC."""

    period: Period
    width: timedelta
    of_all: bool
    count: Count
    times: Times
    waiting: int
    oldest: datetime | None
    expected: int
    unexpected: int
    decisions: int
    too_fast: int
    rules: Sequence[Group]
    tools: Sequence[Group]
    reviewers: Sequence[Reviewer]
    bars: Sequence[Bar]
    load: Sequence[float]
    findings: Sequence[Finding]


def sees_all(person: Person) -> bool:
    """May the person see the numbers of everybody?"""
    return bool(person.roles & SEES_ALL)


def look(tx: Tx, person: Person, period: Period, friction: Friction) -> Insights:
    """The numbers of a period as a person may see them."""
    of_all = sees_all(person)
    period = period if of_all else replace(period, person=person.id)
    width = numbers.width(period.start, period.end)
    ended, took = tx.numbers.ended(period), tx.numbers.took(period)
    decided, said = tx.numbers.decided(period), tx.numbers.said(period)
    waiting, oldest = tx.numbers.pending(period.server) if of_all else _theirs(tx, person, period.server)
    counted = Counted(ended=ended, took=took, decided=decided, said=said)
    rules = _groups(counted, lambda row: (row.server, row.rule))
    reviewers = _reviewers(tx, period, friction, decided)
    return Insights(
        period=period,
        width=width,
        of_all=of_all,
        count=_count(ended),
        times=numbers.times(numbers.together({row.ms: row.number} for row in took)),
        waiting=waiting,
        oldest=oldest,
        expected=sum(row.number for row in said if row.as_expected),
        unexpected=sum(row.number for row in said if not row.as_expected),
        decisions=sum(row.number for row in decided),
        too_fast=sum(row.number for row in decided if row.too_fast),
        rules=rules,
        tools=_groups(counted, lambda row: (row.server, row.tool)),
        reviewers=reviewers,
        bars=_bars(tx, period, width),
        load=_load(tx, period),
        findings=fatigue.findings(map(_of_reviewer, reviewers), map(_of_rule, rules if of_all else ())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the store counted by tool and rule."""

    ended: Sequence[Ended]
    took: Sequence[Took]
    decided: Sequence[Decided]
    said: Sequence[Said]


Name = tuple[str, str]
"""The server, and the tool or the rule."""


def _groups(counted: Counted, of: Callable[[Ended | Took | Decided | Said], Name]) -> list[Group]:
    ended: defaultdict[Name, list[Ended]] = defaultdict(list)
    for row in counted.ended:
        ended[of(row)].append(row)
    took: defaultdict[Name, list[Took]] = defaultdict(list)
    for wait in counted.took:
        took[of(wait)].append(wait)
    decided, fast, yes, no = (defaultdict[Name, int](int) for _ in range(4))
    for decision in counted.decided:
        decided[of(decision)] += decision.number
        fast[of(decision)] += decision.number if decision.too_fast else 0
    for answer in counted.said:
        (yes if answer.as_expected else no)[of(answer)] += answer.number
    found = [
        Group(
            server=name[0],
            name=name[1],
            count=_count(ended[name]),
            times=numbers.times(numbers.together({one.ms: one.number} for one in took[name])),
            decisions=decided[name],
            too_fast=fast[name],
            expected=yes[name],
            unexpected=no[name],
        )
        for name in {*ended, *took, *decided, *yes, *no}
    ]
    return sorted(found, key=lambda one: (-one.count.asked, one.server, one.name))[:LISTED]


def _count(rows: Iterable[Ended | stored.Bar]) -> Count:
    """What became of requests, in the words of the numbers."""
    found: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        words = _became(row)
        for word in words if "not_asked" in words else ("asked", *words):
            found[word] += row.number
    return Count(**found)


def _became(row: Ended | stored.Bar) -> tuple[str, ...]:
    if row.ground is not None:
        # Silence is an answer that nobody gave; whatever else let a call run asked nobody.
        return ("expired", "timed_out") if row.ground == Ground.SILENCE else ("not_asked",)
    match State(row.state):
        case State.PENDING:
            return ("waiting",)
        case State.DENIED:
            return ("denied",)
        case State.EXPIRED | State.CANCELLED if not row.decided:
            if row.state == State.CANCELLED:
                return ("cancelled",)
            return ("expired", "undelivered" if row.cause == Cause.UNDELIVERED else "timed_out")
        case _:
            return ("approved",)


def _reviewers(tx: Tx, period: Period, friction: Friction, decided: Sequence[Decided]) -> list[Reviewer]:
    waited: defaultdict[str, list[dict[int, int]]] = defaultdict(list)
    for one in tx.numbers.answered(period):
        waited[one.person].append({one.ms: one.number})
    busiest = tx.numbers.busiest(period)
    theirs: defaultdict[str, list[Decided]] = defaultdict(list)
    for row in decided:
        theirs[row.person].append(row)
    scores = tx.decoys.scores(period.start, period.end, server=period.server, person=period.person)
    theirs.update({person: [] for person in scores if person not in theirs})
    most = sorted(theirs, key=lambda person: (-sum(row.number for row in theirs[person]), person))[:LISTED]
    return [
        Reviewer(
            person=person,
            decisions=sum(row.number for row in theirs[person]),
            approved=sum(row.number for row in theirs[person] if row.answer == Answer.APPROVE),
            too_fast=sum(row.number for row in theirs[person] if row.too_fast),
            busiest=busiest.get(person, 0),
            times=numbers.times(numbers.together(waited[person])),
            level=_level(tx, friction, person),
            decoys=scores.get(person, Score()),
        )
        for person in most
    ]


def _level(tx: Tx, friction: Friction, person: str) -> int:
    last = tx.attention.last(person, limit=friction.last, since=tx.now - friction.within)
    return attention.level(friction, attention.meter(last))


def _bars(tx: Tx, period: Period, width: timedelta) -> list[Bar]:
    """Every bar of the period, also those in which nothing was filed."""
    found: defaultdict[datetime, list[stored.Bar]] = defaultdict(list)
    for row in tx.numbers.bars(period, width):
        found[row.at].append(row)
    step = int(width.total_seconds())
    first, last = (int(at.timestamp()) // step for at in (period.start, period.end - timedelta(microseconds=1)))
    places = (datetime.fromtimestamp(place * step, UTC) for place in range(first, last + 1))
    return [Bar(at=at, count=_count(found[at])) for at in places]


def _load(tx: Tx, period: Period) -> Sequence[float]:
    back = replace(period, start=tx.now - timedelta(weeks=numbers.WEEKS), end=tx.now)
    return numbers.forecast(tx.numbers.filed_by_hour(back), since=tx.numbers.first_filed(), now=tx.now)


def _theirs(tx: Tx, person: Person, server: str | None) -> tuple[int, datetime | None]:
    """How many requests wait for this person, as far as anybody looks, and since when the oldest."""
    query = Query(states=frozenset({State.PENDING}), server=server, oldest_first=True, limit=500)
    found = [one for one in tx.requests.search(query) if quorum.why_not(person, one) is None]
    return len(found), found[0].created_at if found else None


def _of_reviewer(one: Reviewer) -> OfReviewer:
    return OfReviewer(
        reviewer=one.person,
        decisions=one.decisions,
        approved=one.approved,
        too_fast=one.too_fast,
        busiest=one.busiest,
    )


def _of_rule(one: Group) -> OfRule:
    return OfRule(server=one.server, rule=one.name, count=one.count, expected=one.expected, unexpected=one.unexpected)
