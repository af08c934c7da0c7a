"""What was decided before about calls like one: counted, and the few that are most like it.

Like a call is what named the same tool of the same server (for an answer to a server's question: an answer there). What
people decided is told apart from what nobody decided and from what ran without being asked about, so that no number
says more than happened: none of it is a word on whether this call is right. The order is people's decisions first,
then by how many arguments are equal, then newest first; which arguments differ is named, never their values. What a
reader may not see is not among them, an argument that is hidden from them is not compared for them, and what was
destroyed counts by how it ended alone. Decoys never get here (`storage.earlier`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from approvals.domain.answered import answered_in
from approvals.domain.model import ApprovalRequest, Cause, Ground, State
from approvals.domain.redact import Redactor

LOOKED_AT = 50
"""So many decisions of people are looked at, and so many other ends: the newest."""
ROWS = 5
NAMED = 6
"""So many arguments are counted by name, and so many differing ones named in a row."""
COMPARED = 16 * 1024
"""Longer arguments (bytes) are compared as a whole."""
MASKED = 2 * 1024
"""The same for whoever reads them masked: looking for secrets in a hundred calls takes a service's time."""


class Verdict(StrEnum):
    """What became of an earlier call, as far as deciding goes."""

    APPROVED = "approved"
    DENIED = "denied"
    PULLED_BACK = "pulled_back"
    """Approved, and taken back by a person before it ran."""
    EXPIRED = "expired"
    UNDELIVERED = "undelivered"
    CANCELLED = "cancelled"
    GRANT = "grant"
    SILENCE = "silence"
    BREAK_GLASS = "break_glass"


PEOPLES = (Verdict.APPROVED, Verdict.DENIED, Verdict.PULLED_BACK)
"""What people decided."""
_SAID = {
    Verdict.APPROVED: "approved",
    Verdict.DENIED: "denied",
    Verdict.PULLED_BACK: "approved and pulled back",
    Verdict.EXPIRED: "nobody answered",
    Verdict.UNDELIVERED: "nobody could be told",
    Verdict.CANCELLED: "cancelled while it waited",
    Verdict.GRANT: "run by a standing grant",
    Verdict.SILENCE: "run because silence allows",
    Verdict.BREAK_GLASS: "run by break-glass",
}
NONE_YET = "No earlier decision of this tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """An earlier request, and when it was decided or ended. Its call has empty `arguments` where they were not read."""

    request: ApprovalRequest
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How the arguments of two calls compare: `equal` of `of` names. `hidden` ones were not compared."""

    is_exact: bool = False
    equal: int = 0
    of: int = 0
    differs: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """One earlier call. Without `likeness` its arguments are too long to be compared by name."""

    past: Past
    verdict: Verdict
    likeness: Likeness | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """How the calls with the same value under one argument were decided by people; `of` so many that had it to read."""

    argument: str
    counts: Mapping[Verdict, int]
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """What was decided before. `exact` counts the calls with exactly the same arguments."""

    counts: Mapping[Verdict, int]
    exact: Mapping[Verdict, int]
    same: tuple[Same, ...]
    rows: tuple[Earlier, ...]

    @property
    def decided(self) -> int:
        """How many of them people decided."""
        return sum(self.counts.get(one, 0) for one in PEOPLES)


Is = Callable[[ApprovalRequest], bool]
_Values = Mapping[str, str | None]
"""By name as it is shown, each value as text; None is hidden."""


def similar(request: ApprovalRequest, past: Iterable[Past], *, sees: Is, in_full: Is) -> Similar:
    """What was decided before about calls like this one, for a reader: what they see, and what of it in full."""
    kind = answered_in(request.call) is None
    whole = in_full(request)
    own = _values(request, full=whole)
    found = [
        Earlier(
            past=one,
            verdict=verdict,
            likeness=_likeness(request, one.request, own, full=whole and in_full(one.request)),
        )
        for one in past
        if (verdict := verdict_of(one.request)) is not None
        and (answered_in(one.request.call) is None) is kind
        and sees(one.request)
    ]
    peoples = [one for one in found if one.verdict in PEOPLES]
    return Similar(
        counts=Counter(one.verdict for one in found),
        exact=Counter(one.verdict for one in peoples if one.likeness is not None and one.likeness.is_exact),
        same=tuple(_same(name, peoples) for name in _named(own)),
        rows=tuple(sorted((one for one in found if one.past.request.destroyed is None), key=_order)[:ROWS]),
    )


