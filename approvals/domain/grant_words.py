"""A grant in words: what of a call may vary, and what must be as it was.

Values are somebody else's text, and made visible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.domain import plain, shapes
from approvals.domain.grants import Grant
from approvals.domain.model import ApprovalRequest
from approvals.domain.redact import HIDDEN
from approvals.domain.shapes import Anything, Matcher, OneOf, Prefix, Range

SHOWN = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One argument of a grant: its JSON Pointer, the kind of bound, and the bound in words."""

    argument: str
    kind: str
    words: str


def places(grant: Grant) -> list[Place]:
    """Every argument of the call it was given with, as it is bound."""
    return described(dict(grant.proposal.places), json.loads(grant.origin.call.arguments))


def described(loosened: Mapping[str, Matcher], base: Any) -> list[Place]:
    """Every single argument of a call under these matchers; an object without members bounds nothing more."""
    return [_place(at, loosened.get(at), value) for at, value in shapes.leaves(base) if at]


def without_values(found: list[Place]) -> list[Place]:
    """The same for who may not read the arguments."""
    return [Place(argument=one.argument, kind=one.kind, words=HIDDEN) for one in found]


def used(grant: Grant, request: ApprovalRequest) -> str:
    """The line that tells of a use, without a word of the call's arguments."""
    what = f"{plain.visible(request.call.tool)} on {plain.visible(request.call.server)}"
    left = f"{grant.uses_left} of {grant.proposal.uses} left"
    return f"Nobody was asked: {what} for {plain.visible(request.caller.agent)}, by {grant.id} ({left}). {request.id}"


def _place(at: str, matcher: Matcher | None, value: Any) -> Place:
    match matcher:
        case None:
            return Place(argument=at, kind="exact", words=f"is {_shown(value)}")
        case Prefix():
            return Place(argument=at, kind="prefix", words=f"begins with {_shown(matcher.text)}")
        case Range():
            low, high = shapes.plainly(matcher.low), shapes.plainly(matcher.high)
            return Place(argument=at, kind="range", words=f"is from {low} to {high}")
        case OneOf():
            values = ", ".join(_shown(json.loads(one)) for one in matcher.values)
            return Place(argument=at, kind="one_of", words=f"is one of {values}")
        case Anything():
            return Place(argument=at, kind="any", words="may be anything")


def _shown(value: Any) -> str:
    return plain.shorten(plain.visible(json.dumps(value, ensure_ascii=False)), SHOWN)
