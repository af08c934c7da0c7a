"""The four things that can become of a call, which are the third dimension of the matrix."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of a call. The value is the word that marks it in the arguments of a call."""

    ALLOWED = "allowed"
    DENIED = "denied"
    APPROVED = "approved"
    REFUSED = "refused"

    @property
    def label(self) -> str:
        """The name of it on the page."""
        return {"approved": "held and approved", "refused": "held and denied"}.get(self.value, self.value)


REASON = "Not while the matrix is looking"
"""What the reviewer says with a denial: it must reach the agent."""
RULE_SAYS = "The matrix denies this one"
"""And what the policy says."""
