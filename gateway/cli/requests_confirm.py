"""The further step of who approves too fast, at a terminal: asked there, or given by --confirm."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from approvals.desk import Desk
from approvals.domain.attention import YES
from approvals.domain.model import ApprovalRequest, Decision
from approvals.domain.plain import visible
from approvals.errors import ConfirmNeeded


async def confirming(desk: Desk, request_id: str, decision: Decision) -> ApprovalRequest:
    """Decide; where a step more is asked for and somebody sits there, ask them once.

    Raises:
        ConfirmNeeded: nobody sits there, or what they typed was not it.
        Refusal: as the desk says.
    """
    try:
        return await desk.decide(request_id, decision)
    except ConfirmNeeded as needed:
        if decision.confirm is not None or not sys.stdin.isatty():
            raise
        typed = _asked(needed)
    return await desk.decide(request_id, replace(decision, confirm=typed))


def _asked(needed: ConfirmNeeded) -> str:
    click.echo(f"{needed.fields['why']}.", err=True)
    send = str(needed.fields["send"])
    if needed.fields["level"] == 1:
        click.confirm("Look again. Approve it?", abort=True, err=True)
        return YES
    typed: str = click.prompt(f"Type the name of the tool, {visible(send)}, to approve it", err=True)
    return typed
