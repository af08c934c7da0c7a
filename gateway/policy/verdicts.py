"""What a call gets in the end: the ruling of the policy, and the limits it must have room in.

The pipeline acts on the two one after the other; whoever only wants to know (tests in a file, explain, replay) asks
here, so that all of them say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.policy.model import ApprovalSpec, Ruling, Verdict
from gateway.policy.standings import Exceeded, Room, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The verdict with the rule and the words that gave it, whom to ask, and how every limit of the call stands."""

    verdict: Verdict
    rule: str
    reason: str | None
    ruling: Ruling
    approval: ApprovalSpec | None = None
    standings: tuple[Standing, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The shape of `policy explain --json` (contract.md 7)."""
        return {
            "verdict": self.verdict.value,
            "rule": self.rule,
            "reason": self.reason,
            "considered": [one.as_json() for one in self.ruling.trace],
            "limits": [one.as_json() for one in self.standings],
            "policy_version": self.ruling.policy_version,
        }


def final(ruling: Ruling, room: Room | Exceeded) -> Final:
    """What the call gets: a limit without room refuses it or asks, unless the policy denies it already."""
    if ruling.verdict is Verdict.DENY or not isinstance(room, Exceeded):
        return Final(
            verdict=ruling.verdict,
            rule=ruling.rule,
            reason=ruling.reason,
            ruling=ruling,
            approval=ruling.approval,
            standings=room.standings,
        )
    return Final(
        verdict=Verdict.REQUIRE_APPROVAL if room.asks else Verdict.RATE_LIMITED,
        rule=room.rule,
        reason=room.reason,
        ruling=ruling,
        approval=room.use.approval if room.asks else None,
        standings=room.standings,
    )
