"""What people are told when a call that waited for others has ended: the human behind the agent, and who handed it on.

One sentence: how it ended, and where to read more.

No word of an agent's or a reviewer's is in it, since it goes where nobody chose what may be shown.
"""

from __future__ import annotations

from approvals.domain import plain
from approvals.domain.model import OPEN_STATES, ApprovalRequest, Cause, Ground, PersonId, State

_HOW = {
    State.DENIED: "was denied by a reviewer and did not run",
    State.EXPIRED: "was not decided in time and did not run",
    State.CANCELLED: "was cancelled and did not run",
    State.SUCCEEDED: "{allowed} and ran",
    State.FAILED: "{allowed} and ran, and the server answered with an error",
    State.UNKNOWN: "{allowed} and sent, and no answer came",
}
_BECAUSE = {
    Cause.UNDELIVERED: "reached no reviewer and did not run",
    Cause.NOT_COLLECTED: "{allowed}, but its agent did not come back for it, so it did not run",
    Cause.UNSENT: "{allowed}, but could not be sent and did not run",
    Cause.RESOLVED_RAN: "{allowed} and sent, and no answer came; somebody noted that it ran",
    Cause.RESOLVED_DID_NOT_RUN: "{allowed} and sent, and no answer came; somebody noted that it did not run",
}
_ALLOWED = {
    None: "was approved",
    Ground.SILENCE: "was allowed by silence",
    Ground.BREAK_GLASS: "was let through by break-glass",
    Ground.GRANT: "was covered by a standing grant",
}


def to_tell(before: ApprovalRequest, after: ApprovalRequest, actor: str) -> tuple[PersonId, ...]:
    """Whom to tell that a step ended it: not who ended it or voted themselves, and not of what the agent took back.

    Nor of what a standing grant let run and went well: nobody waited for it.
    """
    if before.state not in OPEN_STATES or after.state in OPEN_STATES or after.cause is Cause.CLIENT_CANCELLED:
        return ()
    if after.covered is not None and after.state is State.SUCCEEDED:
        return ()
    owner = after.caller.owner
    waits = dict.fromkeys([*([PersonId(owner.lower())] if owner is not None else []), *after.handed_by])
    know = {actor.lower(), *(vote.reviewer for vote in after.votes)}
    return tuple(one for one in waits if one not in know)


def line(request: ApprovalRequest, *, url: str) -> str:
    """One sentence, and the address of the page."""
    call, caller = request.call, request.caller
    how = (_BECAUSE.get(request.cause) if request.cause else None) or _HOW[request.state]
    what = f"{plain.visible(call.tool)} on {plain.visible(call.server)}"
    return (
        f"{what}, which {plain.visible(caller.agent)} asked for, {how.format(allowed=_ALLOWED[request.ground])}.\n{url}"
    )
