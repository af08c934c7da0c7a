"""One thing that speaks for a class. What is clear decides; what is loose decides where nothing is clear."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.policy.model import Evidence, RiskClass

ORDER = list(RiskClass)
"""From the mildest to the strictest: money over loss, loss over running things, that over changes (policy.md 1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`clear`: the words can hardly mean anything else. `priced`: it sets what will be paid, and moves nothing yet.

    `choice`: a parameter and the one of its values that does it.
    """

    kind: RiskClass
    evidence: Evidence
    clear: bool = True
    priced: bool = False
    choice: tuple[str, str] | None = None


def strictest(claims: Iterable[Claim]) -> Claim | None:
    """The claim for the strictest class; the first of several."""
    return max(claims, key=lambda claim: ORDER.index(claim.kind), default=None)
