"""What a stop does to a request, asked inside the transaction that wants to let its call run.

The rows of this moment are asked, so a stop counts from its commit on, whichever process made it. A request keeps
waiting through a freeze or a pause; it can be denied, but neither people nor silence can let it run.
"""

from __future__ import annotations

from approvals import reached
from approvals.domain import schedule
from approvals.domain.folding import IN_PLACE
from approvals.domain.happening import Event, Happened
from approvals.domain.model import ApprovalRequest, Cause
from approvals.domain.stops import AGENT, SERVER, Pause, Stop, Stops, told
from approvals.storage.tx import Tx


def why(tx: Tx, request: ApprovalRequest) -> str | None:
    """Why the call of a request may not be let run now, as a clause; None if it may."""
    stop = _stop_of(tx, request)
    return None if stop is None else told(stop)


def everything(tx: Tx) -> Stops:
    """All that is stopped now, for whoever shows many requests."""
    return Stops(freezes=tuple(tx.switches.in_force(tx.now)), paused=tx.agents.paused())


def repaint(tx: Tx, scope: str) -> None:
    """Ask for the cards of what waits under a scope anew, since what they offer has changed."""
    agent = scope.removeprefix(AGENT) if scope.startswith(AGENT) else None
    server = scope.removeprefix(SERVER) if scope.startswith(SERVER) else None
    tx.card_groups.redraw(IN_PLACE, agent=agent, server=server)


def _stop_of(tx: Tx, request: ApprovalRequest) -> Stop | None:
    agent, server = request.caller.agent, request.call.server
    freeze = tx.switches.freeze_of(agent=agent, server=server)
    if freeze is not None:
        return freeze
    row = tx.agents.get(agent)
    return Pause(agent=agent, at=row.paused_at) if row is not None and row.paused_at is not None else None


def due(tx: Tx, request: ApprovalRequest) -> Happened | None:
    """What time has brought. Silence allows nothing while the call is stopped, and is none where nobody was told."""
    by_time = schedule.due(request, tx.now)
    if by_time is None or by_time.event not in schedule.OF_SILENCE:
        return by_time
    if reached.nobody(tx, request):
        return schedule.untold(request, by_time, tx.now)
    if by_time.event is not Event.DEFAULTED or why(tx, request) is None:
        return by_time
    return Happened(event=Event.TIMED_OUT, actor=schedule.CLOCK, cause=Cause.TIMED_OUT)
