"""A request as a terminal shows it: in one line, and whole. Both say who did what, and when, as every card does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from approvals.domain import changes, stops
from approvals.domain.changes import Change
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.plain import visible, visible_lines


def line(request: ApprovalRequest, *, told: str, now: datetime) -> str:
    """One line; `told` is what has happened to it."""
    left = request.expires_at - now
    if request.state is State.PENDING and left > timedelta(0):
        told = f"{_span(left)} left; {told}"
    what = f"{request.call.server}/{request.call.tool}"
    return f"{request.id}  {request.state:<10} {what:<32} {request.caller.agent:<20} {told}"


def page(request: ApprovalRequest, shown: Mapping[str, Any], *, told: str) -> str:
    """A request whole; `told` is what has happened to it."""
    arguments = visible_lines(json.dumps(shown["arguments"], indent=2, ensure_ascii=False))
    if request.destroyed is not None:
        arguments = str(request.destroyed)
    facts = {
        "state": f"{request.state}{f' ({request.cause})' if request.cause else ''}",
        "status": told,
        "tool": f"{request.call.server}/{request.call.tool}  ({request.risk}, {request.severity})",
        "agent": f"{request.caller.agent}, for {request.caller.owner or 'nobody'}",
        "rule": f"{request.rule}  {request.rule_reason or ''}".rstrip(),
        **({"stopped": _stopped(shown["stopped"])} if shown["stopped"] else {}),
        **{f"goes over {one['limit']}": _over(one) for one in shown["over"]},
        **({"yours": _yours(shown["needs_after"])} if shown["needs_after"] else {}),
        "decide by": f"{request.expires_at:%Y-%m-%d %H:%M:%S} UTC",
        "binding": request.binding,
    }
    lines = [request.id, *(f"  {key:<10} {value}" for key, value in facts.items())]
    for one in shown["questions"]:
        lines.append(f"  {one['by']} asked: {visible_lines(one['question'])}")
        lines.append(f"  the agent says, unverified: {visible_lines(one['answer'] or '(nothing yet)')}")
    lines += [_vote(vote) for vote in shown["votes"]]
    for one in shown.get("comments", ()):
        lines.append(f"  {one['by']} wrote: {visible_lines(one['text'])}")
    changed = [f"    {one.words()}" for one in edits(shown)]
    lines += ["  edited, from what the agent asked", *changed] if changed else []
    lines += ["  arguments", *(f"    {line}" for line in arguments.splitlines())]
    return "\n".join([*lines, *_outcome(shown), *map(_expectation, shown.get("expected", ()))])


def edits(shown: Mapping[str, Any]) -> tuple[Change, ...]:
    """What reviewers changed, as the person may see it."""
    return changes.read({"changes": shown["changes"]})


def _vote(vote: Mapping[str, Any]) -> str:
    reason = f": “{visible(vote['reason'])}”" if vote["reason"] else ""
    return f"  {vote['decision']:<10} by {vote['reviewer']} via {vote['via']}{reason}"


def _outcome(shown: Mapping[str, Any]) -> list[str]:
    """What the server answered, or what went wrong."""
    came = shown["outcome"]
    if came is None:
        return []
    lines = [f"  went wrong  {visible(came['error'])}"] if came["error"] else []
    if came["result"] is None:
        return lines
    result = visible_lines(json.dumps(came["result"], indent=2, ensure_ascii=False))
    return [*lines, "  result", *(f"    {line}" for line in result.splitlines())]


def _expectation(one: Mapping[str, Any]) -> str:
    note = f" (“{visible(one['note'])}”)" if one["note"] else ""
    return f"  {one['person']} says: {'as expected' if one['as_expected'] else 'not as expected'}{note}"


def _stopped(stop: Mapping[str, Any]) -> str:
    scope = stops.named(stop["scope"])
    if stop["kind"] == "pause":
        return f"{scope} is paused; it can be denied, not approved"
    return visible(f"{stop['by']} has frozen {scope} (“{stop['reason']}”); it can be denied, not approved")


def _yours(after: Sequence[Mapping[str, Any]]) -> str:
    """What this person's approval would come to."""
    left = [(need["count"] - need["have"], need["members"]) for need in after if need["have"] < need["count"]]
    asked = " and ".join(f"{n} of {' or '.join(one.removeprefix('group:') for one in of)}" for n, of in left)
    return visible(f"your approval leaves {asked} to approve" if left else "your approval is all that is still needed")


def _over(one: Mapping[str, str]) -> str:
    return f"{one['max']} {one['words']}; raised, it would be {one['to']}"


def _span(left: timedelta) -> str:
    seconds = max(0, int(left.total_seconds()))
    return (
        f"{seconds // 60}m{seconds % 60:02d}s" if seconds < 3600 else f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
    )
