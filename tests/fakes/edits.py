"""A judge of edited calls that says what a test wants."""

from __future__ import annotations

from approvals.domain.model import ApprovalRequest, Ruled, ToolCall
from approvals.errors import Refusal

RULED = Ruled(rule="/tools/new_order/approve_if/1", policy_version="v2", rule_reason="Small", severity="low")


class Says:
    """Judges every edited call alike, and remembers which."""

    def __init__(self, said: Ruled | Refusal = RULED) -> None:
        self.said, self.asked = said, list[bytes]()

    async def ruled(self, request: ApprovalRequest, call: ToolCall) -> Ruled:
        assert request.call.arguments != call.arguments
        self.asked.append(call.arguments)
        if isinstance(self.said, Refusal):
            raise self.said
        return self.said
