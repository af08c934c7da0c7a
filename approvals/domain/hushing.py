"""A request as it may leave: what its arguments hide is hidden in everything else that was written about it, too.

A justification, an answer of the server, or a reason may repeat a value that a rule, its name or its shape made a
secret. No pattern finds it there; but the arguments say what it is. So every sink takes the hushed request, and the
redactor goes on from there. What may be read in full is not hushed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from approvals.domain.lifecycle import Record
from approvals.domain.model import ApprovalRequest, Outcome
from approvals.domain.redact import HIDDEN, Redactor
from approvals.domain.terms import Steps

SHORTEST = 6
"""A shorter value is hidden where it stands and not looked for elsewhere: too many words would be like it."""


class Hush:
    """Hides known values in texts."""

    def __init__(self, known: Iterable[str]) -> None:
        # The longest first, so that one that contains another goes as a whole.
        self.known = sorted({one for one in known if len(one) >= SHORTEST}, key=lambda one: (-len(one), one))

    def text(self, text: str) -> str:
        """A text without the values, also as JSON writes them."""
        for one in self.known:
            for form in {one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1]}:
                text = text.replace(form, HIDDEN)
        return text

    def value(self, value: Any) -> Any:
        """A JSON value with every text in it hushed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, Mapping):
            return {self.text(name): self.value(item) for name, item in value.items()}
        return HIDDEN if self._is_number(value) and str(value) in self.known else value

    def _is_number(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    def maybe(self, text: str | None) -> str | None:
        """A text, if there is one."""
        return None if text is None else self.text(text)


def hush_of(request: ApprovalRequest) -> Hush:
    """What the arguments of a request hide, those before an edit included."""
    return hush_from((request.call.arguments, request.edited_from), request.terms.redact)


def hush_from(stored: Iterable[bytes | None], places: Iterable[Steps]) -> Hush:
    """What some stored arguments hide, at these places, by name and by shape."""
    redactor, places = Redactor(), tuple(places)
    for arguments in stored:
        if arguments is not None:
            redactor.value(redactor.places(json.loads(arguments), places))
    return Hush(redactor.known)


def hushed(request: ApprovalRequest, hush: Hush | None = None) -> ApprovalRequest:
    """The request with nothing said twice that its arguments hide. The arguments themselves are the redactor's.

    `hush` is that of the request, where it is at hand: it takes long to find in long arguments.
    """
    hush = hush or hush_of(request)
    if not hush.known:
        return request
    return replace(
        request,
        justification=hush.maybe(request.justification),
        votes=tuple(replace(vote, reason=hush.maybe(vote.reason)) for vote in request.votes),
        questions=tuple(
            replace(one, text=hush.text(one.text), answer=hush.maybe(one.answer)) for one in request.questions
        ),
        over=tuple(replace(one, name=hush.text(one.name), words=hush.text(one.words)) for one in request.over),
        outcome=None if request.outcome is None else _outcome(request.outcome, hush),
    )


def hushed_ledger(request: ApprovalRequest, history: Iterable[Record], hush: Hush | None = None) -> tuple[Record, ...]:
    """The ledger of a request, its details hushed alike."""
    hush = hush or hush_of(request)
    return tuple(replace(row, detail=hush.value(row.detail)) if hush.known else row for row in history)


def _outcome(outcome: Outcome, hush: Hush) -> Outcome:
    result = outcome.result
    if result is not None:
        try:
            result = json.dumps(hush.value(json.loads(result))).encode()
        except (ValueError, RecursionError):
            result = json.dumps({"content": [], "hidden": HIDDEN}).encode()
    return replace(outcome, result=result, error=hush.maybe(outcome.error))
