"""What an edit changed: one `Change` for every place of the arguments that reads otherwise than before.

Lists are compared place by place, so an element put in front changes all that follow it: dull, and never wrong. A
change says whether the redactor knows a secret at its place. It is kept as JSON data in the ledger, long values cut;
who may not read the arguments in full, and every channel, sees `masked` changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from approvals.domain.model import ApprovalRequest
from approvals.domain.plain import shorten, visible
from approvals.domain.redact import HIDDEN, Redactor, redact_text
from approvals.domain.terms import Steps

MOST = 200
"""So many changes of one edit are kept; how many more there were is said."""
VALUE_KEPT = 2_000
"""Characters of one value that are kept."""


class _Absent:
    """What stands at a place where nothing stands."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One place, by its JSON Pointer, with what stood and stands there. `secret`: the redactor would hide it."""

    path: str
    was: Any = ABSENT
    now: Any = ABSENT
    secret: bool = False

    def as_json(self) -> dict[str, Any]:
        """What the ledger keeps: a member that is not there says that nothing stood, or stands, there."""
        said: dict[str, Any] = {"path": self.path}
        for name, value in (("from", self.was), ("to", self.now)):
            if value is not ABSENT:
                said[name] = _bounded(value)
        return {**said, **({"secret": True} if self.secret else {})}

    def words(self) -> str:
        """The change in one visible line, values as JSON: `/amount: 500 → 50`."""
        path = visible(self.path) or "/"
        if self.was is ABSENT:
            return f"{path}: added {_written(self.now)}"
        if self.now is ABSENT:
            return f"{path}: removed {_written(self.was)}"
        return f"{path}: {_written(self.was)} → {_written(self.now)}"


def changes(before: Any, after: Any, places: Iterable[Steps] = ()) -> tuple[Change, ...]:
    """Everything that differs between two JSON values; `places` are what a rule hides."""
    places = tuple(places)
    redacted = [Redactor().value(Redactor().places(value, places)) for value in (before, after)]
    return tuple(
        Change(path=_pointer(steps), was=was, now=now, secret=_hides(steps, (was, now), redacted))
        for steps, was, now in _differences(before, after, ())
    )


def kept(found: Sequence[Change]) -> dict[str, Any]:
    """The changes as a detail of the ledger."""
    more = {"more_changes": len(found) - MOST} if len(found) > MOST else {}
    return {"changes": [one.as_json() for one in found[:MOST]], **more}


def read(detail: Mapping[str, Any]) -> tuple[Change, ...]:
    """The changes that `kept` wrote."""
    return tuple(
        Change(
            path=one["path"], was=one.get("from", ABSENT), now=one.get("to", ABSENT), secret=one.get("secret", False)
        )
        for one in detail.get("changes", ())
    )


def masked(found: Iterable[Change]) -> tuple[Change, ...]:
    """The same with what is secret hidden: that it changed stays to be seen."""
    return tuple(
        Change(
            path=redact_text(one.path),
            was=ABSENT if one.was is ABSENT else HIDDEN,
            now=ABSENT if one.now is ABSENT else HIDDEN,
            secret=True,
        )
        if one.secret
        else one
        for one in found
    )


def edits_of(request: ApprovalRequest) -> tuple[str, ...]:
    """What reviewers changed of a request, from what the agent asked: a line each, secrets masked."""
    if request.edited_from is None:
        return ()
    before, after = json.loads(request.edited_from), json.loads(request.call.arguments)
    found = masked(changes(before, after, request.terms.redact))
    return tuple(visible(redact_text(one.words())) for one in found)


def _differences(
    before: Any, after: Any, at: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(name, ABSENT), after.get(name, ABSENT), (*at, name))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            was = before[index] if index < len(before) else ABSENT
            now = after[index] if index < len(after) else ABSENT
            yield from _differences(was, now, (*at, index))
    elif not _same(before, after):
        yield at, before, after


def _same(before: Any, after: Any) -> bool:
    # True is no 1; an absent value is nothing else.
    return isinstance(before, bool) == isinstance(after, bool) and bool(before == after)


def _hides(steps: tuple[str | int, ...], values: tuple[Any, Any], redacted: list[Any]) -> bool:
    """Does the redactor change anything at this place, in either value? What it moved away is hidden, too."""
    pairs = zip(values, redacted, strict=True)
    return redact_text(_pointer(steps)) != _pointer(steps) or any(
        value is not ABSENT and _at(whole, steps) != value for value, whole in pairs
    )


def _at(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return ABSENT
    return value


def _pointer(steps: tuple[str | int, ...]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _bounded(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= VALUE_KEPT else shorten(text, VALUE_KEPT)


def _written(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False))
