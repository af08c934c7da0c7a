"""Decoys: requests that are plainly bad, shown to reviewers to measure their attention. None of them can ever run.

A decoy is made of a real request: the same tool, agent and rule, and its arguments with one plainly bad change. Where
it can stand, what is changed and in what words is said here; randomness and time are arguments. What it may become is
in `happening` and `lifecycle`: it is never approved, so there is nothing to claim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from approvals.domain.answered import answered_in
from approvals.domain.model import Answer, ApprovalRequest, Decision, State
from approvals.domain.terms import OnTimeout

SOONEST, LATEST = timedelta(minutes=2), timedelta(minutes=20)
"""A decoy follows the request that it is made of after a time between these, so that nothing gives it away."""
GIVEN_UP = timedelta(days=1)
"""A plan that could not be carried out for so long after its time is dropped."""
STORM = 5
"""With so many requests of a rule waiting, no decoy is put among them."""
DEEPEST = 4
TIMES = 100


class Seen(StrEnum):
    """What a reviewer did with a decoy."""

    DENIED = "denied"
    CHANGED = "changed"
    """They approved it with other arguments: seen through, too."""
    APPROVED = "approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A change that the configuration knows to be bad: an argument of a tool, and its value then."""

    server: str
    tool: str
    argument: str
    value: Any

    def fits(self, server: str, tool: str) -> bool:
        """Is it for this tool? Names are patterns (`*`)."""
        return fnmatchcase(server, self.server) and fnmatchcase(tool, self.tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoys:
    """The `decoys` section. `rate`: the share of real requests that a decoy follows; nought switches them off."""

    rate: float = 0.0
    templates: tuple[Template, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """Arguments with a bad change, and what was changed, in words that hold no value."""

    arguments: dict[str, Any]
    change: str


OFF = Decoys()


def seen(decision: Decision, request: ApprovalRequest) -> Seen:
    """What a decision did with a decoy. Other arguments with the bad change left in them are an approval of it."""
    if decision.answer is Answer.DENY:
        return Seen.DENIED
    if decision.arguments in (None, request.call.arguments):
        return Seen.APPROVED
    wanted, bad = json.loads(decision.arguments or b"{}"), json.loads(request.call.arguments)
    place = _place_of(bad, request.decoy or "")
    return Seen.APPROVED if place is not None and _at(wanted, place) == _at(bad, place) else Seen.CHANGED


def why_not(request: ApprovalRequest) -> str | None:
    """Why no decoy is made of this request."""
    terms = request.terms
    if request.decoy is not None:
        return "it is one"
    if answered_in(request.call) is not None or request.destroyed is not None or request.edited_from is not None:
        return "it is no plain call"
    if request.over:
        return "it goes over a limit"
    if terms.escalate or terms.on_timeout is not OnTimeout.DENY or terms.self_service:
        return "others than its reviewers would be asked, or silence would be taken for a word"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done with a request: a decoy made of it, or, if it is one, an end to its seeming agent's wait.

    `left_at`: when the agent of the real request went away for the first time, as far as anybody saw.
    """

    request: str
    due_at: datetime
    left_at: datetime | None = None


def hour_of(at: datetime) -> datetime:
    """The hour a moment is in. Who can be tested sees no nearer when an agent last called."""
    return at.replace(minute=0, second=0, microsecond=0)


def waits_for(original: ApprovalRequest, plan: Plan, *, hold: timedelta) -> timedelta | None:
    """For how long the agent of a decoy made of this request seems to wait: as its own would have; None is for ever.

    `hold` is for how long any client is held.

    An agent that waits still, minutes later, comes back each time. One that left without an answer had waited as long
    as its client does, or as we hold; one that got an answer would have waited longer.
    """
    if original.waiting:
        return None
    waited = max(plan.left_at - original.created_at, timedelta()) if plan.left_at is not None else hold
    return waited if original.state is State.PENDING or not waited else max(waited, hold)


def delay(chance: float) -> timedelta:
    """How long after the real request; `chance` is in [0, 1)."""
    return SOONEST + (LATEST - SOONEST) * chance


def changes(request: ApprovalRequest, arguments: dict[str, Any], decoys: Decoys, chance: float) -> list[Bad]:
    """Every bad change there is for a call, those of the configuration first, each list begun somewhere by chance."""
    call = request.call
    known = [
        Bad(arguments=arguments | {one.argument: one.value}, change=f"{one.argument} is one that is known to be bad")
        for one in decoys.templates
        if one.fits(call.server, call.tool) and one.argument in arguments and arguments[one.argument] != one.value
    ]
    found = [
        Bad(arguments=_with(arguments, path, value), change=f"{_named(path)} {words}")
        for path, old in _leaves(arguments, ())
        for value, words in _worse(str(path[-1]), old, request.risk)
        if value != old
    ]
    return [*_from(known, chance), *_from(found, chance)]


Path = tuple[str | int, ...]

_AMOUNT = re.compile(r"amount|quantity|qty|price|total|sum|limit|value|count|size|budget|units?$", re.IGNORECASE)
_TARGET = re.compile(
    r"account|iban|recipient|payee|beneficiary|destination|wallet|^to$|address|customer|user|owner", re.IGNORECASE
)
_PLACE = re.compile(r"path|file|dir|folder|table|database|bucket|branch|schema|namespace|resource|name$", re.IGNORECASE)
_MAIL = re.compile(r"[^@\s]+@([^@\s]+\.[a-z]+)")
_URL = re.compile(r"(https?)://[^/\s]+(/\S*)?")
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")
_MUCH = f"is {TIMES} times what was asked for before"
_RISKY = frozenset({"destructive", "financial", "admin"})


def _worse(name: str, old: Any, risk: str) -> Iterator[tuple[Any, str]]:
    """What is plainly worse than a value under this name."""
    if isinstance(old, str) and old:
        yield from _worse_text(name, old, risk)
    elif isinstance(old, int | float) and not isinstance(old, bool) and _AMOUNT.search(name) and old:
        yield _times(old), _MUCH


def _worse_text(name: str, old: str, risk: str) -> Iterator[tuple[str, str]]:
    if _MAIL.fullmatch(old):
        yield f"{old.partition('@')[0]}@mail-forwarding.example", "is an address at a company nobody knows"
    elif _URL.fullmatch(old):
        yield _URL.sub(r"\1://collect.data-upload.example\2", old), "leads to a host nobody knows"
    elif _NUMBER.fullmatch(old) and _AMOUNT.search(name):
        yield str(Decimal(old) * TIMES), _MUCH
    elif old.startswith("/"):
        yield ("/" if risk == "destructive" else "/etc/shadow"), "is a path that no agent has any business at"
    elif _TARGET.search(name):
        yield _other(old), "is somebody else"
    elif risk in _RISKY and _PLACE.search(name):
        yield "*", "is everything there is"


def _times(old: float) -> float:
    """So many times as much, as somebody would write it: 19.99 becomes 1999, not 1998.9999999999998."""
    much = Decimal(str(old)) * TIMES
    return int(much) if much == much.to_integral_value() else float(much)


def _other(old: str) -> str:
    """A name of the same shape that is another's: each letter and digit turned."""
    return "".join(
        chr((ord(c) - base + 7) % many + base) if (base := _base(c)) and (many := 10 if c.isdigit() else 26) else c
        for c in old
    )


def _base(char: str) -> int:
    if not char.isascii() or not char.isalnum():
        return 0
    return ord("0") if char.isdigit() else ord("a") if char.islower() else ord("A")


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if len(path) > DEEPEST:
        return
    if isinstance(value, dict):
        for name in sorted(value):
            yield from _leaves(value[name], (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value[:1]):
            yield from _leaves(one, (*path, place))
    elif path:
        yield path, value


def _with(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, first: _with(value[str(first)], rest, new)}
    return [*value[: int(first)], _with(value[int(first)], rest, new), *value[int(first) + 1 :]]


def _at(value: Any, path: Path) -> Any:
    """What stands at a place; None where there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _place_of(arguments: dict[str, Any], change: str) -> Path | None:
    """Where the change stands whose words these are: a leaf, or an argument that a template names."""
    places = [*((name,) for name in arguments), *(path for path, _ in _leaves(arguments, ()))]
    named = [path for path in places if change.startswith(f"{_named(path)} ")]
    return max(named, key=lambda path: len(_named(path)), default=None)


def _named(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _from(found: Sequence[Bad], chance: float) -> list[Bad]:
    start = int(chance * len(found))
    return [*found[start:], *found[:start]]