def verdict_of(request: ApprovalRequest) -> Verdict | None:
    """What became of a request; None while it waits."""
    if request.ground is not None:
        return {
            Ground.GRANT: Verdict.GRANT,
            Ground.SILENCE: Verdict.SILENCE,
            Ground.BREAK_GLASS: Verdict.BREAK_GLASS,
        }[request.ground]
    match request.state:
        case State.PENDING:
            return None
        case State.DENIED:
            return Verdict.DENIED
        case State.EXPIRED if request.decided_at is None:
            return Verdict.UNDELIVERED if request.cause is Cause.UNDELIVERED else Verdict.EXPIRED
        case State.CANCELLED if request.decided_at is None:
            return Verdict.CANCELLED
        case State.CANCELLED if request.cause is Cause.CANCELLED_BY_PERSON:
            return Verdict.PULLED_BACK
        case _:
            return Verdict.APPROVED


def put_to_the_same(request: ApprovalRequest, earlier: ApprovalRequest) -> bool:
    """Was everybody who is asked about this request asked about the earlier one, too? So they may all know of it."""
    asked, before = request.terms, earlier.terms
    others = {one for factor in asked.factors for one in factor.members}
    others -= {one for factor in before.factors for one in factor.members}
    return not others and (before.delegation or not asked.delegation)


def words(found: Similar) -> str:
    """The counts as one sentence: no argument, no name, no judgement."""
    said = [NONE_YET]
    if found.decided:
        among = ", the only one" if found.decided == 1 else f" of the last {found.decided}"
        said = [f"{_counted(found.counts, PEOPLES)}{among} decided by people"]
        exactly = sum(found.exact.values())
        if exactly:
            said.append(f"{exactly} with exactly these arguments ({_counted(found.exact, PEOPLES)})")
    others = _counted(found.counts, [one for one in Verdict if one not in PEOPLES])
    sentence = "; ".join([*said, *([f"besides, {others}"] if others else [])])
    return f"{sentence[0].upper()}{sentence[1:]}."


def said_of(verdict: Verdict) -> str:
    """A verdict in words."""
    return _SAID[verdict]


def _counted(counts: Mapping[Verdict, int], which: Iterable[Verdict]) -> str:
    return ", ".join(f"{_SAID[one]} {counts[one]}" for one in which if counts.get(one))


def _order(one: Earlier) -> tuple[bool, bool, int, int, float]:
    # What nobody decided comes last: an agent makes as much of that as it likes, and must not push a denial out.
    like = one.likeness or Likeness()
    when = one.past.at.timestamp()
    return (one.verdict not in PEOPLES, not like.is_exact, -like.equal, like.of - like.equal, -when)


def _same(name: str, peoples: Sequence[Earlier]) -> Same:
    read = [one for one in peoples if one.likeness is not None and name not in one.likeness.hidden]
    counts = Counter(one.verdict for one in read if one.likeness is not None and name in one.likeness.same)
    return Same(argument=name, counts=counts, of=len(read))


def _named(own: _Values | None) -> list[str]:
    return [name for name, value in (own or {}).items() if value is not None][:NAMED]


def _likeness(
    request: ApprovalRequest, earlier: ApprovalRequest, own: _Values | None, *, full: bool
) -> Likeness | None:
    if earlier.destroyed is not None or request.destroyed is not None:
        return None
    is_exact = full and request.call.arguments_sha256 == earlier.call.arguments_sha256
    if is_exact and own is not None:
        return Likeness(is_exact=True, equal=len(own), of=len(own), same=tuple(own))
    theirs = _values(earlier, full=full)
    if own is None or theirs is None:
        return Likeness(is_exact=True) if is_exact else None
    return _compared(own, theirs)


def _compared(own: _Values, theirs: _Values) -> Likeness:
    names = list({**own, **theirs})
    hidden = [name for name in names if None in (own.get(name, ""), theirs.get(name, ""))]
    same = [name for name in own if name not in hidden and own[name] == theirs.get(name)]
    return Likeness(
        equal=len(same),
        of=len(names),
        differs=tuple(name for name in names if name not in same and name not in hidden),
        hidden=tuple(hidden),
        same=tuple(same),
    )


def _values(request: ApprovalRequest, *, full: bool) -> _Values | None:
    """The arguments by name; None where there are none to read."""
    stored = request.call.arguments
    if request.destroyed is not None or not stored or len(stored) > (COMPARED if full else MASKED):
        return None
    members = json.loads(stored)
    if full:
        return {name: json.dumps(value) for name, value in members.items()}
    # A short secret could be found out by guessing it again and again until it is called equal.
    redactor = Redactor()
    shown = redactor.value(redactor.places(members, request.terms.redact))
    pairs = zip(members.items(), shown.items(), strict=True)
    return {name: None if (name, value) != as_is else json.dumps(value) for as_is, (name, value) in pairs}
