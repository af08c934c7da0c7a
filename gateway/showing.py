"""Showing a waiting request to the agent's own user, where its rule says `self_service` (protocol.md 2.2 and 2.5).

A modern client is answered at once that input is required: its user is asked to open the page, and it comes back with
a sealed state. The state names the request and does nothing else: the call walks the whole way again, and what it may
do is in the row. An older client is asked on its stream while its call is held, and nothing waits for the answer.

A client that takes tasks is shown the page first too, and gets its task when it comes back: the question is for the
user and takes no time of ours, a task carries the wait that follows, and ext-tasks wants every round trip done before
a task is made. A task at once would leave the user unasked, which is what the rule is for.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from approvals.desk import Desk
from approvals.domain.model import ApprovalRequest, State
from gateway.asking import Question, Side, declares
from gateway.conversation import BAD_STATE, bound_of
from gateway.protocol import showing
from gateway.protocol.showing import Reply, Way
from gateway.protocol.state_token import NONCE_BYTES, Bound, seal, unseal
from gateway.upstreams import InputRequired, Result, RpcError
from gateway.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """A client that has come back from showing a page: of which request, and what its user said if it tells."""

    request: ApprovalRequest
    reply: Reply | None

    def unopened(self, request: ApprovalRequest) -> bool:
        """Whether its user would not open the page of this request."""
        return request.id == self.request.id and self.reply in {Reply.DECLINED, Reply.DISMISSED}


class Showing:
    """Puts pages before the users of agents. `page` makes the address of a request's page; `clock` is Unix seconds."""

    def __init__(
        self, desk: Desk, work: Work, key: bytes, page: Callable[[str], str], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._desk, self._work, self._key, self._page, self._clock = desk, work, key, page, clock

    async def back(self, side: Side) -> Back | RpcError | None:
        """The client as one that comes back with a state of ours; None where it brings none, or a server's.

        RpcError: the state is nobody's, another call's or agent's, or has run out.

        Raises:
            Unavailable.
        """
        if side.state is None:
            return None
        now = int(self._clock())
        content = unseal(self._key, _bound(side), side.state, now=now)
        if content is None:
            return None if unseal(self._key, bound_of(side), side.state, now=now) is not None else BAD_STATE
        request = await self._desk.get(str(content["request"]))
        if request is None:
            return BAD_STATE
        reply = showing.reply_in(side.answers)
        if reply is not None and request.shown_at is None:
            await self._desk.shown(request.id)
            request = await self._desk.get(request.id) or request
        return Back(request=request, reply=reply)

    def way(self, side: Side, request: ApprovalRequest) -> Way:
        """How this client shows the page of this request, if it is to."""
        undecided = request.state is State.PENDING and request.shown_at is None
        return showing.way(
            wanted=request.terms.self_service and undecided,
            declared=declares(side.capabilities, Question(method=showing.METHOD, params=showing.URL_MODE)),
            modern=side.modern,
            live=side.line.live,
        )

    def round_trip(self, side: Side, request: ApprovalRequest) -> InputRequired:
        """The answer of a call whose client is to show the page and come back."""
        # As long as there is something to come back for; a deadline that is moved later is found without a state.
        ends = request.expires_at + request.terms.collect_within
        content = {"request": request.id}
        nonce = secrets.token_bytes(NONCE_BYTES)
        state = seal(self._key, nonce, _bound(side), content, expires=int(ends.timestamp()))
        return InputRequired(raw=showing.round_trip(request, url=self._page(request.id), state=state))

    async def beside(self, side: Side, request: ApprovalRequest, hold: Awaitable[ApprovalRequest]) -> ApprovalRequest:
        """Hold the call, and meanwhile ask a client that can be asked live; the hold ends as if nobody had been."""
        if self.way(side, request) is not Way.LIVE:
            return await hold
        await side.line.open()
        elicitation = secrets.token_urlsafe(15)
        asking = self._work.begin(self._ask(side, request, elicitation))
        try:
            current = await hold
        finally:
            asking.cancel()
        answered = asking.done.done() and not asking.done.cancelled()
        if answered and asking.done.result() is Reply.OPENED and current.state is not State.PENDING:
            await side.line.told(showing.COMPLETE, showing.completed(elicitation))
        return current

    async def _ask(self, side: Side, request: ApprovalRequest, elicitation: str) -> Reply | None:
        params = showing.question(request, url=self._page(request.id), elicitation=elicitation)
        answer = await side.line.ask(showing.METHOD, params)
        reply = showing.reply(answer.raw) if isinstance(answer, Result) else None
        if reply is not None:
            self._work.start(self._desk.shown(request.id))
        return reply


def _bound(side: Side) -> Bound:
    return Bound(purpose="showing", agent=side.agent, digest=side.digest)
