"""Earlier decisions on calls like the one that `placet requests show` shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from approvals.domain.model import ApprovalRequest, Person
from approvals.domain.plain import visible
from approvals.domain.similar import Verdict, said_of
from approvals.web.similar import written
from gateway.cli.session import Session


async def before(session: Session, request: ApprovalRequest, person: Person) -> dict[str, Any]:
    """What was decided before, as REST has it."""
    return await session.db.read(lambda tx: written(tx, session.desk.directory, request, person))


def before_lines(similar: Mapping[str, Any]) -> list[str]:
    """The counts, and a line for each earlier request."""
    lines = [f"  before     {similar['summary']}"]
    same = [f"{visible(one['argument'])} {one['equal']} of {one['of']}" for one in similar["same"] if one["of"]]
    if same:
        lines.append(f"    decided with the same value: {', '.join(same)}")
    return [*lines, *(f"    {_line(one)}" for one in similar["earlier"])]


def _line(one: Mapping[str, Any]) -> str:
    return f"{one['id']}  {one['at'][:16].replace('T', ' ')} UTC  {_said(one)}; {_likeness(one)}"


def _said(one: Mapping[str, Any]) -> str:
    by = f" by {', '.join(who['id'] for who in one['by'])}" if one["by"] else ""
    reason = f" (“{visible(one['reason'])}”)" if one["reason"] else ""
    return f"{said_of(Verdict(one['verdict']))}{by}{' as edited' if one['edited'] else ''}{reason}"


def _likeness(one: Mapping[str, Any]) -> str:
    like = one["likeness"]
    if like is None:
        return "its arguments are too long to be compared by name"
    if like["exact"]:
        return "exactly the same arguments"
    said = [f"{like['equal']} of {like['of']} arguments equal"]
    if like["differs"]:
        more = f" and {like['more_differ']} more" if like["more_differ"] else ""
        said.append(f"differs in {', '.join(map(visible, like['differs']))}{more}")
    if like["hidden"]:
        said.append(f"hidden from you: {', '.join(map(visible, like['hidden']))}")
    return "; ".join(said)
