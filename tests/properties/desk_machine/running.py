"""What runs: the claim and the result, as the executor of the gateway goes about them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from approvals.domain.model import Cause
from approvals.errors import Refusal
from tests.fakes.desk import LEASE, returned
from tests.properties.desk_machine import authority
from tests.properties.desk_machine.answers import (
    Answers,
)


class Runs(Answers):
    """Approved calls run, once."""

    @rule(request_id=Answers.asked, desk=st.integers(0, 1), settles=st.booleans())
    def execute(self, request_id: str, desk: int, settles: bool) -> None:
        """As the executor does: the tool and the policy as they are now, then the claim, then the result."""
        case = self.act(request_id)
        here = self.world.desks[desk]
        if case.mark != self.world.mark or self.world.stricter:
            cause = Cause.TOOL_CHANGED if case.mark != self.world.mark else Cause.POLICY_CHANGED
            self.do(here.cancel(case.id, actor="placet", cause=cause))
            assert case.state not in ("pending", "approved")
            return
        claimed = self.do(here.claim(case.id, binding=case.binding, lease=LEASE))
        if isinstance(claimed, Refusal):
            # As time has left it: what was claimed was judged by its row.
            assert not authority.may_run(self.facts, case)
        else:
            self.running.append((here, case.id))
            again = self.do(self.world.desks[1 - desk].claim(case.id, binding=case.binding, lease=LEASE))
            assert isinstance(again, Refusal)
            if desk:
                self.settle_anothers(case.id, 1 - desk)
            if settles:
                self.settle()

    @rule(request_id=Answers.asked, desk=st.integers(0, 1))
    def settle_anothers(self, request_id: str, desk: int) -> None:
        """What a process says of a run that is not its own, or of none, is no result."""
        case, here = self.act(request_id), self.world.desks[desk]
        state, rows = case.state, case.rows
        if case.holder != here.holder:
            self.do(here.settle(request_id, returned()))
            assert (case.state, case.rows) == (state, rows + 1)

    @rule()
    def settle(self) -> None:
        if self.running:
            desk, request_id = self.running.pop()
            case = self.act(request_id)
            state, holds = case.state, case.holder == desk.holder
            self.do(desk.settle(request_id, returned()))
            assert case.state == ("succeeded" if state == "executing" and holds else state)

    @rule(request_id=Answers.asked, stale=st.booleans())
    def claim_beside(self, request_id: str, stale: bool) -> None:
        """A claim by another binding is never one."""
        case = self.act(request_id)
        if stale:
            assert isinstance(self.do(self.world.desks[0].claim(case.id, binding="0" * 64, lease=LEASE)), Refusal)
